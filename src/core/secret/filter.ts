/**
 * Filters of lists of secrets. Within one filter any value will do, and one with a `!` before it must not hold; all
 * filters must hold. See "Find secrets in AWS Secrets Manager" in the user guide. Pure.
 */

import { fault } from '#base/fault.ts';

export interface SecretFilter {
  readonly Key?: string | undefined;
  readonly Values?: readonly string[] | undefined;
}

/** What filters look at. */
export interface FilteredSecret {
  readonly name: string;
  readonly description: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly region: string;
}

type Match = (secret: FilteredSecret, value: string) => boolean;

/** Throws for what is no filter. */
export function createSecretFilter(filters: readonly SecretFilter[]): (secret: FilteredSecret) => boolean {
  const checks = filters.map(({ Key: key, Values: values = [] }) => {
    if (key === undefined || values.length === 0) {
      throw fault('InvalidParameterException', 'A filter must have a key and at least one value.');
    }
    const match = matchOf(key);
    const wanted = values.filter((value) => !value.startsWith('!'));
    const unwanted = values.filter((value) => value.startsWith('!')).map((value) => value.slice(1));
    return (secret: FilteredSecret) =>
      (wanted.length === 0 || wanted.some((value) => match(secret, value))) &&
      !unwanted.some((value) => match(secret, value));
  });
  return (secret) => checks.every((check) => check(secret));
}

function matchOf(key: string): Match {
  switch (key) {
    case 'name':
      return ({ name }, value) => name.startsWith(value);
    case 'description':
      return ({ description }, value) => hasWords(description, value);
    case 'tag-key':
      return ({ tags }, value) => Object.keys(tags).some((tag) => tag.startsWith(value));
    case 'tag-value':
      return ({ tags }, value) => Object.values(tags).some((text) => text.startsWith(value));
    case 'primary-region':
      return ({ region }, value) => region.startsWith(value);
    case 'owning-service':
      // No service owns secrets here.
      return () => false;
    default:
      return ({ name, description, tags, region }, value) =>
        [name, description, region, ...Object.entries(tags).flat()].some((text) => hasWords(text, value));
  }
}

/** Every word of the value begins a word of the text, whatever their case. */
function hasWords(text: string, value: string): boolean {
  const words = text.toLowerCase().split(WORD_END);
  const whole = text.toLowerCase();
  return value
    .toLowerCase()
    .split(' ')
    .every((wanted) => whole.startsWith(wanted) || words.some((word) => word.startsWith(wanted)));
}

const WORD_END = /[ /_+=.@!-]/;
