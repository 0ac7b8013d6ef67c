/**
 * Whether a delivery to a webhook passes its filters: all of them must. A filter selects values of the body and
 * compares them, as text, with what it expects, in which `{Branch}` stands for that setting of the target action.
 * AWS: "WebhookFilterRule".
 */

import { parseJsonPath, selectValues } from './webhook-path.ts';

export interface WebhookFilter {
  readonly jsonPath: string;
  readonly matchEquals?: string;
}

/** Settings of the target action, without those that are secret. */
type Configuration = Readonly<Record<string, string>>;

export type Passage = 'passed' | 'ignored' | 'tooLarge';

/** Why a filter cannot be kept; nothing for one that can. */
export function filterFault(filter: WebhookFilter, configuration: Configuration): string | undefined {
  if (!parseJsonPath(filter.jsonPath)) {
    return `The filter path '${filter.jsonPath}' is not a JSON path of members, elements, * and ..`;
  }
  const missing = placeholdersOf(filter).find((name) => !Object.hasOwn(configuration, name));
  return missing === undefined
    ? undefined
    : `The filter names '{${missing}}', which is not a setting of the target action that can be used`;
}

export function passFilters(
  filters: readonly WebhookFilter[],
  configuration: Configuration,
  body: unknown,
): Passage {
  for (const filter of filters) {
    const path = parseJsonPath(filter.jsonPath);
    // The action may have lost a setting since the filter was kept.
    if (!path || filterFault(filter, configuration) !== undefined) return 'ignored';
    const selected = selectValues(path, body);
    if (selected.type === 'exceeded') return 'tooLarge';
    const expected = expectedOf(filter, configuration);
    const isMet =
      expected === undefined
        ? selected.values.length > 0
        : selected.values.some((value) => textOf(value) === expected);
    if (!isMet) return 'ignored';
  }
  return 'passed';
}

const PLACEHOLDER = /\{([^{}]*)\}/g;

function placeholdersOf({ matchEquals = '' }: WebhookFilter): readonly string[] {
  return [...matchEquals.matchAll(PLACEHOLDER)].map((match) => match[1] ?? '');
}

function expectedOf({ matchEquals }: WebhookFilter, configuration: Configuration): string | undefined {
  return matchEquals?.replace(PLACEHOLDER, (_whole, name: string) => configuration[name] ?? '');
}

/** Objects and lists have no text to compare. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' || value === null
    ? String(value)
    : undefined;
}
