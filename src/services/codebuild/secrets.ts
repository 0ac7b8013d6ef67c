/**
 * The texts that no log and no message of a build may show. They are kept sealed beside its sandbox, so that a later
 * life of the server masks them too. What counts as showing one is settled in `core/redact`.
 */

import { createRedactor, SECRET_LENGTH_MIN, type Redactor } from '#core/redact/redactor.ts';
import { keep, recall, type Bench } from './bench.ts';
import type { House } from '#services/service.ts';

const PURPOSE = 'codebuild-secrets';
const SECRETS_MAX = 500;
export { SECRET_LENGTH_MIN };

interface Secrets {
  readonly masked: readonly string[];
  /** Those of them that are no secret in their store, such as plain parameters: a build may export them. */
  readonly plain: readonly string[];
}

const NONE: Secrets = { masked: [], plain: [] };
const known = new Map<string, Secrets>();

/** Must be done before anything that knows the secrets runs. */
export function rememberSecrets(
  bench: Bench,
  values: readonly string[],
  plainValues: readonly string[] = [],
): void {
  const { directory, room, plan } = bench;
  const before = openSecrets(room.house, directory);
  const masked = new Set(before.masked);
  for (const value of [...values, ...plainValues]) if (masked.size < SECRETS_MAX) masked.add(value);
  const plain = new Set([...before.plain, ...plainValues].filter((value) => !values.includes(value)));
  const secrets: Secrets = { masked: [...masked], plain: [...plain] };
  keep(directory, 'secrets', {
    sealed: room.house.keyring.seal(PURPOSE, JSON.stringify(secrets), plan.uuid),
    uuid: plan.uuid,
  });
  known.set(directory, secrets);
}

export function readSecrets(house: House, directory: string): readonly string[] {
  return openSecrets(house, directory).masked;
}

/** Whether a text holds what must not leave a build, not even where its commands put it. */
export function holdsSecret({ directory, room }: Bench, text: string): boolean {
  const { masked, plain } = openSecrets(room.house, directory);
  const secrets = masked.filter((value) => value.length >= SECRET_LENGTH_MIN && !plain.includes(value));
  return secrets.length > 0 && createRedactor(secrets).redact(text) !== text;
}

function openSecrets(house: House, directory: string): Secrets {
  const there = known.get(directory);
  if (there) return there;
  const kept = recall<{ sealed: string; uuid: string }>(directory, 'secrets');
  if (!kept) return NONE;
  const secrets = JSON.parse(house.keyring.open(PURPOSE, kept.sealed, kept.uuid).toString()) as Secrets;
  known.set(directory, secrets);
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
