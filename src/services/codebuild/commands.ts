/** The four command phases: each item of the buildspec is one step in the sandbox, `finally` runs in any case. */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Buildspec, CommandPhase, PhaseSpec } from '#core/buildspec/buildspec.ts';
import { waitUntil } from '#runtimes/processes.ts';
import { PhaseFailure, type Bench } from './bench.ts';
import { commandScript, quote, userQuestion } from './shell.ts';

const OUTPUT_TAIL_BYTES = 4096;
const LOG_WAIT_MS = 1000;

export interface CommandState {
  /** No phase before this one failed. */
  readonly isSucceeding: boolean;
}

/** Resolves when the phase succeeded; throws a `PhaseFailure` with the first command that did not. */
export async function runCommandPhase(
  bench: Bench,
  spec: Buildspec,
  phase: CommandPhase,
  { isSucceeding }: CommandState,
): Promise<void> {
  const commands = spec.phases[phase];
  if (!commands) return;
  const user = commands.runAs ?? spec.runAs ?? 'root';
  if (user !== 'root') await checkUser(bench, user);
  const rule = commands.onFailure;
  const triesMax = rule?.type === 'RETRY' ? rule.count + 1 : 1;
  for (let tries = 1; ; tries++) {
    const failure = await runOnce(bench, spec, commands, { isSucceeding, user });
    if (!failure) return;
    const isWanted = rule?.type !== 'RETRY' || !rule.pattern || (await matches(bench, rule.pattern, failure));
    if (tries === triesMax || !isWanted) throw new PhaseFailure('COMMAND_EXECUTION_ERROR', failure);
    bench.say(`Phase ${phase} failed, retry ${tries} of ${triesMax - 1}`);
  }
}

/** A user that the image has, or that an earlier phase added. */
async function checkUser(bench: Bench, user: string): Promise<void> {
  const { answer } = await bench.ask(userQuestion(bench.sandbox.workspace, user));
  if (answer !== '') throw new PhaseFailure('CLIENT_ERROR', `Commands cannot run as user ${user}: ${answer}`);
}

/** Resolves to the message of the first failure, if any. */
async function runOnce(
  bench: Bench,
  spec: Buildspec,
  phase: PhaseSpec,
  { isSucceeding, user }: CommandState & { readonly user: string },
): Promise<string | undefined> {
  let failure: string | undefined;
  let lastExit = 0;
  for (const list of [phase.commands, phase.finally]) {
    for (const command of list) {
      bench.say(`Running command ${command.trimEnd()}`);
      const script = commandScript(bench.sandbox.workspace, command, {
        isSucceeding: isSucceeding && !failure,
        lastExit,
        shell: spec.shell,
        user,
      });
      const end = await bench.run(script, spec.shell);
      bench.sayPlain('');
      lastExit = end.status;
      if (end.status === 0) continue;
      bench.say(`Command did not exit successfully ${command.trimEnd()} exit status ${end.status}`);
      const memory = end.outOfMemory ? '. The command was killed because the build ran out of memory' : '';
      failure ??= `Error while executing command: ${command.trimEnd()}. Reason: exit status ${end.status}${memory}`;
      break;
    }
  }
  return failure;
}

/** The pattern meets the failure and the end of the output inside the sandbox: a slow one costs only its build. */
async function matches(bench: Bench, pattern: string, failure: string): Promise<boolean> {
  // The log is written a moment after the command has ended; what was said about its end comes behind its output.
  await bench.flush();
  await waitUntil(() => tailOf(bench.sandbox.logFile).includes('did not exit successfully'), LOG_WAIT_MS);
  const text = `${failure}\n${tailOf(bench.sandbox.logFile)}`;
  const end = await bench.ask(`printf %s ${quote(text)} | grep -Eq -e ${quote(pattern)}`);
  return end.status === 0;
}

function tailOf(file: string): string {
  const handle = openSync(file, 'r');
  try {
    const { size } = fstatSync(handle);
    const buffer = Buffer.alloc(Math.min(size, OUTPUT_TAIL_BYTES));
    readSync(handle, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8').replaceAll('\0', ' ');
  } finally {
    closeSync(handle);
  }
}
