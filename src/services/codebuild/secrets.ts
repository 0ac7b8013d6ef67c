/**
 * The texts that no log and no message of a build may show. They are kept sealed beside its sandbox, so that a later
 * life of the server masks them too. Common ways to write a text down are masked as well, each line of a long one by
 * itself; texts too short to be secrets would only tear holes into the log.
 */

import { keep, recall, type Bench } from './bench.ts';
import type { House } from '#services/service.ts';

const PURPOSE = 'codebuild-secrets';
export const SECRET_LENGTH_MIN = 4;
const SECRETS_MAX = 500;

const known = new Map<string, readonly string[]>();

/** Must be done before anything that knows the secrets runs. */
export function rememberSecrets(bench: Bench, values: readonly string[]): void {
  const { directory, room, plan } = bench;
  const all = new Set(readSecrets(room.house, directory));
  for (const value of values) for (const form of formsOf(value)) if (all.size < SECRETS_MAX) all.add(form);
  // A text that holds another is looked for first.
  const sorted = [...all].sort((a, b) => b.length - a.length);
  keep(directory, 'secrets', {
    sealed: room.house.keyring.seal(PURPOSE, JSON.stringify(sorted), plan.uuid),
    uuid: plan.uuid,
  });
  known.set(directory, sorted);
}

export function readSecrets(house: House, directory: string): readonly string[] {
  const there = known.get(directory);
  if (there) return there;
  const kept = recall<{ sealed: string; uuid: string }>(directory, 'secrets');
  const secrets = kept
    ? (JSON.parse(house.keyring.open(PURPOSE, kept.sealed, kept.uuid).toString()) as readonly string[])
    : [];
  if (kept) known.set(directory, secrets);
  return secrets;
}

export function forgetSecrets(directory: string): void {
  known.delete(directory);
}

export function maskSecrets(text: string, secrets: readonly string[]): string {
  let masked = text;
  for (const secret of secrets) masked = masked.replaceAll(secret, '***');
  return masked;
}

function formsOf(value: string): string[] {
  const texts = value.includes('\n') ? [value, ...value.split('\n')] : [value];
  return texts
    .map((text) => text.trim())
    .filter((text) => text.length >= SECRET_LENGTH_MIN)
    .flatMap((text) => [
      text,
      Buffer.from(text).toString('base64'),
      Buffer.from(text).toString('base64url'),
      Buffer.from(`${text}\n`).toString('base64'),
      encodeURIComponent(text.toWellFormed()),
      JSON.stringify(text).slice(1, -1),
      text.replaceAll("'", `'\\''`),
    ]);
}
