/**
 * The operation of a request whose path has words of its own, as in REST with JSON: `/functions/{FunctionName}/code`.
 * Words weigh more than labels, and a label over several parts (`{proxy+}`) weighs least.
 */

import type { HttpRequest } from './http.ts';
import { splitTarget } from './http.ts';
import type { Model, Operation } from './model.ts';
import { decodePart, parseQueryString } from './query-string.ts';

export interface FoundOperation {
  readonly operation: Operation;
  readonly labels: Readonly<Record<string, string>>;
}

interface Pattern {
  readonly operation: Operation;
  readonly parts: readonly string[];
  /** The last part is a label over all that is left. */
  readonly isOpen: boolean;
  readonly query: ReadonlyMap<string, string>;
  readonly weight: number;
}

const compiled = new Map<string, readonly Pattern[]>();

/** `undefined` when the service has no such operation. */
export function findPathOperation(model: Model, request: HttpRequest): FoundOperation | undefined {
  const { path, query } = splitTarget(request.target);
  const parts = partsOf(path);
  const given = parseQueryString(query);
  for (const pattern of patternsOf(model)) {
    if (pattern.operation.method !== request.method) continue;
    if (![...pattern.query].every(([name, value]) => given.get(name) === value)) continue;
    const labels = labelsOf(pattern, parts);
    if (labels) return { operation: pattern.operation, labels };
  }
  return undefined;
}

function labelsOf(pattern: Pattern, parts: readonly string[]): Record<string, string> | undefined {
  const { isOpen } = pattern;
  if (isOpen ? parts.length < pattern.parts.length : parts.length !== pattern.parts.length) return undefined;
  const labels: Record<string, string> = {};
  for (const [index, part] of pattern.parts.entries()) {
    const isRest = isOpen && index === pattern.parts.length - 1;
    const given = isRest ? parts.slice(index).join('/') : (parts[index] ?? '');
    if (!part.startsWith('{')) {
      if (part !== given) return undefined;
      continue;
    }
    const value = decodePart(given);
    if (value === undefined || value === '') return undefined;
    labels[part.replace(/^\{|\+?\}$/g, '')] = value;
  }
  return labels;
}

/** Heaviest first; a pattern is only reached when no heavier one matches. */
function patternsOf(model: Model): readonly Pattern[] {
  const known = compiled.get(model.service);
  if (known) return known;
  const patterns = [...model.operations.values()].map(compile).sort((a, b) => b.weight - a.weight);
  compiled.set(model.service, patterns);
  return patterns;
}

function compile(operation: Operation): Pattern {
  const { path, query } = splitTarget(operation.uri);
  const parts = partsOf(path);
  const words = parts.filter((part) => !part.startsWith('{')).length;
  const fixed = parseQueryString(query);
  const isOpen = parts.at(-1)?.endsWith('+}') === true;
  return { operation, parts, isOpen, query: fixed, weight: 100 * fixed.size + 10 * words - (isOpen ? 1 : 0) };
}

/** A slash at the end means nothing. */
function partsOf(path: string): readonly string[] {
  const parts = path.replace(/^\//, '').split('/');
  return parts.at(-1) === '' ? parts.slice(0, -1) : parts;
}
