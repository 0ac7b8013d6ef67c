/**
 * The contract between the rooms and the house. A room is one AWS service: its operations, what they need to be
 * allowed, its machines and its tables. A room never imports another room; it asks, as any customer of AWS does,
 * with `caller.send('codebuild:StartBuild', input)`, under a principal, through the same authorization and audit.
 *
 * The life of a room: `openX(house)` makes the room, before anything runs: it may keep the house, not use it. The
 * house migrates all tables, registers all machines, calls `recover` of every room (nothing is served yet), starts
 * the engine, and only then lets requests in. Handlers run concurrently. A handler that throws a `Fault` answers it;
 * any other error is a bug and answers InternalFailure.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '#base/clock.ts';
import type { Log } from '#base/log.ts';
import type { QuotaProfile } from '#base/quotas.ts';
import type { CrossOriginQuestion } from '#core/object/cross-origin.ts';
import type { PolicyDocument } from '#core/policy/document.ts';
import type { PolicySubject, Principal } from '#core/policy/principal.ts';
import type { CallKind } from '#core/trail/calls.ts';
import type { CallRecord } from '#core/trail/record.ts';
import type { Engine, Migration, NamedMachine } from '#engine/machine.ts';
import type { Keyring } from '#store/keyring.ts';
import type { ObjectStore } from '#store/objects.ts';
import type { Repositories } from '#store/repositories.ts';
import type { Database } from '#store/database.ts';
import type {
  InputOf,
  InputOfId,
  OperationId,
  OperationOf,
  OutputOf,
  OutputOfId,
  ServiceName,
} from './clients.ts';

/** Whoever acts: sends calls under one principal. */
export interface Caller {
  readonly principal: Principal;
  /** In process, through validation, authorization and audit. Throws the operation's `Fault`. */
  send<Id extends OperationId>(operation: Id, input: InputOfId<Id>): Promise<OutputOfId<Id>>;
}

/** One request to one operation, as its handler sees it. */
export interface Call extends Caller {
  readonly account: string;
  readonly region: string;
  readonly requestId: string;
  /** When the request was accepted, milliseconds since the epoch. */
  readonly at: number;
  /** Address of the client, or the calling service (`codepipeline.amazonaws.com`) for calls inside the house. */
  readonly source: string;
  /** Only for calls of a service inside the house: the resource for which it acts, such as a rule. */
  readonly sourceArn?: string;
  readonly userAgent: string;
  /** Base of the URLs in answers, as the client reaches us: `http://127.0.0.1:7600`. */
  readonly endpoint: string;
  /** Aborted when the client has gone away. */
  readonly signal: AbortSignal;
  /** A further permission that only the handler can know, such as iam:PassRole. Throws AccessDenied. */
  authorize(...permissions: readonly Permission[]): Promise<void>;
  /**
   * The same for somebody whom the handler has proven by what came with an unsigned request, such as a token of an
   * identity provider; the record of the call then names them.
   */
  authorizeAs(subject: PolicySubject, ...permissions: readonly Permission[]): Promise<void>;
}

/** What must be allowed: an action on a resource, with the condition keys that the request adds. */
export interface Permission {
  /** `s3:GetObject` */
  readonly action: string;
  /** An ARN, or `*` for actions without resource-level permissions. */
  readonly resource: string;
  /** Condition keys of the request: `{ 'iam:PassedToService': 'codebuild.amazonaws.com' }`. */
  readonly context?: Readonly<Record<string, string | readonly string[]>>;
}

/** Where a permission table finds account and region for its ARNs. */
export interface Scope {
  readonly account: string;
  readonly region: string;
}

export type Handler<Name extends ServiceName, Operation extends string> = (
  call: Call,
  input: InputOf<Name, Operation>,
) => Promise<OutputOf<Name, Operation>>;

/** An operation that AWS has and we do not, with the reason; callers get an honest NotImplemented. */
export interface Gap {
  readonly gap: string;
}

export function gap(why: string): Gap {
  return { gap: why };
}

/** Total: every operation of the service is a handler or a gap, and the compiler insists. */
export type Operations<Name extends ServiceName> = {
  readonly [Operation in OperationOf<Name> & string]: Handler<Name, Operation> | Gap;
};

/**
 * Who may call: the permissions of one request. An operation without a row needs `<service>:<Operation>` on `*`.
 * An empty list means that authentication is enough.
 */
export type Permissions<Name extends ServiceName> = {
  readonly [Operation in OperationOf<Name> & string]?: (
    input: InputOf<Name, Operation>,
    scope: Scope,
  ) => readonly Permission[];
};

/** An event on the house's bus, in the shape of EventBridge's envelope. */
export interface BusEvent {
  /** Unique and stable: repeated publishing under one id is one event. */
  readonly id: string;
  /** `aws.codebuild` */
  readonly source: string;
  /** `CodeBuild Build State Change` */
  readonly detailType: string;
  readonly account: string;
  readonly region: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
}

/**
 * A room's ear. `hear` may be called more than once for one event, and must be durable when it resolves (usually by
 * one `engine.send`). The publisher's effect is done only after every hearer resolved.
 */
export interface Subscription {
  readonly source: string;
  readonly detailType: string;
  hear(event: BusEvent): Promise<void>;
  /** Whether hearing it would do anything, for publishers who would make it durable for nothing; absent means yes. */
  wants?(event: BusEvent): Promise<boolean>;
}

/** A part of the port that does not speak an AWS protocol, such as git. The handler answers everything below it. */
export interface Route {
  /** First part of the path: `/v1/repos/`. */
  readonly prefix: string;
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

export interface Service<Name extends ServiceName = ServiceName> {
  readonly name: Name;
  readonly operations: Operations<Name>;
  readonly permissions: Permissions<Name>;
  readonly machines: readonly NamedMachine[];
  readonly migrations: readonly Migration[];
  readonly subscriptions?: readonly Subscription[];
  readonly routes?: readonly Route[];
  /** Puts right what a crash left, before anything is served. */
  recover?(): Promise<void>;
  /** The house is about to close its door: answer what is only being held, such as long polls. */
  drain?(): void;
  /** Ends what the room keeps running, within the house's grace. */
  close?(): Promise<void>;
  /** What the room counts, as Prometheus text, for `/_slipway/metrics`. */
  metrics?(): Promise<string>;
  /** The policy attached to a resource of this room (bucket policy, key policy), for the gateway's decision. */
  resourcePolicy?(resource: string): Promise<PolicyDocument | undefined>;
  /**
   * Which of these resources of other rooms this room's running work needs, and why, as the end of a sentence: "…, which
   * pipeline execution 1 of pipeline p needs". Asked before they are deleted; one query for all of them.
   */
  heldOf?(arns: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Only iam: who is behind a long-term key, and what a principal may do. */
  readonly identities?: Identities;
  /** Only sts: who is behind a temporary key. */
  readonly sessions?: Sessions;
  /**
   * The input of a call as records may show it, without what only this room knows to be secret. The input was read by
   * the table and may break every constraint.
   */
  shownInput?(operation: string, input: object): Promise<object>;
  /** Only s3: what pages of other origins may do with a bucket. */
  readonly crossOrigin?: CrossOrigin;
  /** Only cloudtrail: keeps a record of every call. */
  readonly recorder?: Recorder;
}

/** What a browser is told about a page of another origin: `headers` are absent when no rule of the bucket allows it. */
export type CrossOrigin = (question: CrossOriginQuestion & { readonly bucket: string }) => Promise<{
  readonly isEnabled: boolean;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}>;

/**
 * Keeps records of calls. The life of one: `admit` before the call does anything, `wants` and `keep` when it is done.
 * Calls that change something are answered after `keep` resolved; when it rejects the caller hears of a failure.
 */
export interface Recorder {
  /** Throws when no further record can be kept, so that nothing may happen. */
  admit(): void;
  /** Whether anybody wants to know of data events like this one; management events are always kept. */
  wants(kind: CallKind, arns: readonly string[], principal: PolicySubject): boolean;
  /** Resolves when the record is durable, which takes longer if nobody waits for it. */
  keep(record: CallRecord, isAwaited: boolean): Promise<void>;
}

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** Milliseconds since the epoch; absent for long-term keys. */
  readonly expiresAt?: number;
}

/** Who a request claims to be, and the secret that its signature must prove. */
export interface Identity {
  readonly principal: Principal;
  readonly secretAccessKey: string;
}

export interface Identities {
  /** `undefined` for a key that does not exist or is inactive. */
  byAccessKey(accessKeyId: string): Promise<Identity | undefined>;
  /** A service-specific credential (git); `undefined` when user name and password do not belong together. */
  byServiceCredential(
    serviceName: string,
    userName: string,
    password: string,
  ): Promise<Principal | undefined>;
  /**
   * A user's own password, for signing in at a door for people; `undefined` when it is not that user's. `mustChange`: before
   * anything else. Throws ThrottlingException after too many wrong ones.
   */
  byPassword(
    userName: string,
    password: string,
  ): Promise<{ readonly principal: Principal; readonly mustChange: boolean } | undefined>;
  /** A long-term key has signed a request for this service; told in passing, and never waited for. */
  noteUse?(accessKeyId: string, service: string): void;
  /** What counts for a principal besides resource policies. A user or role that is gone or was made anew: UnrecognizedClientException. */
  policiesOf(principal: Principal): Promise<PrincipalPolicies>;
}

export interface PrincipalPolicies {
  readonly identity: readonly PolicyDocument[];
  readonly boundary?: PolicyDocument;
  readonly session?: readonly PolicyDocument[];
  /** Tags of the user or role, and of the session, for `aws:PrincipalTag/*`. */
  readonly tags: Readonly<Record<string, string>>;
}

export interface Sessions {
  /** Throws ExpiredTokenException or UnrecognizedClientException style faults. */
  open(accessKeyId: string, sessionToken: string): Promise<Identity>;
}

/** What the house gives to its rooms. */
export interface House {
  readonly account: string;
  readonly region: string;
  /** Whose numbers bound what the account may have. */
  readonly quotas: QuotaProfile;
  /** The data directory; a room keeps files only below a folder of its own name. */
  readonly directory: string;
  /** Base URL under which clients on this machine reach us; known once the house listens. */
  readonly endpoint: () => string;
  /** Certificates (PEM) that let programs trust that endpoint and the public web; absent when they need none from us. */
  readonly authorities?: () => string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly database: Database;
  readonly objects: ObjectStore;
  /** Git repositories by id; `openRepositories(join(directory, 'repositories'))`. */
  readonly repositories: Repositories;
  readonly keyring: Keyring;
  readonly engine: Engine;
  /**
   * Acts as a service of the house itself (`codebuild`): only service-linked permissions and resource policies.
   * `sourceArn` is the resource on whose behalf, for `aws:SourceArn` in those policies.
   */
  asService(service: string, sourceArn?: string): Caller;
  /**
   * The service assumes a role of a customer: its trust policy must name `<service>.amazonaws.com`. Throws the fault
   * that AWS would show where it shows it. The credentials are for handing on, as to a build.
   */
  assumeRole(request: AssumeRole): Promise<Assumed>;
  /** Tells every subscription; resolves when all have made it durable. Call it from an effect. */
  publish(event: BusEvent): Promise<void>;
  /** Whether anybody would do something with this event. */
  isWanted(event: BusEvent): Promise<boolean>;
  /** What running work of any room needs among these resources, and why; see `Service.heldOf`. */
  heldOf(arns: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** For doors of another protocol: who is this, and may they. */
  readonly trust: Trust;
}

export interface AssumeRole {
  /** `codepipeline` */
  readonly service: string;
  readonly roleArn: string;
  readonly sessionName: string;
  /** For `aws:SourceArn` in the trust policy. */
  readonly sourceArn?: string;
  readonly durationSeconds?: number;
  /** A session of the service that takes on the role; its permissions decide then, and still the service acts. */
  readonly by?: Caller;
  /** Narrows the session. */
  readonly policy?: PolicyDocument;
}

export interface Assumed extends Caller {
  readonly credentials: Credentials;
}

export interface Trust {
  /** Throws a fault for unknown, inactive, expired or altered credentials. */
  identify(accessKeyId: string, sessionToken: string | undefined): Promise<Identity>;
  identifyServiceCredential(
    serviceName: string,
    userName: string,
    password: string,
  ): Promise<Principal | undefined>;
  /**
   * Throws AccessDeniedException with the evaluator's explanation. `from` is the request, whose address and transport
   * policies may ask for; without it the house itself asks.
   */
  authorize(principal: Principal, permissions: readonly Permission[], from?: IncomingMessage): Promise<void>;
  as(principal: Principal): Caller;
  /** The record of what came through such a door; resolves when it may be answered. */
  record(visit: RecordedVisit): Promise<void>;
}

/** A request in another protocol than AWS's, as CloudTrail shows it. */
export interface RecordedVisit {
  readonly service: ServiceName;
  /** `GitPush` */
  readonly name: string;
  readonly readOnly: boolean;
  readonly principal: Principal;
  readonly from: IncomingMessage;
  /** What it was about. */
  readonly arns: readonly string[];
  /** Without secrets. */
  readonly request: object | undefined;
  readonly error: { readonly code: string; readonly message: string } | undefined;
  readonly additional: Readonly<Record<string, unknown>>;
}

/** Makes a room. Called once for each room, from `slipway.ts`, in the order of the floors. */
export type OpenRoom<Name extends ServiceName> = (house: House) => Service<Name>;
