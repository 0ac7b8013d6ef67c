/** Tells the three kinds of filter patterns apart by how they begin. */

import { readFieldsPattern } from './fields.ts';
import { readJsonPattern } from './json.ts';
import type { LogPattern } from './pattern.ts';
import { createScanner, invalidPattern } from './scanner.ts';
import { readTextPattern } from './text.ts';

const PATTERN_LENGTH_MAX = 1024;

export function parseLogPattern(text: string): LogPattern {
  if (text.length > PATTERN_LENGTH_MAX) {
    throw invalidPattern(`it is longer than ${PATTERN_LENGTH_MAX} characters`);
  }
  const scanner = createScanner(text);
  scanner.skipSpaces();
  if (scanner.take('{')) return readJsonPattern(scanner);
  if (scanner.take('[')) return readFieldsPattern(scanner);
  return readTextPattern(scanner);
}
