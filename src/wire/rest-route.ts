/**
 * The operation of a REST request, from method, path, query and headers. An operation is meant when its path
 * matches, its static query members are there and its required members are bound; the most specific one wins.
 * Sub-resources are never ignored: a query that names one which the operation does not have is another operation,
 * one that we do not know, and doing the plain one instead would be wrong.
 */

import type { HttpRequest } from './http.ts';
import { splitTarget } from './http.ts';
import type { Model, Operation } from './model.ts';
import { decodePart, parseQueryString } from './query-string.ts';

/** The parts of an address below a service, already told apart: no part, a bucket, or a bucket and a key. */
export type Labels = Readonly<Record<string, string>>;

interface Pattern {
  readonly operation: Operation;
  readonly labels: readonly string[];
  readonly query: ReadonlyMap<string, string>;
  readonly bound: ReadonlySet<string>;
  readonly requiredQuery: readonly string[];
  readonly requiredHeaders: readonly string[];
}

interface Patterns {
  readonly patterns: readonly Pattern[];
  /** Every query name that tells operations apart. */
  readonly subresources: ReadonlySet<string>;
}

const compiled = new Map<string, Patterns>();

/** `undefined` when the service has no such operation. */
export function findRestOperation(model: Model, request: HttpRequest, labels: Labels): Operation | undefined {
  const { patterns, subresources } = patternsOf(model);
  const query = parseQueryString(splitTarget(request.target).query);
  const found = patterns
    .filter((pattern) => matches(pattern, request.method, query, labels))
    .map((pattern) => ({ pattern, score: scoreOf(pattern, request, query) }))
    .reduce<{ pattern: Pattern; score: number } | undefined>(
      (best, each) => (best === undefined || each.score > best.score ? each : best),
      undefined,
    );
  if (!found) return undefined;
  const { operation, query: own, bound } = found.pattern;
  const isForeign = [...query.keys()].some((name) => {
    if (own.has(name) || bound.has(name)) return false;
    return subresources.has(name) || model.foreignQueries.includes(name);
  });
  return isForeign ? undefined : operation;
}

/** The path below the service as bucket and key, or as a key alone when the host names the bucket. */
export function labelsOfPath(path: string, bucketOfHost: string | undefined): Labels | undefined {
  const rest = path.replace(/^\//, '');
  const slash = bucketOfHost === undefined ? rest.indexOf('/') : -1;
  const bucketPart = slash < 0 ? rest : rest.slice(0, slash);
  const bucket = bucketOfHost ?? decodePart(bucketPart);
  const key = decodePart(bucketOfHost !== undefined ? rest : slash < 0 ? '' : rest.slice(slash + 1));
  if (bucket === undefined || key === undefined) return undefined;
  return { ...(bucket !== '' && { Bucket: bucket }), ...(key !== '' && { Key: key }) };
}

function matches(
  pattern: Pattern,
  method: string,
  query: ReadonlyMap<string, string>,
  labels: Labels,
): boolean {
  if (pattern.operation.method !== method) return false;
  if (pattern.labels.length !== Object.keys(labels).length) return false;
  if (!pattern.labels.every((label) => Object.hasOwn(labels, label))) return false;
  return [...pattern.query].every(
    ([name, value]) => query.has(name) && (value === '' || query.get(name) === value),
  );
}

/** Static query members weigh most: a sub-resource without its required members is still that sub-resource. */
function scoreOf(pattern: Pattern, request: HttpRequest, query: ReadonlyMap<string, string>): number {
  const isComplete =
    pattern.requiredQuery.every((name) => query.has(name)) &&
    pattern.requiredHeaders.every((name) => request.headers[name] !== undefined);
  const required = pattern.requiredQuery.length + pattern.requiredHeaders.length;
  return 1000 * pattern.query.size + (isComplete ? required : -required);
}

function patternsOf(model: Model): Patterns {
  const known = compiled.get(model.service);
  if (known) return known;
  const patterns = [...model.operations.values()].map(compile).filter((pattern) => pattern !== undefined);
  const subresources = new Set(
    patterns.flatMap(({ query, requiredQuery }) => [...query.keys(), ...requiredQuery]),
  );
  const made = { patterns, subresources };
  compiled.set(model.service, made);
  return made;
}

/** Operations with a fixed word in their path live on hosts of their own and are not reached here. */
function compile(operation: Operation): Pattern | undefined {
  const { path, query } = splitTarget(operation.uri);
  const parts = path.split('/').filter((part) => part !== '');
  if (!parts.every((part) => part.startsWith('{'))) return undefined;
  const members = [...(operation.input?.members ?? [])];
  const isRequired = (name: string) => operation.input?.required.has(name) === true;
  const namesAt = (location: string, onlyRequired: boolean) =>
    members
      .filter(([name, member]) => member.location === location && (!onlyRequired || isRequired(name)))
      .map(([name, member]) => member.locationName ?? name);
  return {
    operation,
    labels: parts.map((part) => part.replace(/^\{|\+?\}$/g, '')),
    query: parseQueryString(query),
    bound: new Set(namesAt('querystring', false)),
    requiredQuery: namesAt('querystring', true),
    requiredHeaders: namesAt('header', true).map((name) => name.toLowerCase()),
  };
}
