/**
 * What is wrong with plain data for a shape, each thing with its place: for people who want to know everything at once,
 * before they send it. Requests themselves are checked by `validate.ts`, whose texts these are.
 */

import { brokenConstraints, NOT_NULL, showValue } from './constraints.ts';
import type { Member, Shape, StructureShape } from './model.ts';

export interface ShapeFault {
  readonly path: Path;
  /** `unknown`: a service ignores the member; `missing` and `type`: nothing below can be relied on. */
  readonly kind: 'unknown' | 'missing' | 'type' | 'constraint';
  readonly code: 'ValidationException' | 'SerializationException' | 'UnknownParameter';
  readonly message: string;
  /** Of `type`: a number or a boolean stands where a text belongs. */
  readonly isPlain?: true;
  /** Of `unknown`: the names that there are. */
  readonly known?: readonly string[];
}

type Path = readonly (string | number)[];

const FAULTS_MAX = 200;
const VALUE_SHOWN_MAX = 100;

/** `prefix` is how the service names the data: `['pipeline']`. */
export function shapeFaults(shape: Shape, value: unknown, prefix: Path = []): readonly ShapeFault[] {
  const faults: ShapeFault[] = [];
  check({ faults, prefix }, shape, value, []);
  return faults;
}

interface Walk {
  readonly faults: ShapeFault[];
  readonly prefix: Path;
}

function check(walk: Walk, shape: Shape, value: unknown, path: Path): void {
  const { faults } = walk;
  if (faults.length >= FAULTS_MAX) return;
  const text = pathText(walk, path);
  if (!hasType(shape, value)) {
    const message = `The value at '${text}' is not a ${shape.type}.`;
    const isPlain = shape.type === 'string' && ['number', 'boolean'].includes(typeof value);
    const code = 'SerializationException';
    faults.push({ path, kind: 'type', code, message, ...(isPlain ? { isPlain } : {}) });
    return;
  }
  for (const constraint of brokenConstraints(shape, value)) {
    const shown = showValue(shape, value).slice(0, VALUE_SHOWN_MAX);
    const message = `Value '${shown}' at '${text}' failed to satisfy constraint: ${constraint}`;
    faults.push({ path, kind: 'constraint', code: 'ValidationException', message });
  }
  switch (shape.type) {
    case 'structure':
      return checkMembers(walk, shape, value as Readonly<Record<string, unknown>>, path);
    case 'list':
      return checkAll(walk, shape.member, [...(value as readonly unknown[]).entries()], path);
    case 'map': {
      const entries = Object.entries(value as object);
      for (const [key] of entries) check(walk, shape.key.shape, key, [...path, key]);
      return checkAll(walk, shape.value, entries, path);
    }
    default:
  }
}

function checkMembers(
  walk: Walk,
  shape: StructureShape,
  value: Readonly<Record<string, unknown>>,
  path: Path,
): void {
  const known = [...shape.members.keys()];
  for (const name of Object.keys(value)) {
    if (shape.members.has(name)) continue;
    const message = `Unknown parameter '${name}' in '${pathText(walk, path)}'`;
    walk.faults.push({ path: [...path, name], kind: 'unknown', code: 'UnknownParameter', message, known });
  }
  for (const [name, member] of shape.members) {
    const item = Object.hasOwn(value, name) ? value[name] : undefined;
    if (item !== undefined && item !== null) check(walk, member.shape, item, [...path, name]);
    else if (shape.required.has(name)) {
      const text = pathText(walk, [...path, name]);
      const message = `Value null at '${text}' failed to satisfy constraint: ${NOT_NULL}`;
      walk.faults.push({ path: [...path, name], kind: 'missing', code: 'ValidationException', message });
    }
  }
}

function checkAll(
  walk: Walk,
  member: Member,
  items: readonly (readonly [string | number, unknown])[],
  path: Path,
): void {
  for (const [key, item] of items) check(walk, member.shape, item, [...path, key]);
}

function hasType(shape: Shape, value: unknown): boolean {
  switch (shape.type) {
    case 'structure':
    case 'map':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'list':
      return Array.isArray(value);
    case 'boolean':
      return typeof value === 'boolean';
    case 'integer':
    case 'long':
      return Number.isInteger(value);
    case 'float':
    case 'double':
      return typeof value === 'number';
    case 'string':
    case 'blob':
      return typeof value === 'string';
    case 'timestamp':
      return typeof value === 'string' || typeof value === 'number';
  }
}

/** `pipeline.stages.1.member.name` */
function pathText({ prefix }: Walk, path: Path): string {
  return [...prefix, ...path]
    .map((step) => (typeof step === 'number' ? `${step + 1}.member` : step))
    .join('.');
}
