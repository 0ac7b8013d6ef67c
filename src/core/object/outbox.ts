/**
 * What the world is told about objects. An outbox takes every change in the transaction that made it durable, and
 * orders that each listener be told; so an event is neither lost nor made up, whenever the power fails.
 */

import type { Decision, EngineEvent, Stamp } from '#base/decider.ts';
import { deriveUuid } from '#base/ids.ts';

export interface OutboxState {
  /** Changes that were taken. */
  readonly taken: number;
  /** Tellings that did not succeed, after every attempt. */
  readonly lost: number;
}

/** As events name them, the first part before the colon. */
export type ChangeName =
  | 'ObjectCreated:Put'
  | 'ObjectCreated:Copy'
  | 'ObjectCreated:CompleteMultipartUpload'
  | 'ObjectRemoved:Delete'
  | 'ObjectRemoved:DeleteMarkerCreated'
  | 'LifecycleExpiration:Delete'
  | 'LifecycleExpiration:DeleteMarkerCreated';

export interface ObjectChange {
  readonly name: ChangeName;
  readonly bucket: string;
  readonly key: string;
  /** Absent where nothing is left to measure. */
  readonly sizeBytes: number | undefined;
  readonly etag: string | undefined;
  readonly versionId: string | undefined;
  readonly sequencer: string;
  readonly requestId: string;
  readonly requester: string;
  readonly source: string;
}

/** Somebody whom the bucket's own configuration names. */
export interface ObjectListener {
  readonly configurationId: string;
  readonly arn: string;
}

export interface ObjectsChanged {
  readonly type: 'ObjectsChanged';
  readonly changes: readonly {
    readonly change: ObjectChange;
    /** Whether the house's bus is to know. */
    readonly isPublished: boolean;
    readonly listeners: readonly ObjectListener[];
  }[];
}

export type OutboxEffect =
  | {
      readonly type: 'PublishChange';
      readonly eventId: string;
      readonly at: number;
      readonly change: ObjectChange;
    }
  | {
      readonly type: 'TellListener';
      readonly at: number;
      readonly change: ObjectChange;
      readonly listener: ObjectListener;
    };

export const outboxDecider = { version: 1, decide };

function decide(
  state: OutboxState | undefined,
  event: (ObjectsChanged | EngineEvent) & Stamp,
): Decision<OutboxState, OutboxEffect> {
  switch (event.type) {
    case 'ObjectsChanged': {
      const { at, chance, changes } = event;
      const effects = changes.flatMap(({ change, isPublished, listeners }, index): OutboxEffect[] => [
        ...(isPublished
          ? [{ type: 'PublishChange' as const, eventId: deriveUuid(chance, index), at, change }]
          : []),
        ...listeners.map((listener) => ({ type: 'TellListener' as const, at, change, listener })),
      ]);
      return { state: { taken: (state?.taken ?? 0) + changes.length, lost: state?.lost ?? 0 }, effects };
    }
    case 'EffectFailed':
      return { state: state && { ...state, lost: state.lost + 1 }, effects: [] };
    case 'TimePassed':
      return { state, effects: [] };
  }
}
