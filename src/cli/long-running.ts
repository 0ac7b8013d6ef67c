/** What commands share that run until a signal: their log, the signal, and what they are told about builds. */

import { createLog, type Log, type LogLevel } from '#base/log.ts';
import { RUNTIME_CHOICES, type RuntimeChoice } from '#runtimes/choice.ts';

const LOG_LEVELS: readonly string[] = ['debug', 'info', 'warn', 'error'];
const BUILDS_AT_ONCE_MAX = 1_000;

/** JSON lines on standard error, from the level that SLIPWAY_LOG names. */
export function openLog(): Log {
  const level = process.env['SLIPWAY_LOG'] ?? 'info';
  if (!LOG_LEVELS.includes(level)) {
    throw new Error(`SLIPWAY_LOG is ${level}; it may be ${LOG_LEVELS.join(', ')}.`);
  }
  return createLog((line) => process.stderr.write(`${line}\n`), level as LogLevel);
}

/** Resolves at the first SIGTERM or SIGINT; from then on a second one ends the process. */
export function signalled(log: Log): Promise<void> {
  return new Promise((resolve) => {
    let signals = 0;
    const onSignal = (signal: NodeJS.Signals) => {
      signals += 1;
      if (signals > 1) process.exit(1);
      log.info('draining', { signal });
      resolve();
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}

export function parseRuntime(text: string): RuntimeChoice {
  const runtime = RUNTIME_CHOICES.find((each) => each === text);
  if (runtime) return runtime;
  throw new Error(`There is no runtime named ${text}. Choose ${RUNTIME_CHOICES.join(', ')}.`);
}

/** How many builds at the same time; `undefined` for as many as fit, 0 for no new ones. */
export function parseBuilds(text: string): number | undefined {
  if (text === 'fit') return undefined;
  if (text === 'off') return 0;
  const number = /^\d{1,4}$/.test(text) ? Number(text) : Infinity;
  if (number <= BUILDS_AT_ONCE_MAX) return number;
  throw new Error(
    `--builds ${text} is not understood. Say fit, off, or a number up to ${BUILDS_AT_ONCE_MAX}.`,
  );
}
