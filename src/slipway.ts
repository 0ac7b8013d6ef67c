/**
 * Builds the house from the ground up, on one page: bytes, engine, rooms, door. Nothing is served before every table
 * is migrated and every room has put right what a crash left.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, systemClock } from '#base/clock.ts';
import type { Log } from '#base/log.ts';
import type { QuotaProfile } from '#base/quotas.ts';
import { createEngine, engineMigrations } from '#engine/engine.ts';
import type { NamedMachine } from '#engine/machine.ts';
import type { AnyService } from '#gateway/rooms.ts';
import { createGateway } from '#gateway/gateway.ts';
import { parseBuildNetwork } from '#runtimes/egress.ts';
import type { TlsIdentity } from '#gateway/server.ts';
import { openRuntime, type RuntimeChoice } from '#runtimes/choice.ts';
import type { Runtime } from '#runtimes/runtime.ts';
import { openCloudtrail } from '#services/cloudtrail/index.ts';
import { openCloudwatch } from '#services/cloudwatch/index.ts';
import { openCodebuild } from '#services/codebuild/index.ts';
import { BUILD_KIND } from '#services/codebuild/machine.ts';
import { SANDBOX_KIND } from '#services/codebuild/sandboxes/index.ts';
import type { SignsOfLife } from '#services/codebuild/room.ts';
import { openWorkplace, type Workplace } from '#services/codebuild/workplace.ts';
import type { LocalFolders } from '#services/codebuild/local-folders.ts';
import { openCodecommit } from '#services/codecommit/index.ts';
import { openCodedeploy } from '#services/codedeploy/index.ts';
import { openCodepipeline } from '#services/codepipeline/index.ts';
import { openEvents } from '#services/events/index.ts';
import { openCodestarNotifications } from '#services/codestar-notifications/index.ts';
import { openIam } from '#services/iam/index.ts';
import { openKms } from '#services/kms/index.ts';
import { openLogs } from '#services/logs/index.ts';
import { openS3 } from '#services/s3/index.ts';
import { isAlive, ownProcessName, parseProcessName } from '#runtimes/processes.ts';
import { openSecretsmanager } from '#services/secretsmanager/index.ts';
import type { Caller, House } from '#services/service.ts';
import { openSns } from '#services/sns/index.ts';
import { openSqs } from '#services/sqs/index.ts';
import { openSsm } from '#services/ssm/index.ts';
import { openSts } from '#services/sts/index.ts';
import { checkSchema, type Database, migrate, openDatabase } from '#store/database.ts';
import { type Keyring, openKeyring } from '#store/keyring.ts';
import { openConfiguredObjects } from '#store/configured-objects.ts';
import { openRepositories } from '#store/repositories.ts';
import { openRootKey, type RootKey } from '#store/root-key.ts';
import { readAuthorities } from '#store/tls-authority.ts';

export interface SlipwayOptions {
  /** The data directory; made when it is not there. */
  readonly directory: string;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Absent: plain HTTP. */
  readonly tls?: TlsIdentity | undefined;
  /** `postgres://…`; SQLite in the data directory otherwise. */
  readonly databaseUrl?: string | undefined;
  readonly account: string;
  readonly region: string;
  /** Whose quotas: this product's own (`seed`), or those that AWS publishes. */
  readonly quotas?: QuotaProfile | undefined;
  /** Where builds run; `process` isolates nothing and must be chosen by name. */
  readonly runtime: RuntimeChoice;
  /** Folders of this machine that stand for sources in S3; for `slipway run` only. */
  readonly folders?: LocalFolders | undefined;
  /** The folder of this machine where builds run; by default the data directory. */
  readonly scratch?: string | undefined;
  /** How many builds this node runs at the same time; by default as many as fit. 0 leaves them to other nodes. */
  readonly builds?: number | undefined;
  /** For tests: after how long without a sign of life a node's builds are lost, and such. */
  readonly signsOfLife?: Partial<SignsOfLife> | undefined;
  /** A node without a door, that only runs builds: the URL of a server's. The database is not migrated. */
  readonly workerOf?: string | undefined;
  /** For the root key. */
  readonly environment: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly clock?: Clock;
  /** For crash tests: see `DatabaseOptions`. */
  readonly beforeWrite?: ((n: number) => void) | undefined;
  /** For crash tests: may change, in place, how the effects of a machine are delivered. */
  readonly disturb?: ((machine: NamedMachine) => void) | undefined;
}

export interface Slipway {
  /** `http://127.0.0.1:7600` */
  readonly url: string;
  readonly rootKey: RootKey;
  readonly house: House;
  readonly rooms: readonly AnyService[];
  /** Acts as the account's root. */
  readonly root: Caller;
  /** A new certificate, for connections from now on. */
  renewTls(identity: TlsIdentity): void;
  /** Takes no new work, lets running work come to a safe point for up to `graceMs`, closes everything. */
  close(graceMs: number): Promise<void>;
}

export async function createSlipway(options: SlipwayOptions): Promise<Slipway> {
  mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  // Before anything is made or changed: without the right root key this is somebody else's data.
  const keyring = openKeyring(options.directory, options.environment);
  const rootKey = openRootKey(options.directory, options.environment, options.workerOf === undefined);
  const database = await openDatabase({
    isTemporary: options.folders !== undefined,
    ...(options.databaseUrl ? { url: options.databaseUrl } : { path: join(options.directory, 'slipway.db') }),
    ...(options.beforeWrite ? { beforeWrite: options.beforeWrite } : {}),
    log: options.log,
  });
  try {
    return await openHouse(options, rootKey, keyring, database);
  } catch (error) {
    // Whoever tries again must find the data directory free.
    await database.close();
    throw error;
  }
}

async function openHouse(
  options: SlipwayOptions,
  rootKey: RootKey,
  keyring: Keyring,
  database: Database,
): Promise<Slipway> {
  const { directory, account, region, quotas = 'seed', log, clock = systemClock, workerOf } = options;
  const workplace = openWorkplace(options.scratch ?? directory);
  const engine = createEngine({
    database,
    clock,
    log,
    node: `${workplace.id} ${ownProcessName()}`,
    isGone: (node) => isGoneFrom(workplace, node),
    place: workplace.id,
    performs: (kind) =>
      kind === SANDBOX_KIND ? options.builds !== 0 : workerOf === undefined || kind === BUILD_KIND,
  });
  const gateway = createGateway({ account, region, rootKey, clock, log, tls: options.tls, url: workerOf });
  const house: House = {
    account,
    region,
    quotas,
    directory,
    endpoint: () => gateway.endpoint(),
    authorities: () => (gateway.endpoint().startsWith('https:') ? readAuthorities(directory) : undefined),
    clock,
    log,
    database,
    objects: await openConfiguredObjects(
      join(directory, 'objects'),
      options.environment,
      () => clock.now(),
      database.dialect === 'postgres',
    ),
    keyring,
    engine,
    repositories: openRepositories(join(directory, 'repositories')),
    asService: (service, sourceArn) => gateway.asService(service, sourceArn),
    assumeRole: (request) => gateway.assumeRole(request),
    publish: (event) => gateway.publish(event),
    isWanted: (event) => gateway.isWanted(event),
    heldOf: (arns) => gateway.heldOf(arns),
    trust: gateway.trust,
  };

  const rooms = openRooms(house, options, workplace);
  const migrations = [...engineMigrations, ...rooms.flatMap((room) => room.migrations)];
  if (workerOf === undefined) await migrate(database, migrations);
  else await checkSchema(database, migrations);
  for (const machine of rooms.flatMap((room) => room.machines)) {
    options.disturb?.(machine);
    engine.register(machine);
  }
  gateway.open(rooms);
  const recovering = rooms.filter(({ name }) => workerOf === undefined || ROOMS_OF_WORKERS.includes(name));
  for (const room of recovering) await room.recover?.();
  const { url } =
    workerOf === undefined ? await gateway.listen(options.host, options.port) : { url: workerOf };
  await engine.start();

  return {
    url,
    rootKey,
    house,
    rooms,
    root: gateway.callerOf({ type: 'root', account }),
    renewTls: (identity) => gateway.renewTls(identity),
    async close(graceMs) {
      for (const room of rooms) room.drain?.();
      await Promise.all([gateway.close(graceMs), engine.stop(graceMs)]);
      for (const room of [...rooms].reverse()) await room.close?.();
      await database.close();
    },
  };
}

/** In the order in which they recover: who is asked comes before who asks. */
function openRooms(house: House, options: SlipwayOptions, workplace: Workplace) {
  return [
    openCloudtrail(house),
    openIam(house),
    openSts(house, options.environment),
    openLogs(house),
    openSqs(house),
    openSns(house, options.environment),
    openCloudwatch(house),
    openKms(house),
    openSsm(house),
    openSecretsmanager(house),
    openS3(house),
    openCodecommit(house),
    openCodebuild(
      house,
      createRuntime(options),
      options.folders,
      workplace,
      {
        buildsMax: options.builds,
        signs: options.signsOfLife ?? {},
      },
      options.environment,
    ),
    ...openCodedeploy(house),
    openCodestarNotifications(house),
    openCodepipeline(house, { githubApi: options.environment['SLIPWAY_GITHUB_API'] }),
    openEvents(house),
  ] as const satisfies readonly AnyService[];
}

/**
 * What a crash left, and the chores of the rooms, are for the servers. A worker only needs what it cannot do without in
 * memory: its place, and which data events of its calls somebody wants records of.
 */
const ROOMS_OF_WORKERS: readonly string[] = ['codebuild', 'cloudtrail'];

/** Only on the machine itself can it be known that a process has ended. */
function isGoneFrom({ id }: Workplace, node: string): boolean {
  const name = node.startsWith(`${id} `) ? parseProcessName(node.slice(id.length + 1)) : undefined;
  return name !== undefined && !isAlive(name);
}

/** Where builds run. `process` isolates nothing, so only the operator's own word chooses it. */
function createRuntime({ runtime, directory, scratch = directory, environment }: SlipwayOptions): Runtime {
  return openRuntime(runtime, environment, {
    directory: join(scratch, 'codebuild', 'sandboxes'),
    hidden: [directory, scratch],
    network: parseBuildNetwork(environment['SLIPWAY_BUILD_NETWORK']),
  });
}
