/**
 * What the world is told about objects. An outbox takes every write in the transaction that made it durable, and
 * orders that the event be published; so an event is neither lost nor made up, whenever the power fails.
 */

import type { Decision, EngineEvent, Stamp } from '#base/decider.ts';
import { deriveUuid } from '#base/ids.ts';

export interface OutboxState {
  /** Writes that were taken. */
  readonly taken: number;
  /** Writes that nobody could be told about, after every attempt. */
  readonly lost: number;
}

export interface ObjectWritten {
  readonly type: 'ObjectWritten';
  readonly bucket: string;
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly versionId: string | undefined;
  readonly sequencer: string;
  readonly requestId: string;
  readonly requester: string;
  readonly source: string;
  readonly reason: 'PutObject' | 'CopyObject' | 'CompleteMultipartUpload';
}

export interface PublishObjectCreated extends Omit<ObjectWritten, 'type'> {
  readonly type: 'PublishObjectCreated';
  readonly eventId: string;
  readonly at: number;
}

export const outboxDecider = { version: 1, decide };

function decide(
  state: OutboxState | undefined,
  event: (ObjectWritten | EngineEvent) & Stamp,
): Decision<OutboxState, PublishObjectCreated> {
  switch (event.type) {
    case 'ObjectWritten': {
      const { type: _, chance, ...written } = event;
      const eventId = deriveUuid(chance, 0);
      const next = { taken: (state?.taken ?? 0) + 1, lost: state?.lost ?? 0 };
      return { state: next, effects: [{ type: 'PublishObjectCreated', eventId, ...written }] };
    }
    case 'EffectFailed':
      return { state: state && { ...state, lost: state.lost + 1 }, effects: [] };
    case 'TimePassed':
      return { state, effects: [] };
  }
}
