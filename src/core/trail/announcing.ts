/**
 * Records of calls as events on the bus. What a rule waits for is taken in the transaction that made the records
 * durable, and told afterwards; so an event is neither lost nor made up, whenever the power fails.
 */

import type { Decision, EngineEvent, Stamp } from '#base/decider.ts';
import type { CallRecord } from './record.ts';

/** As the bus tells it: `AWS API Call via CloudTrail`. */
export interface Announcement {
  /** The id of the recorded event. */
  readonly id: string;
  /** `aws.codepipeline` */
  readonly source: string;
  readonly at: number;
  /** The record. */
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface AnnouncerState {
  readonly taken: number;
  /** Announcements that nobody could be told, after every attempt. */
  readonly lost: number;
}

export interface CallsRecorded {
  readonly type: 'CallsRecorded';
  readonly announcements: readonly Announcement[];
}

export interface Announce extends Announcement {
  readonly type: 'Announce';
}

export const announcerDecider = { version: 1, decide };

/** EventBridge takes no larger events. */
const DETAIL_LENGTH_MAX = 240_000;
/** Calls that carry out what a rule or a trail wants; telling them would go in circles. */
const SILENT_SERVICES: readonly (string | undefined)[] = ['events.amazonaws.com', 'cloudtrail.amazonaws.com'];
const SOURCE_END = '.amazonaws.com';

/** `undefined` for reads, which are not told, as on AWS, and for what would go in circles. */
export function announcementOf(record: CallRecord): Announcement | undefined {
  const { id, at, source, text } = record;
  if (record.readOnly || text.length > DETAIL_LENGTH_MAX) return undefined;
  if (SILENT_SERVICES.includes(record.invokedBy)) return undefined;
  return {
    id,
    at,
    source: `aws.${source.endsWith(SOURCE_END) ? source.slice(0, -SOURCE_END.length) : source}`,
    detail: JSON.parse(text) as Record<string, unknown>,
  };
}

function decide(
  state: AnnouncerState | undefined,
  event: (CallsRecorded | EngineEvent) & Stamp,
): Decision<AnnouncerState, Announce> {
  switch (event.type) {
    case 'CallsRecorded': {
      const { announcements } = event;
      const next = { taken: (state?.taken ?? 0) + announcements.length, lost: state?.lost ?? 0 };
      return {
        state: next,
        effects: announcements.map((announcement) => ({ type: 'Announce', ...announcement })),
      };
    }
    case 'EffectFailed':
      return { state: state && { ...state, lost: state.lost + 1 }, effects: [] };
    case 'TimePassed':
      return { state, effects: [] };
  }
}
