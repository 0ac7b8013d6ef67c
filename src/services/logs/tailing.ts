/**
 * Live tail: a session sees the events of some groups as they come in, filtered, for up to three hours. What is put
 * reaches it through `Tails`, after it is stored; where several nodes share a database, that is only a reason to look
 * there, see `tail-reader.ts`. See "StartLiveTail" of the API reference.
 *
 *   PutLogEvents ─ stored ─▶ tell(group, stream, events) ─▶ each session: filter, at most 500 in a second ─▶ update
 */

import { createBell } from '#base/bell.ts';
import { createUuid } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { ContentEvent } from '#core/log-chunk/content.ts';
import { parseLogPattern } from '#core/log-pattern/parse.ts';
import type { LogPattern } from '#core/log-pattern/pattern.ts';
import type { InputOf, OutputOf } from '#services/clients.ts';
import type { Call, Handler, House } from '#services/service.ts';
import type { Chunks } from './chunks.ts';
import type { DataKeys } from './data-keys.ts';
import { groupName, onGroup } from './names.ts';
import { requireGroup } from './room.ts';
import { createTailReader, type TailReader } from './tail-reader.ts';

const SESSION_MS_MAX = 3 * 3_600_000;
const SESSIONS_MAX = 15;
/** Without anything new, an update tells that the session lives. */
const UPDATE_MS = 1_000;
/** What comes in bursts goes out in one update. */
const GATHER_MS = 50;
/** How often a session asks what other nodes took in. */
const LOOK_MS = 150;
const EVENTS_PER_SECOND_MAX = 500;

type Input = InputOf<'logs', 'StartLiveTail'>;
type TailEvent =
  NonNullable<OutputOf<'logs', 'StartLiveTail'>['responseStream']> extends AsyncIterable<infer Each>
    ? Each
    : never;
type TailedEvent = Extract<TailEvent, { sessionUpdate: object }>['sessionUpdate']['sessionResults'];

export interface Tails {
  /** Called with what is stored; costs nothing where nobody follows. */
  tell(group: string, stream: string, events: readonly ContentEvent[]): void;
  readonly operations: { readonly StartLiveTail: Handler<'logs', 'StartLiveTail'> };
  /** Ends all sessions. */
  end(): void;
}

interface Session {
  readonly id: string;
  readonly groups: ReadonlySet<string>;
  readonly names: ReadonlySet<string> | undefined;
  readonly prefixes: readonly string[] | undefined;
  readonly pattern: LogPattern;
  /** Only where other nodes take events in, too. */
  readonly reader: TailReader | undefined;
  waiting: NonNullable<TailedEvent>;
  isSampled: boolean;
  /** How many more may be seen in the present second. */
  left: number;
}

export function createTails(house: House, chunks: Chunks, keys: DataKeys): Tails {
  const { clock } = house;
  const sessions = new Set<Session>();
  const bell = createBell(clock);

  function tell(group: string, stream: string, events: readonly ContentEvent[]): void {
    for (const session of sessions) {
      if (!session.groups.has(group) || !isFollowed(session, stream)) continue;
      if (!session.reader) take(session, group, stream, events);
      bell.ring([session.id]);
    }
  }

  function take(session: Session, group: string, stream: string, events: readonly ContentEvent[]): void {
    if (!isFollowed(session, stream)) return;
    for (const event of events) {
      if (!session.pattern.matches(event.message)) continue;
      if (session.left === 0) {
        session.isSampled = true;
        return;
      }
      session.left--;
      session.waiting.push({
        logStreamName: stream,
        logGroupIdentifier: `${house.account}:${group}`,
        message: event.message,
        timestamp: event.at,
        ingestionTime: event.ingestedAt,
      });
    }
  }

  async function* run(call: Call, input: Input, session: Session): AsyncGenerator<TailEvent> {
    const endsAt = clock.now() + SESSION_MS_MAX;
    const listener = bell.listen(session.id);
    sessions.add(session);
    call.signal.addEventListener('abort', () => bell.ring([session.id]), { once: true });
    try {
      const { logGroupIdentifiers, logStreamNames, logStreamNamePrefixes, logEventFilterPattern } = input;
      const asked = { logGroupIdentifiers, logStreamNames, logStreamNamePrefixes, logEventFilterPattern };
      yield { sessionStart: { requestId: call.requestId, sessionId: session.id, ...asked } };
      let updatedAt = clock.now();
      let secondEndsAt = updatedAt + UPDATE_MS;
      for (;;) {
        // A signal of its own: listeners on the call's would gather for hours.
        const wait = new AbortController();
        const untilUpdate = Math.max(0, updatedAt + UPDATE_MS - clock.now());
        await listener.wait(session.reader ? Math.min(untilUpdate, LOOK_MS) : untilUpdate, wait.signal);
        if (call.signal.aborted || bell.isSilent) return;
        await session.reader?.read((group, stream, events) => take(session, group, stream, events));
        if (session.waiting.length > 0) await pause(GATHER_MS);
        else if (clock.now() < updatedAt + UPDATE_MS) continue;
        if (clock.now() >= endsAt) {
          yield { SessionTimeoutException: timedOut() };
          return;
        }
        updatedAt = clock.now();
        const update = {
          sessionMetadata: { sampled: session.isSampled },
          sessionResults: session.waiting,
        };
        session.waiting = [];
        session.isSampled = false;
        if (updatedAt >= secondEndsAt) {
          session.left = EVENTS_PER_SECOND_MAX;
          secondEndsAt = updatedAt + UPDATE_MS;
        }
        yield { sessionUpdate: update };
      }
    } finally {
      sessions.delete(session);
      listener.close();
    }
  }

  function pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => void clock.callAt(clock.now() + milliseconds, resolve));
  }

  const StartLiveTail: Handler<'logs', 'StartLiveTail'> = async (call, input) => {
    const session = createSession(input);
    for (const group of session.groups) await requireGroup(house.database.read, group);
    if (sessions.size >= SESSIONS_MAX) {
      throw fault('LimitExceededException', `There are ${SESSIONS_MAX} Live Tail sessions already.`);
    }
    const isShared = house.database.dialect === 'postgres';
    const reader = isShared ? await createTailReader(house, chunks, keys, [...session.groups]) : undefined;
    return { responseStream: run(call, input, { ...session, reader }) };
  };

  return { tell, operations: { StartLiveTail }, end: () => bell.silence() };
}

export function tailPermissions(input: Input, scope: { readonly account: string; readonly region: string }) {
  return (input.logGroupIdentifiers ?? []).flatMap((identifier) =>
    onGroup('StartLiveTail', groupName(identifier), scope),
  );
}

function createSession(input: Input): Session {
  const groups = new Set((input.logGroupIdentifiers ?? []).map(groupName));
  const { logStreamNames: names, logStreamNamePrefixes: prefixes } = input;
  if (names?.length && prefixes?.length) {
    throw fault(
      'InvalidParameterException',
      'logStreamNames and logStreamNamePrefixes cannot be given together.',
    );
  }
  if ((names?.length || prefixes?.length) && groups.size > 1) {
    throw fault('InvalidParameterException', 'Log streams can be named for one log group only.');
  }
  return {
    id: createUuid(),
    groups,
    names: names?.length ? new Set(names) : undefined,
    prefixes: prefixes?.length ? prefixes : undefined,
    pattern: parseLogPattern(input.logEventFilterPattern ?? ''),
    reader: undefined,
    waiting: [],
    isSampled: false,
    left: EVENTS_PER_SECOND_MAX,
  };
}

function isFollowed({ names, prefixes }: Session, stream: string): boolean {
  if (names) return names.has(stream);
  return !prefixes || prefixes.some((prefix) => stream.startsWith(prefix));
}

/** The type of the client asks for the class of an error; the wire writes its message. */
function timedOut() {
  return { message: 'The Live Tail session has ended after three hours.' } as Extract<
    TailEvent,
    { SessionTimeoutException: object }
  >['SessionTimeoutException'];
}
