/**
 * Checks an input against the constraints of its shapes and says what is wrong in AWS's words. Types were checked by
 * the codec for requests from outside; calls from inside are checked by the compiler, and here once more where a
 * wrong type would be misread.
 */

import { fault } from '#base/fault.ts';
import type { Fault } from '#base/fault.ts';
import { brokenConstraints, constraintTexts, NOT_NULL, showValue } from './constraints.ts';
import type { Member, Model, Operation, Shape, StructureShape } from './model.ts';

/** Further violations are not looked for. */
const VIOLATIONS_MAX = 20;

interface Violation {
  /** `pipeline.stages.1.member.name` */
  readonly path: string;
  /** `null`, or the value in quotes. */
  readonly value: string;
  readonly constraint: string;
}

/** Throws one fault that names every violation (up to a limit), under the code that the service uses for it. */
export function validateInput(
  model: Model,
  operation: Operation,
  input: Readonly<Record<string, unknown>>,
): void {
  if (!operation.input) return;
  const violations: Violation[] = [];
  checkStructure(operation.input, input, '', violations);
  const [first] = violations;
  if (first) throw memberFault(model, operation, first) ?? constraintFault(model, operation, violations);
}

function checkStructure(
  shape: StructureShape,
  value: Readonly<Record<string, unknown>>,
  path: string,
  violations: Violation[],
): void {
  for (const [name, member] of shape.members) {
    if (violations.length >= VIOLATIONS_MAX) return;
    const item = value[name];
    const memberPath = `${path}${path && '.'}${name.charAt(0).toLowerCase()}${name.slice(1)}`;
    if (item !== undefined && item !== null) checkMember(member, item, memberPath, violations);
    else if (shape.required.has(name))
      violations.push({ path: memberPath, value: 'null', constraint: NOT_NULL });
  }
}

function checkMember(member: Member, value: unknown, path: string, violations: Violation[]): void {
  if (member.streaming) return;
  const { shape } = member;
  checkType(shape, value, path);
  for (const constraint of brokenConstraints(shape, value)) {
    violations.push({ path, value: `'${showValue(shape, value)}'`, constraint });
  }
  switch (shape.type) {
    case 'structure':
      return checkStructure(shape, value as Record<string, unknown>, path, violations);
    case 'list':
      return checkItems(shape, shape.member, value as readonly unknown[], path, 'Member', violations);
    case 'map': {
      const map = value as Record<string, unknown>;
      checkItems(shape, shape.key, Object.keys(map), path, 'Map keys', violations, value);
      if (isNested(shape.value.shape)) {
        for (const [key, item] of Object.entries(map)) {
          if (violations.length >= VIOLATIONS_MAX) return;
          checkMember(shape.value, item, `${path}.${key}.member`, violations);
        }
      } else checkItems(shape, shape.value, Object.values(map), path, 'Map value', violations, value);
      return;
    }
    default:
  }
}

/** Structures and lists have paths of their own; a scalar item is named by its list, as AWS does. */
function checkItems(
  container: Shape,
  item: Member,
  items: readonly unknown[],
  path: string,
  noun: string,
  violations: Violation[],
  shown: unknown = items,
): void {
  if (isNested(item.shape)) {
    for (const [index, value] of items.entries()) {
      if (violations.length >= VIOLATIONS_MAX) return;
      checkMember(item, value, `${path}.${index + 1}.member`, violations);
    }
    return;
  }
  for (const value of items) checkType(item.shape, value, path);
  if (items.every((value) => brokenConstraints(item.shape, value).length === 0)) return;
  const constraint = `${noun} must satisfy constraint: [${constraintTexts(item.shape)}]`;
  violations.push({ path, value: `'${showValue(container, shown)}'`, constraint });
}

function isNested(shape: Shape): boolean {
  return shape.type === 'structure' || shape.type === 'list' || shape.type === 'map';
}

function checkType(shape: Shape, value: unknown, path: string): void {
  if (hasType(shape, value)) return;
  throw fault('SerializationException', `The value at '${path}' is not a ${shape.type}.`);
}

function hasType(shape: Shape, value: unknown): boolean {
  switch (shape.type) {
    case 'structure':
    case 'map':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'list':
      return Array.isArray(value);
    case 'string':
      return typeof value === 'string';
    case 'boolean':
      return typeof value === 'boolean';
    case 'timestamp':
      return value instanceof Date;
    case 'blob':
      return value instanceof Uint8Array;
    default:
      return typeof value === 'number';
  }
}

/** Some services have a code for each member: ApplicationNameRequiredException, InvalidApplicationNameException. */
function memberFault(model: Model, operation: Operation, violation: Violation): Fault | undefined {
  if (!model.memberFaults || violation.path.includes('.')) return undefined;
  const name = violation.path.charAt(0).toUpperCase() + violation.path.slice(1);
  const isMissing = violation.constraint === NOT_NULL || violation.value === "''";
  const required = `${name}RequiredException`;
  if (isMissing && operation.errors.includes(required)) {
    const words = violation.path.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
    return fault(required, `The ${words} is required.`);
  }
  const invalid = `Invalid${name}Exception`;
  return operation.errors.includes(invalid) ? fault(invalid, messageOf([violation])) : undefined;
}

function constraintFault(model: Model, operation: Operation, violations: readonly Violation[]): Fault {
  const isInBody = violations.some(({ path }) => isBodyPath(operation, path));
  if (model.protocol === 'rest-xml' && isInBody)
    return fault('SerializationException', messageOf(violations));
  return fault(model.constraintFault ?? 'ValidationException', messageOf(violations));
}

/** In the REST protocols a broken document is another fault than a broken header. */
function isBodyPath(operation: Operation, path: string): boolean {
  const [first = ''] = path.split('.');
  const members = operation.input?.members;
  const member = members?.get(first) ?? members?.get(first.charAt(0).toUpperCase() + first.slice(1));
  return member !== undefined && member.location === undefined;
}

function messageOf(violations: readonly Violation[]): string {
  const texts = violations.map(
    ({ path, value, constraint }) =>
      `Value ${value} at '${path}' failed to satisfy constraint: ${constraint}`,
  );
  const noun = violations.length === 1 ? 'validation error' : 'validation errors';
  return `${violations.length} ${noun} detected: ${texts.join('; ')}`;
}
