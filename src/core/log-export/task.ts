/**
 * The life of an export task: a group's events of a time, stream after stream, file after file, into a bucket. Each file
 * is one effect, which says where the next one begins; so a task goes on where a crash left it, and ends between files.
 *
 *   PENDING ─▶ RUNNING ─▶ COMPLETED, or FAILED        cancelled: PENDING_CANCEL ─▶ CANCELLED
 */

import type { Decision, EngineEvent, Reply, Stamp } from '#base/decider.ts';

export type ExportStatus = 'PENDING' | 'RUNNING' | 'PENDING_CANCEL' | 'COMPLETED' | 'CANCELLED' | 'FAILED';

export interface ExportOrder {
  readonly name?: string | undefined;
  readonly group: string;
  readonly groupArn: string;
  readonly streamPrefix: string;
  /** Times of events; both belong to it. */
  readonly from: number;
  readonly to: number;
  readonly bucket: string;
  readonly prefix: string;
}

/** Where a file begins. */
export interface ExportCursor {
  readonly stream: string;
  /** Of this stream, and no later one of the same name. */
  readonly streamId: number;
  readonly at: number;
  readonly sequence: number;
  /** Number of the file within its stream. */
  readonly file: number;
}

export interface ExportTask {
  readonly order: ExportOrder;
  readonly status: ExportStatus;
  readonly message: string;
  readonly createdAt: number;
  readonly endedAt?: number;
}

export type ExportEvent =
  | { readonly type: 'ExportRequested'; readonly order: ExportOrder }
  | { readonly type: 'FileExported'; readonly next: ExportCursor | undefined }
  | { readonly type: 'ExportRefused'; readonly message: string }
  | { readonly type: 'ExportCancelled' };

export interface ExportFile {
  readonly type: 'ExportFile';
  readonly order: ExportOrder;
  /** Absent for the first: the first stream. */
  readonly cursor: ExportCursor | undefined;
}

type Deciding = Decision<ExportTask, ExportFile>;

export const exportDecider = { version: 1, decide };

export function isEnded(status: ExportStatus): boolean {
  return status === 'COMPLETED' || status === 'CANCELLED' || status === 'FAILED';
}

function decide(state: ExportTask | undefined, event: (ExportEvent | EngineEvent) & Stamp): Deciding {
  if (!state) return event.type === 'ExportRequested' ? begin(event.order, event.at) : { state, effects: [] };
  switch (event.type) {
    case 'ExportRequested':
    case 'TimePassed':
      return { state, effects: [] };
    case 'FileExported':
      return goOn(state, event.next, event.at);
    case 'ExportRefused':
    case 'EffectFailed':
      if (isEnded(state.status)) return { state, effects: [] };
      return end(state, 'FAILED', event.message, event.at);
    case 'ExportCancelled':
      return cancel(state);
  }
}

function begin(order: ExportOrder, at: number): Deciding {
  const message = 'The task is waiting for its first file.';
  return {
    state: { order, status: 'PENDING', message, createdAt: at },
    effects: [{ type: 'ExportFile', order, cursor: undefined }],
  };
}

function goOn(state: ExportTask, next: ExportCursor | undefined, at: number): Deciding {
  switch (state.status) {
    case 'PENDING':
    case 'RUNNING':
      if (!next) return end(state, 'COMPLETED', 'Completed successfully', at);
      return {
        state: { ...state, status: 'RUNNING', message: `Exporting the log stream ${next.stream}.` },
        effects: [{ type: 'ExportFile', order: state.order, cursor: next }],
      };
    case 'PENDING_CANCEL':
      return end(state, 'CANCELLED', 'Cancelled', at);
    case 'COMPLETED':
    case 'CANCELLED':
    case 'FAILED':
      return { state, effects: [] };
  }
}

/** The file that is being made is made whole. */
function cancel(state: ExportTask): Deciding {
  if (state.status === 'PENDING' || state.status === 'RUNNING') {
    const message = 'The task ends after the file that is being written.';
    return { state: { ...state, status: 'PENDING_CANCEL', message }, effects: [] };
  }
  const message = `The export task is ${state.status}; only tasks that are PENDING or RUNNING can be cancelled.`;
  const reply: Reply = { fault: { code: 'InvalidOperationException', message } };
  return { state, effects: [], reply };
}

function end(state: ExportTask, status: ExportStatus, message: string, at: number): Deciding {
  return { state: { ...state, status, message, endedAt: at }, effects: [] };
}
