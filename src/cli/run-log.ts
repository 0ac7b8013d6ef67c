/**
 * The log of a local build as it comes: read from the house's CloudWatch Logs, so that it is masked as everywhere else,
 * and printed line by line. A file or a pipe gets the bytes of the log; a terminal gets colour, and nothing that could
 * steer it.
 */

import { once } from 'node:events';
import { isFault } from '#base/fault.ts';
import type { Caller } from '#services/service.ts';
import { paint } from './paint.ts';

export interface LogPlace {
  readonly groupName?: string | undefined;
  readonly streamName?: string | undefined;
}

export interface LogPrinter {
  /** Prints what came since the last time. */
  print(place: LogPlace | undefined): Promise<void>;
}

const OWN_LINE = /^\[Container\] \S+ \S+ /;
/** Colours of the build's own making may stay; no other sequence may. */
const SEQUENCE = /\u001b\[[\d;:]*m|\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_].*?(?:\u001b\\|\u0007|$)|.?)/gs;
const CONTROLS = /[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f]/g;

export function createLogPrinter(root: Caller, isJson: boolean): LogPrinter {
  let token: string | undefined;
  return {
    async print(place) {
      const { groupName: logGroupName, streamName: logStreamName } = place ?? {};
      if (logGroupName === undefined || logStreamName === undefined) return;
      for (;;) {
        const page = await root
          .send('logs:GetLogEvents', {
            logGroupName,
            logStreamName,
            startFromHead: true,
            ...(token === undefined ? {} : { nextToken: token }),
          })
          .catch((error: unknown) => {
            // The stream is made while the build is provisioned.
            if (isFault(error, 'ResourceNotFoundException')) return undefined;
            throw error;
          });
        const events = page?.events ?? [];
        if (events.length === 0) return;
        token = page?.nextForwardToken;
        const text = events.map(({ message = '', timestamp = 0 }) => shown(message, timestamp, isJson));
        await write(text.join(''));
      }
    },
  };
}

function shown(message: string, at: number, isJson: boolean): string {
  if (isJson) return `${JSON.stringify({ at, log: message.replace(/\n$/, '') })}\n`;
  return process.stdout.isTTY ? onTerminal(message) : message;
}

/** Of a line that a program wrote over and over, a terminal shows the last. */
export function onTerminal(message: string): string {
  const line = message.replace(/\r*\n$/, '');
  const last = line.slice(line.lastIndexOf('\r') + 1);
  const safe = last
    .replaceAll(SEQUENCE, (sequence) => (/^\u001b\[[\d;:]*m$/.test(sequence) ? sequence : ''))
    .replaceAll(CONTROLS, '');
  if (OWN_LINE.test(safe)) return `${painted(safe)}\n`;
  return safe.includes('\u001b') ? `${safe}\u001b[0m\n` : `${safe}\n`;
}

function painted(line: string): string {
  if (/ State: (FAILED|FAULT|TIMED_OUT|STOPPED)$|Command did not exit successfully/.test(line)) {
    return paint.red(line);
  }
  return /Running command /.test(line) ? paint.cyan(line) : paint.dim(line);
}

/** Waits while whoever reads is slower than the build; that nobody reads any more is told to who listens for it. */
async function write(text: string): Promise<void> {
  if (process.stdout.write(text) || !process.stdout.writable) return;
  try {
    await once(process.stdout, 'drain');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
  }
}
