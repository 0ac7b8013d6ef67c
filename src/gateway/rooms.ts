/**
 * The rooms behind the door, by service name, with their types erased: at this height an input is what the model
 * table says. Rooms are handed over once, after the house was given to them.
 */

import { assert } from '#base/assert.ts';
import type { ServiceName } from '#services/clients.ts';
import type {
  Call,
  CrossOrigin,
  Gap,
  Identities,
  Permission,
  Recorder,
  Route,
  Scope,
  Service,
  Sessions,
  Subscription,
} from '#services/service.ts';

/** One room, whichever. */
export type AnyService = { readonly [Name in ServiceName]: Service<Name> }[ServiceName];

export type AnyHandler = (call: Call, input: object) => Promise<object>;

export interface Room {
  readonly name: string;
  readonly operations: Readonly<Record<string, AnyHandler | Gap>>;
  readonly permissions: Readonly<
    Record<string, ((input: object, scope: Scope) => readonly Permission[]) | undefined>
  >;
  readonly resourcePolicy: Service['resourcePolicy'];
  readonly shownInput: Service['shownInput'];
}

export interface Rooms {
  open(services: readonly AnyService[]): void;
  find(name: string): Room | undefined;
  readonly routes: readonly Route[];
  readonly subscriptions: readonly Subscription[];
  readonly identities: Identities | undefined;
  readonly sessions: Sessions | undefined;
  readonly recorder: Recorder | undefined;
  readonly crossOrigin: CrossOrigin | undefined;
  heldOf(arns: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** What the rooms count, as Prometheus text. */
  metrics(): Promise<string>;
}

export function createRooms(): Rooms {
  const rooms = new Map<string, Room>();
  let opened: readonly AnyService[] = [];
  let routes: readonly Route[] = [];
  let subscriptions: readonly Subscription[] = [];
  let identities: Identities | undefined;
  let sessions: Sessions | undefined;
  let recorder: Recorder | undefined;
  let crossOrigin: CrossOrigin | undefined;
  return {
    open(services) {
      assert(opened.length === 0, 'rooms are opened once');
      opened = services;
      for (const service of services) {
        assert(!rooms.has(service.name), `two rooms are named ${service.name}`);
        rooms.set(service.name, {
          name: service.name,
          operations: service.operations as unknown as Room['operations'],
          permissions: service.permissions as unknown as Room['permissions'],
          resourcePolicy: service.resourcePolicy?.bind(service),
          shownInput: service.shownInput?.bind(service),
        });
      }
      routes = services.flatMap((service) => service.routes ?? []);
      subscriptions = services.flatMap((service) => service.subscriptions ?? []);
      identities = services.find((service) => service.identities)?.identities;
      sessions = services.find((service) => service.sessions)?.sessions;
      recorder = services.find((service) => service.recorder)?.recorder;
      crossOrigin = services.find((service) => service.crossOrigin)?.crossOrigin;
    },
    find: (name) => rooms.get(name),
    get routes() {
      return routes;
    },
    get subscriptions() {
      return subscriptions;
    },
    get identities() {
      return identities;
    },
    get sessions() {
      return sessions;
    },
    get recorder() {
      return recorder;
    },
    get crossOrigin() {
      return crossOrigin;
    },
    async heldOf(arns) {
      const held = await Promise.all(
        opened.map((service) => service.heldOf?.(arns) ?? new Map<string, string>()),
      );
      return new Map(held.flatMap((each) => [...each]));
    },
    async metrics() {
      const texts = await Promise.all(opened.map((service) => service.metrics?.()));
      return texts.join('');
    },
  };
}

export function isGap(operation: AnyHandler | Gap): operation is Gap {
  return typeof operation !== 'function';
}
