/**
 * Secret values of configurations: stored sealed, as `sealed:…`, and shown as asterisks. Only who does the work of an
 * action, this room's acting code or a job worker, gets them in clear.
 */

import type { House } from '#services/service.ts';

type Configuration = Readonly<Record<string, string>>;

const PREFIX = 'sealed:';
const PURPOSE = 'codepipeline/secret';
const MASK = '****';

export function sealSecret(house: House, value: string): string {
  return PREFIX + house.keyring.seal(PURPOSE, value);
}

export function isSealed(value: string): boolean {
  return value.startsWith(PREFIX);
}

/** For whoever does the work. */
export function unsealConfiguration(house: House, configuration: Configuration): Record<string, string> {
  return mapValues(configuration, (value) =>
    isSealed(value) ? house.keyring.open(PURPOSE, value.slice(PREFIX.length)).toString() : value,
  );
}

/** For everybody else. */
export function hideSecrets(configuration: Configuration): Record<string, string> {
  return mapValues(configuration, (value) => (isSealed(value) ? MASK : value));
}

function mapValues(configuration: Configuration, map: (value: string) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(configuration).map(([name, value]) => [name, map(value)]));
}
