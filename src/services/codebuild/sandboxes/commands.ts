/** One command in a sandbox: run in the state that the one before left, its two outputs kept apart. */

import type { SandboxCommand, SandboxEvent } from '#core/sandbox/state.ts';
import type { Bench } from '#services/codebuild/bench.ts';
import { makeFolder } from '#services/codebuild/places.ts';
import { maskSecrets, readSecrets, redactorOf } from '#services/codebuild/secrets.ts';
import { credentialsToken } from '#services/codebuild/credentials.ts';
import { capturedCommandScript, captureQuestion, CAPTURE_FOLDER } from '#services/codebuild/shell.ts';

/** The steps of commands begin behind those of the phases. */
const STEPS_START = 20_000;
const STEPS_PER_COMMAND = 10;
/** Of each output, as the answer shows it; the log has all of it. */
export const OUTPUT_BYTES_MAX = 32 * 1024;
/** So much more is looked at, so that no secret is cut in two. */
const AHEAD_BYTES = 16 * 1024;

type Ended = Omit<Extract<SandboxEvent, { type: 'CommandEnded' }>, 'type' | 'commandId'>;

export async function runCommand(
  benchFor: (stepsBefore: number) => Bench,
  { number, text }: SandboxCommand,
): Promise<Ended> {
  const bench = benchFor(STEPS_START + number * STEPS_PER_COMMAND);
  const { sandbox, room, plan, directory } = bench;
  makeFolder(sandbox.workspaceDirectory, CAPTURE_FOLDER, sandbox.owner);
  bench.say(`Running command ${text.trimEnd()}`);
  const { status } = await bench.run(capturedCommandScript(sandbox.workspace, number, text));
  const { answer } = await bench.ask(
    captureQuestion(sandbox.workspace, number, OUTPUT_BYTES_MAX + AHEAD_BYTES),
  );
  bench.sayPlain('');
  if (status !== 0) bench.say(`Command did not exit successfully ${text.trimEnd()} exit status ${status}`);
  await bench.flush();
  const secrets = [...readSecrets(room.house, directory), credentialsToken(room.house, plan.uuid)];
  const [output = '', error = ''] = answer.split(' ');
  return { exitCode: status, standardOutput: shown(output, secrets), standardError: shown(error, secrets) };
}

/** `<size>,<base64 of its beginning>` as it is shown: without secrets, and cut where none is halved. */
function shown(word: string, secrets: readonly string[]): string {
  const [size = '0', base64 = ''] = word.split(',');
  const text = Buffer.from(base64, 'base64').toString('utf8').replaceAll('\0', '\ufffd');
  if (Number(size) <= OUTPUT_BYTES_MAX) return maskSecrets(text, secrets);
  const begin = text.slice(0, redactorOf(secrets).cut(text, OUTPUT_BYTES_MAX));
  return `${maskSecrets(begin, secrets)}\n… of ${size} bytes; the log of the sandbox has the rest\n`;
}
