/**
 * What a target gets: the event itself, a constant, a part of it, or a template with values from it. AWS: "Amazon
 * EventBridge input transformation". In a template, a value outside quotation marks is written as JSON, inside them as
 * it is, without escapes; a variable whose path leads nowhere vanishes.
 */

import { unreachable } from '#base/assert.ts';
import type { Json } from '#core/event-pattern/match.ts';
import { parseJsonPath, valueAt } from './json-path.ts';
import type { RuleName, TargetInput } from './target.ts';

export interface Occasion {
  /** The event's JSON text. */
  readonly event: string;
  readonly rule: RuleName;
  /** When the event was taken in, milliseconds since the epoch. */
  readonly acceptedAt: number;
}

const PLACEHOLDER = /<([A-Za-z0-9_.-]{1,256})>/g;
const RESERVED = new Set([
  'aws.events.rule-arn',
  'aws.events.rule-name',
  'aws.events.event.ingestion-time',
  'aws.events.event',
  'aws.events.event.json',
]);

export function inputFor(input: TargetInput | undefined, occasion: Occasion): string {
  if (input === undefined) return occasion.event;
  switch (input.type) {
    case 'constant':
      return input.text;
    case 'path': {
      const path = parseJsonPath(input.path);
      const value = path && valueAt(path, JSON.parse(occasion.event) as Json);
      // As for a variable: what is not there is nothing.
      return value === undefined ? '' : JSON.stringify(value);
    }
    case 'template':
      return fillTemplate(input.template, valuesOf(input.paths, occasion));
    default:
      return unreachable(input);
  }
}

/** A variable of the template that is neither named by a path nor reserved. */
export function unknownPlaceholder(
  template: string,
  paths: Readonly<Record<string, string>>,
): string | undefined {
  const names = [...template.matchAll(PLACEHOLDER)].map((match) => match[1] ?? '');
  return names.find((name) => !Object.hasOwn(paths, name) && !RESERVED.has(name));
}

function valuesOf(paths: Readonly<Record<string, string>>, occasion: Occasion): ReadonlyMap<string, Json> {
  const event = JSON.parse(occasion.event) as Readonly<Record<string, Json>>;
  const { detail: _, ...head } = event;
  const values = new Map<string, Json>([
    ['aws.events.rule-arn', occasion.rule.arn],
    ['aws.events.rule-name', occasion.rule.name],
    ['aws.events.event.ingestion-time', new Date(occasion.acceptedAt).toISOString()],
    ['aws.events.event', head],
    ['aws.events.event.json', event],
  ]);
  for (const [name, text] of Object.entries(paths)) {
    const path = parseJsonPath(text);
    const value = path && valueAt(path, event);
    if (value !== undefined) values.set(name, value);
  }
  return values;
}

function fillTemplate(template: string, values: ReadonlyMap<string, Json>): string {
  // Plain text is neither JSON nor a quoted string: values stand in it as they are.
  const isJson = /^\s*[{["<]/.test(template);
  let isQuoted = false;
  let at = 0;
  let filled = '';
  for (const match of template.matchAll(PLACEHOLDER)) {
    const before = template.slice(at, match.index);
    isQuoted = endsQuoted(before, isQuoted);
    filled += before + textOf(values.get(match[1] ?? ''), isJson && !isQuoted);
    at = match.index + match[0].length;
  }
  return filled + template.slice(at);
}

function textOf(value: Json | undefined, asJson: boolean): string {
  if (value === undefined) return '';
  return typeof value === 'string' && !asJson ? value : JSON.stringify(value);
}

/** Whether a JSON string is open after `text`, given whether one was before. */
function endsQuoted(text: string, isQuoted: boolean): boolean {
  let quoted = isQuoted;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\' && quoted) i++;
    else if (text[i] === '"') quoted = !quoted;
  }
  return quoted;
}
