/** Decides what becomes of a trail. Pure; see `state.ts` for its life. */

import type { Decider, Decision, EngineEvent, Stamp } from '#base/decider.ts';
import { DEFAULT_SELECTORS } from './selectors.ts';
import {
  DELIVERY_MS,
  DIGEST_MS,
  SETTLE_MS,
  STORED_MS_MAX,
  type Attempt,
  type Span,
  type TrailEffect,
  type TrailEvent,
  type TrailSettings,
  type TrailState,
} from './state.ts';

/** Spans that wait for delivery; a further one continues the last, rather than that anything is lost. */
const SPANS_MAX = 20;
/** Files of one digest; when a bucket took no digest for long, the next ones list the rest. */
const DIGEST_FILES_MAX = 1_000;
const NEVER: Attempt = { at: undefined, doneAt: undefined, error: undefined };

type Event = (TrailEvent | EngineEvent) & Stamp;

export const trailDecider: Decider<TrailState, TrailEvent, TrailEffect> = { version: 1, decide, wakeAt };

function decide(state: TrailState | undefined, event: Event): Decision<TrailState, TrailEffect> {
  if (!state || state.isDeleted) {
    if (event.type === 'TrailCreated') return { state: created(event.name, event), effects: [] };
    return { state, effects: [], ...(isAsked(event) && { reply: { fault: notFound() } }) };
  }
  if (event.type === 'TrailCreated') return { state, effects: [], reply: { fault: exists(event.name) } };
  return act(changed(state, event), event.at);
}

/** Events that answer to somebody who asked for a trail; the others come late, and mean nothing any more. */
function isAsked({ type }: Event): boolean {
  return (
    type === 'TrailChanged' ||
    type === 'SelectorsChosen' ||
    type === 'TagsChanged' ||
    type === 'LoggingStarted' ||
    type === 'LoggingStopped' ||
    type === 'TrailDeleted'
  );
}

function notFound() {
  return { code: 'TrailNotFoundException', message: 'The trail does not exist.' };
}

function exists(name: string) {
  return { code: 'TrailAlreadyExistsException', message: `The trail ${name} exists already.` };
}

function created(name: string, event: Extract<Event, { type: 'TrailCreated' }>): TrailState {
  return {
    name,
    isDeleted: false,
    createdAt: event.at,
    settings: event.settings,
    selectors: DEFAULT_SELECTORS,
    hasOwnSelectors: false,
    tags: event.tags,
    isLogging: false,
    startedAt: undefined,
    stoppedAt: undefined,
    spans: [],
    deliverAt: 0,
    isDelivering: false,
    delivery: NEVER,
    notification: NEVER,
    digest: undefined,
    previous: undefined,
    digesting: NEVER,
  };
}

function changed(state: TrailState, event: Event): TrailState {
  switch (event.type) {
    case 'TrailCreated':
    case 'TimePassed':
      return state;
    case 'TrailChanged':
      return withSettings(state, event.settings, event.at);
    case 'SelectorsChosen':
      return { ...state, selectors: event.selectors, hasOwnSelectors: true };
    case 'TagsChanged': {
      const kept = Object.entries({ ...state.tags, ...event.set }).filter(
        ([key]) => !event.removed.includes(key),
      );
      return { ...state, tags: Object.fromEntries(kept) };
    }
    case 'LoggingStarted':
      return state.isLogging ? state : started(state, event.at);
    case 'LoggingStopped':
      return state.isLogging ? stopped(state, event.at) : state;
    case 'LogsDelivered':
      return state.isDelivering ? delivered(state, event) : state;
    case 'DeliveryRefused':
      return refused(state, event.at, event.message);
    case 'DigestDelivered':
      return state.digest?.isBeingWritten ? digested(state, event) : state;
    case 'DigestRefused':
      return digestRefused(state, event.at, event.message);
    case 'EffectFailed':
      return event.effectType === 'WriteDigest'
        ? digestRefused(state, event.at, event.message)
        : refused(state, event.at, event.message);
    case 'TrailDeleted':
      return { ...state, isDeleted: true, isLogging: false, spans: [], digest: undefined };
  }
}

function withSettings(state: TrailState, settings: TrailSettings, at: number): TrailState {
  const { digest, isLogging } = state;
  const next = { ...state, settings };
  if (!settings.hasValidation && digest) return { ...next, digest: { ...digest, isLast: true, dueAt: at } };
  if (settings.hasValidation && isLogging && (!digest || digest.isLast)) return withDigest(next, at);
  return next;
}

/** A digest that was to be the last one goes on instead, if it was not written yet. */
function withDigest(state: TrailState, at: number): TrailState {
  const { digest } = state;
  if (digest) return { ...state, digest: { ...digest, isLast: false, dueAt: Math.max(digest.dueAt, at) } };
  const fresh = { from: at, dueAt: at + DIGEST_MS, files: [], isLast: false, isBeingWritten: false };
  return { ...state, digest: fresh, previous: undefined };
}

function started(state: TrailState, at: number): TrailState {
  const last = state.spans.at(-1);
  // The end of the one before may lie a moment ahead; nothing is delivered twice.
  const from = Math.max(at, last?.until ?? at);
  const spans: readonly Span[] =
    last && state.spans.length >= SPANS_MAX
      ? [...state.spans.slice(0, -1), { from: last.from, until: undefined }]
      : [...state.spans, { from, until: undefined }];
  const next: TrailState = {
    ...state,
    isLogging: true,
    startedAt: at,
    spans,
    deliverAt: state.spans.length > 0 ? state.deliverAt : at + DELIVERY_MS,
  };
  return state.settings.hasValidation ? withDigest(next, at) : next;
}

function stopped(state: TrailState, at: number): TrailState {
  const until = at + STORED_MS_MAX;
  const spans = state.spans.map((span) => ({ from: span.from, until: span.until ?? until }));
  const filled = spans.filter((span) => span.until > span.from);
  return { ...state, isLogging: false, stoppedAt: at, spans: filled };
}

function delivered(state: TrailState, event: Extract<Event, { type: 'LogsDelivered' }>): TrailState {
  const { file, until, at, notificationError } = event;
  const [first, ...later] = state.spans;
  const rest =
    first && (first.until === undefined || until < first.until)
      ? [{ ...first, from: until }, ...later]
      : later;
  const isTold = file !== undefined && state.settings.topicArn !== undefined;
  return {
    ...state,
    isDelivering: false,
    spans: rest,
    deliverAt: event.isMore ? at : state.deliverAt,
    delivery: { at, doneAt: file ? at : state.delivery.doneAt, error: undefined },
    notification: isTold
      ? {
          at,
          doneAt: notificationError === undefined ? at : state.notification.doneAt,
          error: notificationError,
        }
      : state.notification,
    digest: state.digest && file ? { ...state.digest, files: [...state.digest.files, file] } : state.digest,
  };
}

function refused(state: TrailState, at: number, message: string): TrailState {
  if (!state.isDelivering) return state;
  return {
    ...state,
    isDelivering: false,
    deliverAt: Math.max(state.deliverAt, at + DELIVERY_MS),
    delivery: { ...state.delivery, at, error: message },
  };
}

function digested(state: TrailState, event: Extract<Event, { type: 'DigestDelivered' }>): TrailState {
  const { digest } = state;
  if (!digest) return state;
  const files = digest.files.slice(event.fileCount);
  const isOver = digest.isLast && files.length === 0;
  const isQuiet = !state.isLogging && state.spans.length === 0 && files.length === 0;
  const next = {
    from: event.until,
    dueAt: files.length > 0 ? event.at : event.at + DIGEST_MS,
    files,
    isLast: digest.isLast,
    isBeingWritten: false,
  };
  return {
    ...state,
    digest: isOver || isQuiet ? undefined : next,
    previous: isOver || isQuiet ? undefined : event.link,
    digesting: { at: event.at, doneAt: event.at, error: undefined },
  };
}

function digestRefused(state: TrailState, at: number, message: string): TrailState {
  const { digest } = state;
  if (!digest?.isBeingWritten) return state;
  return {
    ...state,
    digest: { ...digest, isBeingWritten: false, dueAt: at + DELIVERY_MS },
    digesting: { ...state.digesting, at, error: message },
  };
}

/** Orders what is due. */
function act(state: TrailState, at: number): Decision<TrailState, TrailEffect> {
  const effects: TrailEffect[] = [];
  let next = state;
  const [span] = state.spans;
  const until = span && Math.min(at - SETTLE_MS, span.until ?? at);
  if (span && until !== undefined && isDeliveryDue(state, at)) {
    if (until <= span.from) next = { ...next, deliverAt: span.from + SETTLE_MS + 1 };
    else {
      const { name: trail, settings, selectors } = state;
      effects.push({ type: 'DeliverLogs', trail, settings, selectors, from: span.from, until });
      next = { ...next, isDelivering: true, deliverAt: at + DELIVERY_MS };
    }
  }
  const { digest } = next;
  if (
    digest &&
    !digest.isBeingWritten &&
    digest.dueAt <= at &&
    Math.floor(at / 1000) > Math.floor(digest.from / 1000)
  ) {
    const files = digest.files.slice(0, DIGEST_FILES_MAX);
    const { name: trail, settings, previous } = next;
    effects.push({ type: 'WriteDigest', trail, settings, from: digest.from, until: at, files, previous });
    next = { ...next, digest: { ...digest, isBeingWritten: true } };
  }
  return { state: next, effects };
}

function isDeliveryDue(state: TrailState, at: number): boolean {
  return !state.isDelivering && wakeForDelivery(state) <= at;
}

/** A span that ended is delivered as soon as its last record is settled. */
function wakeForDelivery(state: TrailState): number {
  const [span] = state.spans;
  if (!span || state.isDelivering) return Infinity;
  return span.until === undefined || state.delivery.error !== undefined
    ? state.deliverAt
    : Math.min(state.deliverAt, span.until + SETTLE_MS);
}

function wakeAt(state: TrailState): number | undefined {
  if (state.isDeleted) return undefined;
  const { digest } = state;
  // A digest names its seconds, so two of them are at least one second apart.
  const forDigest = digest && !digest.isBeingWritten ? Math.max(digest.dueAt, digest.from + 1000) : Infinity;
  const at = Math.min(wakeForDelivery(state), forDigest);
  return Number.isFinite(at) ? at : undefined;
}
