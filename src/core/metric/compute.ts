/**
 * Metric queries computed from the series they read: each query is a series, or a number inside of others. Values exist
 * only where all operands have one. Queries may build upon each other, in any order, without circles.
 */

import { unreachable } from '#base/assert.ts';
import { type Expression, type Operator, parseExpression } from './expression.ts';
import type { MetricQuery } from './metric.ts';

/** Values by the time at which their periods begin. */
export type Series = ReadonlyMap<number, number>;

type Value = number | string | Series | readonly Series[];

/** What cannot be computed, in words for whoever wrote it. */
export class Incomputable extends Error {
  override readonly name = 'Incomputable';
}

export interface ComputeInput {
  readonly queries: readonly MetricQuery[];
  /** Of the queries that read a metric, by id. */
  readonly series: ReadonlyMap<string, Series>;
  /** The times at which periods begin, which FILL fills. */
  readonly times: readonly number[];
}

interface Run extends ComputeInput {
  /** What is computed already: queries that build upon each other twice must not cost twice, and so on. */
  readonly values: Map<string, Value>;
  /** How many values were looked at. */
  work: number;
}

/** Values that one computation may look at, so that nobody's expressions hold up everybody. */
const WORK_MAX = 5_000_000;

/** The series of queries by their ids; throws Incomputable. */
export function createComputer(input: ComputeInput): (id: string) => Series {
  const run: Run = { ...input, values: new Map(), work: 0 };
  return (id) => {
    const value = valueOf(run, id, []);
    if (isSeries(value)) return value;
    throw new Incomputable(`The expression of ${id} does not give a time series.`);
  };
}

/** The faults of a list of queries, without any data. */
export function checkQueries(queries: readonly MetricQuery[]): string | undefined {
  const empty = new Map<number, number>();
  const series = new Map(queries.filter(({ stat }) => stat).map(({ id }) => [id, empty]));
  try {
    const compute = createComputer({ queries, series, times: [] });
    for (const { id } of queries) compute(id);
    return undefined;
  } catch (error) {
    if (error instanceof Incomputable) return error.message;
    throw error;
  }
}

function valueOf(run: Run, id: string, path: readonly string[]): Value {
  if (path.includes(id)) throw new Incomputable(`The expression of ${id} refers to itself.`);
  const known = run.series.get(id) ?? run.values.get(id);
  if (known !== undefined) return known;
  const query = run.queries.find((each) => each.id === id);
  if (query?.expression === undefined) throw new Incomputable(`There is no query with the id ${id}.`);
  const parsed = parseExpression(query.expression);
  if ('error' in parsed) throw new Incomputable(`The expression of ${id} is not valid: ${parsed.error}.`);
  const value = evaluate(run, parsed, [...path, id]);
  run.values.set(id, value);
  return value;
}

function evaluate(run: Run, expression: Expression, path: readonly string[]): Value {
  const value = evaluateFreely(run, expression, path);
  run.work += sizeOf(value);
  if (run.work > WORK_MAX) throw new Incomputable('The expressions take too much work.');
  return value;
}

function sizeOf(value: Value): number {
  if (isSeries(value)) return value.size;
  if (!Array.isArray(value)) return 1;
  return (value as readonly Series[]).reduce((total, series) => total + series.size, 1);
}

function evaluateFreely(run: Run, expression: Expression, path: readonly string[]): Value {
  const inner = (each: Expression) => evaluate(run, each, path);
  switch (expression.type) {
    case 'number':
    case 'text':
      return expression.value;
    case 'id':
      return valueOf(run, expression.id, path);
    case 'list':
      return expression.items.map((item) => seriesOf(inner(item)));
    case 'negate':
      return mapValues(inner(expression.of), (value) => -value);
    case 'binary':
      return combine(inner(expression.left), inner(expression.right), operate(expression.operator));
    case 'call':
      return call(run, expression.name, expression.parameters, inner);
    default:
      return unreachable(expression);
  }
}

function operate(operator: Operator): (a: number, b: number) => number | undefined {
  switch (operator) {
    case '+':
      return (a, b) => a + b;
    case '-':
      return (a, b) => a - b;
    case '*':
      return (a, b) => a * b;
    case '/':
      // As on AWS, there is no value where one would be divided by nothing.
      return (a, b) => (b === 0 ? undefined : a / b);
    case '^':
      return (a, b) => a ** b;
    case '<':
      return (a, b) => Number(a < b);
    case '>':
      return (a, b) => Number(a > b);
    case '<=':
      return (a, b) => Number(a <= b);
    case '>=':
      return (a, b) => Number(a >= b);
    case '==':
      return (a, b) => Number(a === b);
    case '!=':
      return (a, b) => Number(a !== b);
    case '&&':
    case 'AND':
      return (a, b) => Number(a !== 0 && b !== 0);
    case '||':
    case 'OR':
      return (a, b) => Number(a !== 0 || b !== 0);
    default:
      return unreachable(operator);
  }
}

type Inner = (expression: Expression) => Value;

function call(run: Run, name: string, parameters: readonly Expression[], inner: Inner): Value {
  const [first, second, third] = parameters;
  const expect = (count: number) => {
    if (parameters.length !== count) throw new Incomputable(`${name} takes ${count} parameters.`);
  };
  switch (name) {
    case 'ABS':
    case 'CEIL':
    case 'FLOOR': {
      expect(1);
      const rounding = name === 'ABS' ? Math.abs : name === 'CEIL' ? Math.ceil : Math.floor;
      return mapValues(inner(first as Expression), rounding);
    }
    case 'METRICS': {
      const part = first === undefined ? '' : inner(first);
      if (typeof part !== 'string') throw new Incomputable('METRICS takes a text.');
      return [...run.series].filter(([id]) => id.includes(part)).map(([, series]) => series);
    }
    case 'SUM':
    case 'AVG':
    case 'MIN':
    case 'MAX':
    case 'SIZE':
      expect(1);
      return gather(inner(first as Expression), GATHERERS[name]);
    case 'FILL':
      expect(2);
      return fill(run.times, seriesOf(inner(first as Expression)), inner(second as Expression));
    case 'IF': {
      if (parameters.length !== 3) throw new Incomputable('IF takes 3 parameters here.');
      const [test, yes, no] = [first, second, third].map((each) => inner(each as Expression)) as [
        Value,
        Value,
        Value,
      ];
      return choose(test, yes, no);
    }
    default:
      throw new Incomputable(`The function ${name} is not supported.`);
  }
}

type Gatherer = (values: readonly number[]) => number;

const sum: Gatherer = (values) => values.reduce((total, value) => total + value, 0);
const GATHERERS: Readonly<Record<'SUM' | 'AVG' | 'MIN' | 'MAX' | 'SIZE', Gatherer>> = {
  SUM: sum,
  AVG: (values) => sum(values) / values.length,
  MIN: (values) => values.reduce((least, value) => Math.min(least, value)),
  MAX: (values) => values.reduce((most, value) => Math.max(most, value)),
  SIZE: (values) => values.length,
};

/** Over a list: a series with a value wherever any of them has one. Over one series: a number. */
function gather(value: Value, gatherer: Gatherer): Value {
  if (isSeries(value)) return value.size === 0 ? 0 : gatherer([...value.values()]);
  if (!Array.isArray(value)) throw new Incomputable('A function over series got something else.');
  const byTime = new Map<number, number[]>();
  for (const series of value as readonly Series[]) {
    for (const [at, item] of series) {
      const known = byTime.get(at);
      if (known) known.push(item);
      else byTime.set(at, [item]);
    }
  }
  return new Map([...byTime].map(([at, values]) => [at, gatherer(values)]));
}

function fill(times: readonly number[], series: Series, filler: Value): Series {
  if (filler !== 'REPEAT' && typeof filler !== 'number' && !isSeries(filler)) {
    throw new Incomputable('FILL takes a number, a series or "REPEAT".');
  }
  const filled = new Map<number, number>();
  let last: number | undefined;
  for (const at of times) {
    const own = series.get(at);
    const value = own ?? (typeof filler === 'number' ? filler : isSeries(filler) ? filler.get(at) : last);
    last = own ?? last;
    if (value !== undefined) filled.set(at, value);
  }
  return filled;
}

function choose(test: Value, yes: Value, no: Value): Value {
  const at = (value: Value, time: number) => (isSeries(value) ? value.get(time) : numberOf(value));
  if (!isSeries(test)) return numberOf(test) === 0 ? no : yes;
  const chosen = new Map<number, number>();
  for (const [time, condition] of test) {
    const value = at(condition === 0 ? no : yes, time);
    if (value !== undefined) chosen.set(time, value);
  }
  return chosen;
}

function combine(left: Value, right: Value, operation: (a: number, b: number) => number | undefined): Value {
  if (!isSeries(left) && !isSeries(right)) return operation(numberOf(left), numberOf(right)) ?? 0;
  const combined = new Map<number, number>();
  for (const at of (isSeries(left) ? left : (right as Series)).keys()) {
    const a = isSeries(left) ? left.get(at) : numberOf(left);
    const b = isSeries(right) ? right.get(at) : numberOf(right);
    const value = a === undefined || b === undefined ? undefined : operation(a, b);
    if (value !== undefined && Number.isFinite(value)) combined.set(at, value);
  }
  return combined;
}

function mapValues(value: Value, map: (value: number) => number): Value {
  if (!isSeries(value)) return map(numberOf(value));
  return new Map([...value].map(([at, item]) => [at, map(item)]));
}

function seriesOf(value: Value): Series {
  if (isSeries(value)) return value;
  throw new Incomputable('A time series is needed where the expression has something else.');
}

function numberOf(value: Value): number {
  if (typeof value === 'number') return value;
  throw new Incomputable('A number or a time series is needed where the expression has something else.');
}

function isSeries(value: Value): value is Series {
  return value instanceof Map;
}
