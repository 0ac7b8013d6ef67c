/** The decision of the work of one action execution; see `state.ts` for the life of its jobs. */

import { unreachable } from '#base/assert.ts';
import type { Decision, EngineEvent, Reply, Stamp } from '#base/decider.ts';
import { deriveUuid } from '#base/ids.ts';
import type { ExternalReference } from '#core/pipeline/events.ts';
import { referenceOf, withUrls } from './references.ts';
import type {
  Effect,
  Event,
  Job,
  JobDetails,
  JobStatus,
  State,
  Work,
  WorkEnd,
  WorkRevision,
} from './state.ts';

export type JobDecision = Decision<State, Effect>;

/** A job that was handed out and not acknowledged is offered again after this time. */
export const ACKNOWLEDGE_MS_MAX = 60_000;
/** How often the work of one action can be continued, and once more. */
export const JOBS_MAX = 10_000;

export const jobDecider = { version: 1, decide, wakeAt };

const WAITING = 'No job worker has polled for this job yet';
const LATE = 'No result came for the job within the time limit of its action type';
const TAKEN = 'A job worker has acknowledged the job';

/** Ends the work without a result, so that nobody works on it. */
const WITHDRAWN: State = {
  jobCount: 0,
  progress: { reference: {}, count: 0 },
  isWithdrawn: true,
};

function decide(state: State | undefined, event: (Event | EngineEvent) & Stamp): JobDecision {
  if (state === undefined) {
    switch (event.type) {
      case 'WorkRequested':
        return begin(event.work, event);
      case 'WorkWithdrawn':
        // The order to withdraw overtook the order to begin.
        return { state: WITHDRAWN, effects: [], reply: { value: { isVoided: true } } };
      default:
        return { state, effects: [] };
    }
  }
  switch (event.type) {
    case 'WorkRequested':
      return same(state);
    case 'TimePassed':
      return passTime(state, event.at);
    case 'JobPolled':
      return poll(state, event);
    case 'JobAcknowledged':
      return acknowledge(state, event);
    case 'JobSucceeded':
      return event.continuationToken === undefined
        ? succeed(state, event)
        : continueWork(state, event, event.continuationToken);
    case 'JobFailed':
      return fail(state, event);
    case 'JobRefused':
      return refuse(state, event);
    case 'WorkWithdrawn':
      return withdraw(state, event.onlyUnacknowledged, event.at);
    case 'ProgressReported':
      return reported(state, event.count);
    case 'EffectFailed':
      return decideEffectFailed(state, event.effect as Effect, event.message);
    default:
      return unreachable(event);
  }
}

export function wakeAt({ work, job }: State): number | undefined {
  if (!work || !job || !isOpen(job.status)) return undefined;
  const offeredAgain = job.status === 'Dispatched' ? job.since + ACKNOWLEDGE_MS_MAX : Infinity;
  return Math.min(work.deadline, offeredAgain);
}

export function isOpen(status: JobStatus): boolean {
  return status === 'Queued' || status === 'Dispatched' || status === 'InProgress';
}

function begin(work: Work, { at, chance }: Stamp): JobDecision {
  const state: State = {
    work,
    job: { id: deriveUuid(chance, 0), status: 'Queued', since: at },
    jobCount: 1,
    progress: { reference: {}, count: 0 },
    isWithdrawn: false,
  };
  return tell(state, withUrls(work, { summary: WAITING }));
}

function poll(state: State, event: { readonly jobId: string } & Stamp): JobDecision {
  const { job } = state;
  if (job?.id !== event.jobId || job.status !== 'Queued') return same(state, { value: {} });
  const nonce = deriveUuid(event.chance, 0);
  const dispatched: Job = { ...job, status: 'Dispatched', since: event.at, nonce };
  return { state: { ...state, job: dispatched }, effects: [], reply: { value: { nonce } } };
}

function acknowledge(
  state: State,
  event: { readonly jobId: string; readonly nonce: string } & Stamp,
): JobDecision {
  const { job } = state;
  if (!job || job.id !== event.jobId || job.nonce !== event.nonce) {
    return same(state, {
      fault: {
        code: 'InvalidNonceException',
        message: `The nonce is not the one with which job ${event.jobId} was last given to a worker`,
      },
    });
  }
  if (job.status !== 'Dispatched') return same(state, { value: { status: job.status } });
  const taken = enter(state, 'InProgress', event.at);
  return { ...tell(taken, { summary: TAKEN }), reply: { value: { status: 'InProgress' } } };
}

function succeed(state: State, event: Extract<Event, { type: 'JobSucceeded' }> & Stamp): JobDecision {
  const { work, job } = state;
  if (!work || !isHeldBy(job, event.jobId)) return invalidState(state, event.jobId);
  const reference = referenceOf(state, work, event.details, event.revision);
  const end: WorkEnd = {
    type: 'Succeeded',
    outputVariables: event.outputVariables,
    ...(event.revision ? { revision: event.revision } : {}),
    reference,
  };
  return over(enter(state, 'Succeeded', event.at), work, end);
}

/** This job is done, and the next one is offered at once. */
function continueWork(
  state: State,
  event: { readonly jobId: string; readonly details: JobDetails; readonly revision?: WorkRevision } & Stamp,
  continuationToken: string,
): JobDecision {
  const { work, job } = state;
  if (!work || !isHeldBy(job, event.jobId)) return invalidState(state, event.jobId);
  if (state.jobCount >= JOBS_MAX) {
    const message = `The action was continued ${JOBS_MAX} times, which is the maximum`;
    const end: WorkEnd = { type: 'Failed', code: 'JobFailed', message, reference: {} };
    return over(enter(state, 'Succeeded', event.at), work, end);
  }
  const next: Job = { id: deriveUuid(event.chance, 0), status: 'Queued', since: event.at, continuationToken };
  const continued: State = {
    ...state,
    job: next,
    jobCount: state.jobCount + 1,
  };
  return tell(continued, referenceOf(state, work, event.details, event.revision));
}

function fail(state: State, event: Extract<Event, { type: 'JobFailed' }> & Stamp): JobDecision {
  const { work, job } = state;
  if (!work || !isHeldBy(job, event.jobId)) return invalidState(state, event.jobId);
  const { code, message } = event;
  const reference = referenceOf(state, work, event.details);
  return over(enter(state, 'Failed', event.at), work, { type: 'Failed', code, message, reference });
}

function refuse(state: State, event: Extract<Event, { type: 'JobRefused' }> & Stamp): JobDecision {
  const { work, job } = state;
  if (!work || job?.id !== event.jobId || !isOpen(job.status)) return same(state);
  const { code, message } = event;
  return over(enter(state, 'Failed', event.at), work, { type: 'Failed', code, message, reference: {} });
}

function withdraw(state: State, onlyUnacknowledged: boolean, at: number): JobDecision {
  const { work, job } = state;
  if (state.isWithdrawn) return same(state, { value: { isVoided: true } });
  // What is to be continued was begun.
  const isBegun = job?.status === 'InProgress' || state.jobCount > 1;
  if (!work || !job || !isOpen(job.status) || (onlyUnacknowledged && isBegun)) {
    return same(state, { value: { isVoided: false } });
  }
  const status = work.deadline <= at ? 'TimedOut' : 'Failed';
  const withdrawn: State = { ...enter(state, status, at), isWithdrawn: true };
  return { state: withdrawn, effects: [], reply: { value: { isVoided: true } } };
}

function passTime(state: State, at: number): JobDecision {
  const { work, job } = state;
  if (!work || !job || !isOpen(job.status)) return same(state);
  if (work.deadline <= at) {
    const end = { type: 'Failed', code: 'JobTimedOut', message: LATE, reference: {} } as const;
    return over(enter(state, 'TimedOut', at), work, end);
  }
  if (job.status !== 'Dispatched' || at < job.since + ACKNOWLEDGE_MS_MAX) return same(state);
  const { nonce: _, ...offered } = job;
  return { state: { ...state, job: { ...offered, status: 'Queued', since: at } }, effects: [] };
}

/** One telling at a time; what came meanwhile is told next. */
function tell(state: State, news: ExternalReference): JobDecision {
  const { work, progress } = state;
  if (!work) return same(state);
  const reference = { ...progress.reference, ...news };
  const count = progress.count + 1;
  if (progress.telling !== undefined) {
    return { state: { ...state, progress: { ...progress, reference, count } }, effects: [] };
  }
  return {
    state: { ...state, progress: { reference, count, telling: count } },
    effects: [{ type: 'ReportProgress', work, count, reference }],
  };
}

function reported(state: State, told: number): JobDecision {
  const { work, job, progress } = state;
  const { reference, count } = progress;
  if (!work || progress.telling !== told) return same(state);
  if (count === told || !job || !isOpen(job.status)) {
    return { state: { ...state, progress: { reference, count } }, effects: [] };
  }
  return {
    state: { ...state, progress: { reference, count, telling: count } },
    effects: [{ type: 'ReportProgress', work, count, reference }],
  };
}

/** The pipeline must hear of every end, however long it cannot; a success that cannot be checked is none. */
function decideEffectFailed(state: State, effect: Effect, message: string): JobDecision {
  switch (effect.type) {
    case 'ReportProgress':
      return reported(state, effect.count);
    case 'ReportEnd': {
      const { work, end } = effect;
      const { reference } = end;
      const failed: WorkEnd = { type: 'Failed', code: 'SystemUnavailable', message, reference };
      return { state, effects: [{ type: 'ReportEnd', work, end: end.type === 'Failed' ? end : failed }] };
    }
    default:
      return unreachable(effect);
  }
}

function over(state: State, work: Work, end: WorkEnd): JobDecision {
  return { state, effects: [{ type: 'ReportEnd', work, end }] };
}

function enter(state: State, status: JobStatus, since: number): State {
  return state.job ? { ...state, job: { ...state.job, status, since } } : state;
}

/** Only whoever acknowledged a job can say how it went. */
function isHeldBy(job: Job | undefined, jobId: string): job is Job {
  return job?.id === jobId && job.status === 'InProgress';
}

function invalidState(state: State, jobId: string): JobDecision {
  const status = state.job?.id === jobId ? state.job.status : 'Succeeded';
  const message = `A result can be given only for a job that is InProgress, and job ${jobId} is ${status}`;
  return same(state, { fault: { code: 'InvalidJobStateException', message } });
}

function same(state: State, reply?: Reply): JobDecision {
  return { state, effects: [], ...(reply ? { reply } : {}) };
}
