/**
 * The way of a build's log: the sandbox writes one file, this follows it and puts its lines into CloudWatch Logs
 * under the build's role, masked. Where it is in the file is written down after each batch, and a batch carries its
 * position in the stream, so that after a crash no line is lost and none is there twice.
 */

import {
  closeSync,
  existsSync,
  openSync,
  readSync,
  statSync,
  watch,
  writeSync,
  type FSWatcher,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isFault } from '#base/fault.ts';
import type { BuildPlan } from '#core/build/state.ts';
import type { Assumed, House } from '#services/service.ts';
import { keep, recall } from './bench.ts';
import { maskSecrets, redactorOf } from './secrets.ts';

const READ_BYTES = 512 * 1024;
/** One for all logs: what is read is taken out before the next read, and a fresh one keeps the collector busy. */
const piece = Buffer.allocUnsafe(READ_BYTES);
const LINE_BYTES_MAX = 256 * 1024;
/** Longer than any secret; so much of a line is seen before it is cut. */
const AHEAD_BYTES = 128 * 1024;
const BATCH_BYTES_MAX = 900_000;
const BATCH_LINES_MAX = 5000;
const LINE_OVERHEAD_BYTES = 26;
/** Output comes in bursts: a pause this short after a batch makes one batch of a burst. */
const PAUSE_MS = 15;
/** A look at the file when the kernel's notice got lost, and the pause after a failure. */
const LOOK_MS = 500;
/** How long the end of a build waits for CloudWatch Logs. */
const LAST_TRY_MS = 10_000;
const ACCESS_KEY = /\b(?:AKIA|ASIA)[0-9A-Z]{12,}\b/g;
const NEWLINE = 10;

export interface LogFollower {
  /** Sends everything, the last unfinished line included, and stops. */
  finish(): Promise<void>;
  stop(): Promise<void>;
}

interface Progress {
  readonly offset: number;
  readonly lines: number;
}

export interface FollowParts {
  readonly house: House;
  readonly plan: BuildPlan;
  readonly directory: string;
  readonly role: () => Promise<Assumed>;
  /** Texts that no log may show. */
  readonly secrets: () => readonly string[];
}

export function followLog(parts: FollowParts): LogFollower {
  const { house, plan, directory } = parts;
  const { logs } = plan;
  const file = join(directory, 'log');
  if (!logs) return { finish: () => Promise.resolve(), stop: () => Promise.resolve() };
  const { groupName, streamName } = logs;

  let progress = recall<Progress>(directory, 'forwarded') ?? { offset: 0, lines: 0 };
  let isStopped = false;
  let wake = () => {};
  let watcher: FSWatcher | undefined;

  /** Resolves to how many lines were sent. */
  async function sendOnce(isEnd: boolean): Promise<number> {
    const secrets = parts.secrets();
    const batch = readLines(file, progress.offset, isEnd, secrets);
    if (batch.lines.length === 0) return 0;
    const at = house.clock.now();
    const role = await parts.role();
    await role.send('logs:PutLogEvents', {
      logGroupName: groupName,
      logStreamName: streamName,
      sequenceToken: `position/${progress.lines}`,
      logEvents: batch.lines.map((line) => ({ timestamp: at, message: mask(line, secrets) })),
    });
    progress = { offset: progress.offset + batch.bytes, lines: progress.lines + batch.lines.length };
    keep(directory, 'forwarded', progress);
    return batch.lines.length;
  }

  async function follow(): Promise<void> {
    while (!isStopped) {
      if (!watcher && existsSync(file)) watcher = watch(file, { persistent: false }, () => wake());
      const noticed = new Promise<void>((resolve) => (wake = resolve));
      try {
        const sent = await sendOnce(false);
        if (sent === 0) await Promise.race([noticed, quietPause(LOOK_MS)]);
        else if (sent < BATCH_LINES_MAX) await quietPause(PAUSE_MS);
      } catch (error) {
        house.log.warn('a build log could not be forwarded', { buildId: plan.id, error });
        await quietPause(LOOK_MS);
      }
    }
    watcher?.close();
  }
  const following = follow();

  const stop = async () => {
    isStopped = true;
    wake();
    await following;
  };
  return {
    stop,
    async finish() {
      await stop();
      const until = performance.now() + LAST_TRY_MS;
      for (;;) {
        try {
          while ((await sendOnce(true)) > 0);
          return;
        } catch (error) {
          if (isFault(error) || performance.now() > until) {
            house.log.error('the end of a build log was not forwarded', { buildId: plan.id, error });
            return;
          }
          await quietPause(LOOK_MS);
        }
      }
    },
  };
}

/**
 * Adds text to the log of a sandbox that is no more. The first call decides what is written and where; repeating it
 * after a crash writes the same bytes to the same place.
 */
export function appendOnce(directory: string, key: string, text: string): void {
  const file = join(directory, 'log');
  if (!existsSync(directory)) return;
  const name = `said-${key}`;
  let said = recall<{ offset: number; text: string }>(directory, name);
  if (!said) {
    said = { offset: existsSync(file) ? statSync(file).size : 0, text };
    keep(directory, name, said);
  }
  const handle = openSync(file, existsSync(file) ? 'r+' : 'w');
  try {
    writeSync(handle, said.text, said.offset, 'utf8');
  } finally {
    closeSync(handle);
  }
}

function quietPause(milliseconds: number): Promise<void> {
  return pause(milliseconds, undefined, { ref: false });
}

/** The whole log of a build that has ended, many lines at a time. */
export function* maskedPieces(file: string, secrets: readonly string[]): Generator<string> {
  for (let offset = 0; ;) {
    const { lines, bytes } = readLines(file, offset, true, secrets);
    if (lines.length === 0) return;
    offset += bytes;
    yield lines.map((line) => mask(line, secrets)).join('');
  }
}

/** Whole lines from an offset; how a file is cut into lines does not depend on when it is read. */
function readLines(
  file: string,
  offset: number,
  isEnd: boolean,
  secrets: readonly string[],
): { lines: string[]; bytes: number } {
  if (!existsSync(file)) return { lines: [], bytes: 0 };
  const handle = openSync(file, 'r');
  let length: number;
  try {
    length = readSync(handle, piece, 0, READ_BYTES, offset);
  } finally {
    closeSync(handle);
  }
  const lines: string[] = [];
  let start = 0;
  let size = 0;
  while (start < length && lines.length < BATCH_LINES_MAX) {
    let end = piece.subarray(0, length).indexOf(NEWLINE, start) + 1;
    if (end === 0 || end - start > LINE_BYTES_MAX) {
      const isKnown = length - start >= LINE_BYTES_MAX + AHEAD_BYTES || (isEnd && length < READ_BYTES);
      if (end > 0 || (isKnown && length - start > LINE_BYTES_MAX)) {
        end = cutLine(piece.subarray(start, length), secrets) + start;
      } else if (isEnd && length < READ_BYTES) end = length;
      else break;
    }
    size += end - start + LINE_OVERHEAD_BYTES;
    if (size > BATCH_BYTES_MAX && lines.length > 0) break;
    lines.push(piece.toString('utf8', start, end));
    start = end;
  }
  return { lines, bytes: start };
}

/** Where a line that is too long is cut: between characters, and not in the middle of a secret. */
function cutLine(bytes: Buffer, secrets: readonly string[]): number {
  const end = characterStart(bytes, LINE_BYTES_MAX);
  const text = bytes.toString('utf8', 0, end);
  const ahead = bytes.toString('utf8', end, Math.min(bytes.length, end + AHEAD_BYTES));
  const cut = redactorOf(secrets).cut(text + ahead, text.length);
  return end - Buffer.byteLength(text.slice(cut));
}

/** The last place not after `position` where a UTF-8 character begins. */
function characterStart(buffer: Buffer, position: number): number {
  let at = position;
  while (((buffer[at] ?? 0) & 0xc0) === 0x80) at--;
  return at;
}

/** PostgreSQL keeps no NUL characters, and a terminal shows none. */
function mask(line: string, secrets: readonly string[]): string {
  const text = maskSecrets(line.replaceAll('\0', '\ufffd').replace(ACCESS_KEY, '***'), secrets);
  return text.endsWith('\n') ? text : `${text}\n`;
}
