/** Timestamps on the wire: seconds since 1970 as a number, ISO 8601, and the dates of HTTP headers; `Date` inside. */

import type { TimestampFormat } from './model.ts';

const ISO_8601 = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/;
const HTTP_DATE =
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2}(?:\.\d{1,3})? (?:GMT|UTC|[+-]0000)$/;
const NUMBER = /^-?\d{1,15}(?:\.\d{1,9})?$/;
const MILLISECONDS_MAX = 8.64e15;

/** `undefined` for what is no timestamp. Any of the formats is accepted in text, as AWS does. */
export function parseTimestamp(value: string | number): Date | undefined {
  if (typeof value === 'number') return dateOf(Math.round(value * 1000));
  if (NUMBER.test(value)) return dateOf(Math.round(Number(value) * 1000));
  if (HTTP_DATE.test(value)) return dateOf(Date.parse(value));
  const iso = ISO_8601.exec(value);
  // A time without a zone is UTC, where JavaScript would take the zone of this machine.
  return iso
    ? dateOf(Date.parse(iso[1] !== undefined && iso[2] === undefined ? `${value}Z` : value))
    : undefined;
}

export function formatTimestamp(date: Date, format: TimestampFormat): string {
  switch (format) {
    case 'iso8601':
      return date.toISOString().replace('.000Z', 'Z');
    case 'rfc822':
      return date.toUTCString();
    case 'unixTimestamp':
      return String(date.getTime() / 1000);
  }
}

function dateOf(milliseconds: number): Date | undefined {
  return Math.abs(milliseconds) <= MILLISECONDS_MAX ? new Date(milliseconds) : undefined;
}
