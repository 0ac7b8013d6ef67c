/**
 * Makes the record of a call, without its secrets, and hands it to the room that keeps records. Calls that nobody
 * proved to have made (a wrong signature) leave no record, as on AWS, so that strangers cannot fill the history; they
 * stand in the log. See docs/decisions/011.
 */

import { createChance, createUuid } from '#base/chance.ts';
import type { Clock } from '#base/clock.ts';
import type { Fault } from '#base/fault.ts';
import type { PolicySubject } from '#core/policy/principal.ts';
import { kindOf, type CallKind } from '#core/trail/calls.ts';
import { callRecord } from '#core/trail/record.ts';
import type { RecordedVisit } from '#services/service.ts';
import type { Model } from '#wire/model.ts';
import { replacedTexts, showMembers, withoutHidden } from '#wire/shown.ts';
import type { Origin } from './authorize.ts';
import type { Rooms } from './rooms.ts';

/** A call that is over. */
export interface EndedCall {
  readonly model: Model;
  /** As it was asked for; nobody may know it. */
  readonly operation: string;
  readonly principal: PolicySubject;
  readonly accessKeyId: string | undefined;
  readonly requestId: string;
  readonly at: number;
  readonly source: string;
  readonly userAgent: string;
  /** ARNs of what it was about. */
  readonly arns: readonly string[];
  /** Absent when the request could not be read. */
  readonly input: object | undefined;
  readonly output: object | undefined;
  readonly fault: Fault | undefined;
}

export interface Recording {
  /** Before a call does anything: throws if it could not be recorded. */
  admit(service: string, operation: string, principal: PolicySubject): void;
  /** Resolves when the call may be answered; rejects when it must not be answered as if all were well. */
  record(call: EndedCall): Promise<void>;
  /** The same for what came through a door of another protocol. */
  recordVisit(visit: RecordedVisit, origin: Origin): Promise<void>;
}

const OPERATION_FORM = /^[A-Za-z0-9]{1,128}$/;

export function createRecording(rooms: Rooms, clock: Clock, account: string, region: string): Recording {
  return {
    admit(service, operation, principal) {
      if (isAwaited(kindOf(service, operation), principal)) rooms.recorder?.admit();
    },
    async record(call) {
      const { recorder } = rooms;
      const { model, fault } = call;
      if (!recorder || !OPERATION_FORM.test(call.operation)) return;
      const kind = kindOf(model.service, call.operation);
      if (kind.category === 'Data' && !recorder.wants(kind, call.arns, call.principal)) return;
      const operation = model.operations.get(call.operation);
      const input = call.input && (await shownInput(rooms, call, call.input));
      const request = showMembers(operation?.input, input);
      const response = kind.readOnly ? undefined : showMembers(operation?.output, call.output);
      const record = callRecord({
        ...call,
        id: createEventId(call.at),
        kind,
        account,
        region,
        request: namedAsRecorded(model.service, request.value),
        response: namedAsRecorded(model.service, response?.value),
        error: fault && {
          code: shortCode(fault.code),
          message: withoutHidden(fault.message, [...request.hidden, ...replacedTexts(call.input, input)]),
        },
      });
      await recorder.keep(record, isAwaited(kind, call.principal));
    },
    async recordVisit(visit, { source, userAgent }) {
      const { name, readOnly } = visit;
      const at = clock.now();
      const kind: CallKind = {
        source: `${visit.service}.amazonaws.com`,
        name,
        readOnly,
        category: 'Management',
        grants: false,
      };
      const record = callRecord({
        ...visit,
        ...{ kind, account, region, source, userAgent, at },
        id: createEventId(at),
        requestId: createUuid(),
        accessKeyId: undefined,
        response: undefined,
      });
      await rooms.recorder?.keep(record, !readOnly);
    },
  };
}

async function shownInput(rooms: Rooms, { model, operation }: EndedCall, input: object): Promise<object> {
  return (await rooms.find(model.service)?.shownInput?.(operation, input)) ?? input;
}

/**
 * A UUID that grows with time (version 7 of RFC 9562): ids of one moment stand side by side in the indexes of the
 * history, so that a batch of records changes a few pages and not one for each record.
 */
function createEventId(at: number): string {
  const time = at.toString(16).padStart(12, '0');
  const chance = createChance();
  const variant = ((Number.parseInt(chance.charAt(0), 16) & 0x3) | 0x8).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${chance.slice(1, 4)}-${variant}${chance.slice(4, 7)}-${chance.slice(7, 19)}`;
}

/**
 * What changes something, or gives power, is answered only when its record is durable. A service of the house that takes
 * on a role is not kept waiting: what it then changes under that role is recorded durably itself.
 */
function isAwaited({ readOnly, grants }: CallKind, principal: PolicySubject): boolean {
  return !readOnly || (grants && principal.type !== 'service');
}

/** CloudTrail shows denials under one code, whatever the protocol calls them. */
function shortCode(code: string): string {
  return code === 'AccessDeniedException' ? 'AccessDenied' : code;
}

/** Object storage has names of its own in records, by which rules find buckets and keys. */
function namedAsRecorded(service: string, shown: unknown): unknown {
  if (service !== 's3' || typeof shown !== 'object' || shown === null) return shown;
  const { bucket, ...rest } = shown as Readonly<Record<string, unknown>>;
  return bucket === undefined ? rest : { bucketName: bucket, ...rest };
}
