/**
 * The life of a trail: spans of time in which it logs, log files delivered every few minutes, and, with validation, a
 * chain of signed digests, one an hour.
 *
 *   created ─ LoggingStarted ─▶ span open ─┬─ every 5 minutes ─▶ DeliverLogs ─▶ LogsDelivered | DeliveryRefused
 *                                          └─ every hour ──────▶ WriteDigest ─▶ DigestDelivered | DigestRefused
 *            ◀─ LoggingStopped: the span ends; what is in it is still delivered, and one last digest is written
 */

import type { Selectors } from './selectors.ts';

export interface TrailSettings {
  readonly bucket: string;
  readonly prefix: string | undefined;
  readonly hasValidation: boolean;
  readonly includesGlobalEvents: boolean;
  readonly isMultiRegion: boolean;
  readonly kmsKeyId: string | undefined;
  /** ARN. */
  readonly topicArn: string | undefined;
}

/** Log files tell the times of the events in them. */
export interface LogFile {
  readonly bucket: string;
  readonly key: string;
  /** SHA-256 of the uncompressed content, hexadecimal. */
  readonly hash: string;
  readonly oldest: number;
  readonly newest: number;
}

export interface DigestLink {
  readonly bucket: string;
  readonly key: string;
  readonly hash: string;
  readonly signature: string;
}

/** Records stored from `from` on, and before `until`; open while the trail logs. */
export interface Span {
  readonly from: number;
  readonly until: number | undefined;
}

export interface Attempt {
  readonly at: number | undefined;
  /** The last one that worked. */
  readonly doneAt: number | undefined;
  readonly error: string | undefined;
}

/** The digest that is being gathered. */
export interface OpenDigest {
  readonly from: number;
  readonly dueAt: number;
  readonly files: readonly LogFile[];
  /** After it the chain ends. */
  readonly isLast: boolean;
  readonly isBeingWritten: boolean;
}

export interface TrailState {
  readonly name: string;
  readonly isDeleted: boolean;
  readonly createdAt: number;
  readonly settings: TrailSettings;
  readonly selectors: Selectors;
  readonly hasOwnSelectors: boolean;
  readonly tags: Readonly<Record<string, string>>;
  readonly isLogging: boolean;
  readonly startedAt: number | undefined;
  readonly stoppedAt: number | undefined;
  readonly spans: readonly Span[];
  readonly deliverAt: number;
  readonly isDelivering: boolean;
  readonly delivery: Attempt;
  readonly notification: Attempt;
  readonly digest: OpenDigest | undefined;
  readonly previous: DigestLink | undefined;
  readonly digesting: Attempt;
}

export type TrailEvent =
  | {
      readonly type: 'TrailCreated';
      readonly name: string;
      readonly settings: TrailSettings;
      readonly tags: Readonly<Record<string, string>>;
    }
  | { readonly type: 'TrailChanged'; readonly settings: TrailSettings }
  | { readonly type: 'SelectorsChosen'; readonly selectors: Selectors }
  | {
      readonly type: 'TagsChanged';
      readonly set: Readonly<Record<string, string>>;
      readonly removed: readonly string[];
    }
  | { readonly type: 'LoggingStarted' }
  | { readonly type: 'LoggingStopped' }
  | {
      readonly type: 'LogsDelivered';
      readonly until: number;
      readonly file: LogFile | undefined;
      /** More is settled than one file holds. */
      readonly isMore: boolean;
      /** Why nobody was told of the file; absent if somebody was, or nobody was to be. */
      readonly notificationError?: string | undefined;
    }
  | { readonly type: 'DeliveryRefused'; readonly message: string }
  | {
      readonly type: 'DigestDelivered';
      readonly until: number;
      readonly fileCount: number;
      readonly link: DigestLink;
    }
  | { readonly type: 'DigestRefused'; readonly message: string }
  | { readonly type: 'TrailDeleted' };

export interface DeliverLogs {
  readonly type: 'DeliverLogs';
  readonly trail: string;
  readonly settings: TrailSettings;
  readonly selectors: Selectors;
  readonly from: number;
  readonly until: number;
}

export interface WriteDigest {
  readonly type: 'WriteDigest';
  readonly trail: string;
  readonly settings: TrailSettings;
  readonly from: number;
  readonly until: number;
  readonly files: readonly LogFile[];
  readonly previous: DigestLink | undefined;
}

export type TrailEffect = DeliverLogs | WriteDigest;

export const DELIVERY_MS = 300_000;
export const DIGEST_MS = 3_600_000;
/**
 * A record is looked for only when it has been stored for this long: then no transaction of any node that began before
 * is still open, and clocks of nodes may differ a little.
 */
export const SETTLE_MS = 30_000;
/** Records of calls that were answered before the end of a span are stored by then. */
export const STORED_MS_MAX = 2_000;
