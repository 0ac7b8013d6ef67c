/**
 * The texts that no log and no message of a build may show. They are kept sealed beside its sandbox, so that a later
 * life of the server masks them too. What counts as showing one is settled in `core/redact`.
 */

import { createRedactor, type Redactor } from '#core/redact/redactor.ts';
import { keep, recall, type Bench } from './bench.ts';
import type { House } from '#services/service.ts';

const PURPOSE = 'codebuild-secrets';
const SECRETS_MAX = 500;
export { SECRET_LENGTH_MIN } from '#core/redact/redactor.ts';

const known = new Map<string, readonly string[]>();

/** Must be done before anything that knows the secrets runs. */
export function rememberSecrets(bench: Bench, values: readonly string[]): void {
  const { directory, room, plan } = bench;
  const all = new Set(readSecrets(room.house, directory));
  for (const value of values) if (all.size < SECRETS_MAX) all.add(value);
  const secrets = [...all];
  keep(directory, 'secrets', {
    sealed: room.house.keyring.seal(PURPOSE, JSON.stringify(secrets), plan.uuid),
    uuid: plan.uuid,
  });
  known.set(directory, secrets);
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
  return redactorOf(secrets).redact(text);
}

const redactors = new WeakMap<readonly string[], Redactor>();

/** One for each list: whoever masks many texts passes the same list. */
export function redactorOf(secrets: readonly string[]): Redactor {
  const redactor = redactors.get(secrets) ?? createRedactor(secrets);
  redactors.set(secrets, redactor);
  return redactor;
}
