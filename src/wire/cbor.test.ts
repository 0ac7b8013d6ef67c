/** CBOR: the examples of RFC 8949, what is written is read, and what is hostile is refused while it is read. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isFault } from '#base/fault.ts';
import {
  bytesOfCbor,
  createCborWriter,
  parseCbor,
  writeBlob,
  writeBoolean,
  writeDate,
  writeDouble,
  writeInteger,
  writeListHead,
  writeMapHead,
  writeText,
  type CborWriter,
} from './cbor.ts';

const read = (hex: string) => parseCbor(Buffer.from(hex, 'hex'));
const isMalformed = (error: unknown) => isFault(error, 'SerializationException');

test('the examples of appendix A are read', () => {
  const rows: readonly [string, unknown][] = [
    ['00', 0],
    ['17', 23],
    ['1818', 24],
    ['1903e8', 1000],
    ['1a000f4240', 1000000],
    ['1b000000e8d4a51000', 1000000000000],
    ['20', -1],
    ['3903e7', -1000],
    ['f90000', 0],
    ['f93c00', 1],
    ['f93e00', 1.5],
    ['f97bff', 65504],
    ['f90001', 5.960464477539063e-8],
    ['f9c400', -4],
    ['f97c00', Infinity],
    ['f97e00', NaN],
    ['fa47c35000', 100000],
    ['fb3ff199999999999a', 1.1],
    ['f4', false],
    ['f5', true],
    ['f6', null],
    ['f7', null],
    ['c11a514b67b0', { tag: 1, value: 1363896240 }],
    ['c1fb41d452d9ec200000', { tag: 1, value: 1363896240.5 }],
    ['4401020304', Buffer.from([1, 2, 3, 4])],
    ['6449455446', 'IETF'],
    ['62c3bc', 'ü'],
    ['83010203', [1, 2, 3]],
    ['8301820203820405', [1, [2, 3], [4, 5]]],
    [
      'a201020304',
      new Map([
        [1, 2],
        [3, 4],
      ]),
    ],
    [
      'a26161016162820203',
      new Map<unknown, unknown>([
        ['a', 1],
        ['b', [2, 3]],
      ]),
    ],
    ['5f42010243030405ff', Buffer.from([1, 2, 3, 4, 5])],
    ['7f657374726561646d696e67ff', 'streaming'],
    ['9fff', []],
    ['9f018202039f0405ffff', [1, [2, 3], [4, 5]]],
    [
      'bf61610161629f0203ffff',
      new Map<unknown, unknown>([
        ['a', 1],
        ['b', [2, 3]],
      ]),
    ],
  ];
  for (const [hex, value] of rows) assert.deepEqual(read(hex), value, hex);
});

test('what is cut off, too deep, too long, broken or followed by more is refused', () => {
  const rows = [
    '',
    '18',
    '62c3',
    '62c328',
    '9b00000fffffffffff01',
    '5b7fffffffffffffff',
    '1c',
    'ff',
    'f8ff',
    '0000',
  ];
  for (const hex of [
    ...rows,
    '7f4101ff',
    '9f01',
    'a101',
    '81'.repeat(5000) + '01',
    'c1'.repeat(5000) + '01',
  ]) {
    assert.throws(() => read(hex), isMalformed, hex.slice(0, 20));
  }
});

test('no bytes at all break the reader', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        parseCbor(bytes);
      } catch (error) {
        assert.ok(isMalformed(error), String(error));
      }
    }),
  );
});

test('what is written is read', () => {
  const write = (writer: CborWriter, value: unknown): void => {
    if (typeof value === 'string') writeText(writer, value);
    else if (typeof value === 'boolean') writeBoolean(writer, value);
    else if (typeof value === 'number' && Number.isSafeInteger(value)) writeInteger(writer, value);
    else if (typeof value === 'number') writeDouble(writer, value);
    else if (value instanceof Uint8Array) writeBlob(writer, value);
    else if (Array.isArray(value)) {
      writeListHead(writer, value.length);
      for (const item of value) write(writer, item);
    } else {
      const entries = [...(value as Map<unknown, unknown>)];
      writeMapHead(writer, entries.length);
      for (const entry of entries) for (const item of entry) write(writer, item);
    }
  };
  const leaf = fc.oneof(
    fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }).map((value) => value + 0),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      leaf,
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.array(fc.tuple(fc.string(), tie('tree')), { maxLength: 4 }).map((entries) => new Map(entries)),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      const writer = createCborWriter();
      write(writer, value);
      assert.deepEqual(parseCbor(bytesOfCbor(writer)), value);
    }),
  );
});

test('a date is the seconds since 1970 under tag 1', () => {
  const writer = createCborWriter();
  writeDate(writer, new Date(1363896240500));
  assert.equal(bytesOfCbor(writer).toString('hex'), 'c1fb41d452d9ec200000');
});
