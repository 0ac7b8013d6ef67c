/** Scalars as text, for XML, forms, headers and query strings: the same rules in all of them. */

import { assert } from '#base/assert.ts';
import type { ScalarShape, TimestampFormat } from './model.ts';
import { formatTimestamp, parseTimestamp } from './timestamp.ts';

const INTEGER = /^[+-]?\d{1,19}$/;
const DECIMAL = /^[+-]?(?:\d{1,400}\.?\d{0,400}|\.\d{1,400})(?:[eE][+-]?\d{1,3})?$/;

/** `undefined` for text that is no value of the shape. */
export function parseScalar(shape: ScalarShape, text: string): unknown {
  switch (shape.type) {
    case 'string':
      return text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined;
    case 'integer':
    case 'long':
      return INTEGER.test(text.trim()) ? Number(text) : undefined;
    case 'float':
    case 'double':
      if (text === 'NaN' || text === 'Infinity' || text === '-Infinity') return Number(text);
      return DECIMAL.test(text.trim()) ? Number(text) : undefined;
    case 'timestamp':
      return parseTimestamp(text.trim());
    case 'blob':
      return parseBase64(text.replaceAll(/\s/g, ''));
  }
}

export function printScalar(shape: ScalarShape, value: unknown, format: TimestampFormat = 'iso8601'): string {
  switch (shape.type) {
    case 'timestamp':
      assert(value instanceof Date, `${shape.name} must be a Date`);
      return formatTimestamp(value, format);
    case 'blob':
      assert(value instanceof Uint8Array, `${shape.name} must be bytes`);
      return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
    case 'string':
      assert(typeof value === 'string', `${shape.name} must be a string`);
      return value;
    case 'boolean':
      assert(typeof value === 'boolean', `${shape.name} must be a boolean`);
      return String(value);
    default:
      assert(typeof value === 'number', `${shape.name} must be a number`);
      return String(value);
  }
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** `undefined` for what is not base64, which Node itself would read as far as it goes. */
export function parseBase64(text: string): Uint8Array | undefined {
  return text.length % 4 === 0 && BASE64.test(text) ? Buffer.from(text, 'base64') : undefined;
}
