/**
 * AWS CodeBuild: projects, and builds that run them in a sandbox or in a container on this machine.
 *
 * Gaps: see `gaps.ts`; VPCs, file systems, debug sessions, builds that the whole world may read. Webhooks are entered at
 * their providers by hand, and filters know the files of a push but not of a pull request.
 *
 * By design: a build has doors instead of a network (decision 012). The curated images are names for the tools of
 * this machine unless the catalogue says otherwise, and the log says so. A project of a pipeline takes the place of its
 * input and output from the members `sourceLocationOverride`, `artifactsOverride` and their secondary forms, when
 * CodePipeline calls.
 * CodePipeline itself may also have commands built without a project; see `command-builds.ts`.
 */

import type { Runtime } from '#runtimes/runtime.ts';
import type { House, Service } from '#services/service.ts';
import { badgesRoute } from './badges.ts';
import { buildDirectory, recall } from './bench.ts';
import {
  batchMigration,
  batchSubscription,
  buildBatchOperations,
  createBatches,
  planChild,
} from './batches/index.ts';
import { buildOperations } from './builds.ts';
import { readStatusApis } from './commit-status.ts';
import { createRoleSessions, credentialsRoute, type Work } from './credentials.ts';
import { fleetMigration, fleetOperations, readFleetLimits } from './fleets/index.ts';
import { gaps } from './gaps.ts';
import { answerGit } from './git-helper.ts';
import { imageOperations } from './images.ts';
import type { LocalFolders } from './local-folders.ts';
import { createMachine } from './machine.ts';
import { createPlacing } from './placing.ts';
import { permissions } from './permissions.ts';
import { projectOperations } from './projects.ts';
import { buildOfUuid, type Room } from './room.ts';
import { BUILDS_AT_ONCE_MAX } from './settings.ts';
import { reportGroupOperations } from './report-groups.ts';
import { reportMigration } from './report-tables.ts';
import { trendOperations } from './report-trends.ts';
import { reportOperations } from './reports.ts';
import { createRunning } from './running.ts';
import { createSandboxes, interactiveOperations, sandboxMigrations } from './sandboxes/index.ts';
import { createPolicyReader, sharingOperations } from './sharing.ts';
import { sourceCredentialOperations } from './source-credentials.ts';
import { webhookRoute } from './webhook-deliveries.ts';
import { webhookOperations } from './webhooks.ts';
import { startingOperations } from './starting.ts';
import { migrations } from './tables.ts';
import { createWorkers, type Offer, SIGNS_OF_LIFE } from './workers.ts';
import { openWorkplace, type Workplace } from './workplace.ts';

export function openCodebuild(
  house: House,
  runtime: Runtime,
  folders: LocalFolders = new Map(),
  workplace: Workplace = openWorkplace(house.directory),
  offer: Offer = { buildsMax: undefined, signs: {} },
  environment: NodeJS.ProcessEnv = {},
): Service<'codebuild'> {
  const sessions = createRoleSessions(house);
  const running = createRunning(BUILDS_AT_ONCE_MAX);
  const room: Room = {
    house,
    runtime,
    running,
    folders,
    workplace,
    signs: { ...SIGNS_OF_LIFE, ...offer.signs },
    isHeard: () => workers.isHeard(),
    machine: () => machine,
    placing: () => placing,
    poolLimits: readFleetLimits,
    statusApis: readStatusApis(environment),
  };
  const machine = createMachine(room, sessions);
  const placing = createPlacing(room);
  const workers = createWorkers(room, offer, async (folder) => (await findWork(folder))?.isComplete ?? true);
  let trial: Promise<unknown> = Promise.resolve();

  const sandboxes = createSandboxes(room, sessions);
  const batches = createBatches(room);

  /** The folder of a running build, or sandbox, knows which one it is; that of a build may be on another machine. */
  async function findWork(uuid: string): Promise<Work | undefined> {
    const kept = recall<{ id: string; kind?: 'sandbox' }>(buildDirectory(room, uuid), 'build');
    if (kept?.kind === 'sandbox') return house.engine.read(sandboxes.machine(), kept.id);
    const id = kept?.id ?? (await buildOfUuid(house, uuid));
    return id === undefined ? undefined : house.engine.read(machine, id);
  }

  return {
    name: 'codebuild',
    operations: {
      ...gaps,
      ...projectOperations(room),
      ...startingOperations(room, (call, input) => planChild(batches, call, input)),
      ...buildOperations(room),
      ...reportGroupOperations(room),
      ...reportOperations(room),
      ...trendOperations(room),
      ...sharingOperations(room),
      ...sourceCredentialOperations(room),
      ...webhookOperations(room),
      ...imageOperations(room),
      ...interactiveOperations(sandboxes),
      ...buildBatchOperations(batches),
      ...fleetOperations(room),
    },
    permissions,
    machines: [machine, sandboxes.machine(), batches.machine()],
    migrations: [...migrations, reportMigration, ...sandboxMigrations, batchMigration, fleetMigration],
    subscriptions: [batchSubscription(batches)],
    resourcePolicy: createPolicyReader(house),
    routes: [
      credentialsRoute(house, sessions, findWork, (state, asked, host) =>
        answerGit(room, sessions, state, asked, host),
      ),
      badgesRoute(room),
      webhookRoute(room, batches),
    ],
    async recover() {
      // Trying the sandbox out takes a moment that the first build should not wait for.
      trial = runtime.problem();
      trial.catch((error: unknown) => house.log.error('the build runtime could not be tried', { error }));
      placing.listen();
      await workers.start();
    },
    async close() {
      await workers.stop();
      await trial;
    },
  };
}
