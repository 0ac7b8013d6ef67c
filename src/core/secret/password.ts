/** Random passwords: of which characters, and with what in them at least. Chance comes from outside. Pure. */

import { fault } from '#base/fault.ts';

export interface PasswordInput {
  readonly PasswordLength?: number | undefined;
  readonly ExcludeCharacters?: string | undefined;
  readonly ExcludeNumbers?: boolean | undefined;
  readonly ExcludePunctuation?: boolean | undefined;
  readonly ExcludeUppercase?: boolean | undefined;
  readonly ExcludeLowercase?: boolean | undefined;
  readonly IncludeSpace?: boolean | undefined;
  readonly RequireEachIncludedType?: boolean | undefined;
}

const LENGTH_DEFAULT = 32;
const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const NUMBERS = '0123456789';
const PUNCTUATION = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~';

/** `pick(n)` is a number from 0 to n - 1, each as likely as the other. */
export function createPassword(input: PasswordInput, pick: (count: number) => number): string {
  const length = input.PasswordLength ?? LENGTH_DEFAULT;
  const kinds = [
    input.ExcludeUppercase === true ? '' : UPPER,
    input.ExcludeLowercase === true ? '' : LOWER,
    input.ExcludeNumbers === true ? '' : NUMBERS,
    input.ExcludePunctuation === true ? '' : PUNCTUATION,
    input.IncludeSpace === true ? ' ' : '',
  ]
    .filter((kind) => kind !== '')
    .map((kind) => without(kind, input.ExcludeCharacters ?? ''));
  const all = kinds.join('');
  if (all === '') throw refused('Every character that the password could have is excluded.');
  const required = input.RequireEachIncludedType === false ? [] : kinds;
  if (required.includes('')) {
    throw refused('A type of characters must be included, and all characters of it are excluded.');
  }
  if (required.length > length) {
    throw refused(`A password of ${length} characters can't include each of ${required.length} types.`);
  }
  const characters = [...required, ...Array.from({ length: length - required.length }, () => all)].map(
    (from) => from[pick(from.length)] ?? '',
  );
  return shuffle(characters, pick).join('');
}

function without(characters: string, excluded: string): string {
  return [...characters].filter((character) => !excluded.includes(character)).join('');
}

function shuffle(items: string[], pick: (count: number) => number): readonly string[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = pick(i + 1);
    [items[i], items[j]] = [items[j] ?? '', items[i] ?? ''];
  }
  return items;
}

function refused(message: string): Error {
  return fault('InvalidRequestException', message);
}
