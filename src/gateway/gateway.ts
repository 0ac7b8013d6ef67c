/**
 * The one door. Made before the rooms, because rooms are given what it offers (callers, roles, the bus, trust); the
 * rooms are handed over with `open`, and only then does it listen.
 *
 *   createGateway ─▶ house ─▶ rooms ─▶ gateway.open(rooms) ─▶ recover, engine ─▶ gateway.listen ─▶ … ─▶ close
 */

import type { Clock } from '#base/clock.ts';
import type { Log } from '#base/log.ts';
import type { Principal } from '#core/policy/principal.ts';
import type { AssumeRole, Assumed, BusEvent, Caller, Route, Trust } from '#services/service.ts';
import { createAssumeRole } from './assume.ts';
import { createAudit } from './audit.ts';
import { createAuthenticate } from './authenticate.ts';
import { createAuthorize } from './authorize.ts';
import { createBodies } from './body.ts';
import { isWanted, publish } from './bus.ts';
import { createCaller } from './calls.ts';
import { innerOrigin, outerOrigin } from './origins.ts';
import { createFormUploads } from './form-uploads.ts';
import { createHandling } from './handle.ts';
import { createIdentify, type RootKey } from './identify.ts';
import { createInternalRoutes } from './internal-routes.ts';
import { createRecording } from './recording.ts';
import { createRooms, type AnyService } from './rooms.ts';
import { createDoor, doorLimits, type DoorLimits, type TlsIdentity } from './server.ts';

export interface GatewayOptions {
  readonly account: string;
  readonly region: string;
  readonly rootKey: RootKey;
  readonly clock: Clock;
  readonly log: Log;
  /** Doors of other protocols besides those of the rooms. */
  readonly routes?: readonly Route[];
  /** Host names below which buckets may be sub-domains. */
  readonly bucketHosts?: readonly string[];
  readonly limits?: Partial<DoorLimits>;
  readonly tls?: TlsIdentity | undefined;
  /** Of a server's door, for a node that has none of its own. */
  readonly url?: string | undefined;
}

export interface Gateway {
  /** Hands over the rooms, once, before anything is served. */
  open(services: readonly AnyService[]): void;
  listen(host: string, port: number): Promise<{ readonly url: string }>;
  /** A new certificate, for connections from now on. */
  renewTls(identity: TlsIdentity): void;
  /** Lets running requests end for up to `graceMs`. */
  close(graceMs: number): Promise<void>;
  /** Base URL under which clients on this machine reach us; a bug before `listen`. */
  endpoint(): string;
  readonly trust: Trust;
  asService(service: string, sourceArn?: string): Caller;
  assumeRole(request: AssumeRole): Promise<Assumed>;
  publish(event: BusEvent): Promise<void>;
  isWanted(event: BusEvent): Promise<boolean>;
  heldOf(arns: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Acts as this principal, for the server itself: the root of the account, above all. */
  callerOf(principal: Principal): Caller;
}

/** Who calls when nobody is named: a person or program on the server itself. */
const OWN_SOURCE = 'slipway';

export function createGateway(options: GatewayOptions): Gateway {
  const { account, region, clock, log } = options;
  const rooms = createRooms();
  const audit = createAudit(log);
  const identify = createIdentify(rooms, options.rootKey, account);
  const authorize = createAuthorize(rooms);
  const recording = createRecording(rooms, clock, account, region);
  const bodies = createBodies(clock);
  let url = options.url ?? '';
  const endpoint = () => url;
  const handling = createHandling({
    account,
    region,
    bucketHosts: options.bucketHosts ?? ['localhost'],
    rooms,
    clock,
    log,
    audit,
    recording,
    bodies,
    authenticate: createAuthenticate({ region, clock, identify, bodies }),
    formUploads: createFormUploads({ region, clock, identify, bodies }),
    authorize,
    callerFor: (principal, origin, base, signal) =>
      createCaller(handling, principal, origin, () => base, signal),
  });
  const callerFor = (principal: Principal, source: string, sourceArn?: string): Caller =>
    createCaller(handling, principal, innerOrigin(source, region, sourceArn), endpoint);
  const own = createInternalRoutes(audit, rooms);
  const door = createDoor({
    log,
    clock,
    limits: { ...doorLimits, ...options.limits },
    tls: options.tls,
    // Our own ends with a door for everything below `/_slipway/`, which must not hide a room's.
    routes: () => [...(options.routes ?? []), ...rooms.routes, ...own],
    handle: handling.handle,
  });

  return {
    open: (services) => rooms.open(services),
    async listen(host, port) {
      const listening = await door.listen(host, port);
      url = listening.url;
      return listening;
    },
    renewTls: (identity) => door.renewTls(identity),
    close: (graceMs) => door.close(graceMs),
    endpoint,
    trust: {
      identify,
      identifyServiceCredential: async (serviceName, userName, password) =>
        rooms.identities?.byServiceCredential(serviceName, userName, password),
      authorize: (principal, permissions, from) =>
        authorize(
          principal,
          permissions,
          from ? outerOrigin(from, region) : innerOrigin(OWN_SOURCE, region),
          clock.now(),
        ),
      as: (principal) => callerFor(principal, OWN_SOURCE),
      record: (visit) => recording.recordVisit(visit, outerOrigin(visit.from, region)),
    },
    asService(service, sourceArn) {
      const name = `${service}.amazonaws.com`;
      const source = { sourceAccount: account, ...(sourceArn !== undefined && { sourceArn }) };
      return callerFor({ type: 'service', account, service: name, ...source }, name);
    },
    assumeRole: createAssumeRole({ account, identify, callerFor }),
    publish: (event) => publish(rooms.subscriptions, event),
    isWanted: (event) => isWanted(rooms.subscriptions, event),
    heldOf: (arns) => rooms.heldOf(arns),
    callerOf: (principal) => callerFor(principal, OWN_SOURCE),
  };
}
