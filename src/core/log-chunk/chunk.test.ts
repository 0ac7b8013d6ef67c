/** Chunks and pages: nothing is changed by its way through a chunk, merges end, pages are what a sort would give. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { eventsOf, readContent, writeContent } from './content.ts';
import { comparePlaces, type LogEvent, type Place } from './event.ts';
import { createPage } from './page.ts';
import {
  type ChunkFacts,
  cutIntoChunks,
  FAN,
  isMergeDue,
  levelOf,
  LOOSE_MAX,
  looseRun,
  mergeOf,
} from './sizes.ts';

const NOW = 1_700_000_000_000;

test('what goes into a chunk comes out of it', () => {
  const event = fc.record(
    {
      at: fc.integer({ min: 0, max: 2 ** 47 }),
      ingestedAt: fc.integer({ min: 0, max: 2 ** 47 }),
      message: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('', '\ufeffx', 'a\0b', 'ü€😀\n')),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 8 }), (events) => {
      assert.deepEqual(eventsOf(readContent(writeContent(events))), events);
    }),
  );
});

test('a half character that stands alone changes nothing but itself', () => {
  const [first, second] = ['a\ud83d', '\ude00b'];
  const events = [first, second, '\udfff'].map((message) => ({ at: NOW, ingestedAt: NOW, message }));
  const read = eventsOf(readContent(writeContent(events))).map((event) => event.message);
  assert.deepEqual(read, [first, second, '\ufffd']);
});

test('events are cut into few chunks, in order, and none is lost', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(400_000), { minLength: 1, maxLength: 60 }), (lengths) => {
      const events = lengths.map((length) => ({ message: 'x'.repeat(length) }));
      const chunks = cutIntoChunks(events);
      assert.deepEqual(chunks.flat(), events);
      assert.ok(chunks.every((chunk) => chunk.length > 0));
      const total = lengths.reduce((sum, length) => sum + length + 26, 0);
      assert.ok(chunks.length <= Math.ceil(total / (256 * 1024)));
    }),
    { numRuns: 50 },
  );
});

/** A stream as the room keeps it. */
function createStream() {
  const stream = { chunks: [] as ChunkFacts[], events: 0, loose: 0, looseSize: 0, written: 0 };
  function put(size: number, at: number): void {
    const chunk = { firstSequence: stream.events++, eventCount: 1, firstAt: at, lastAt: at, keyId: null };
    stream.chunks.push({ ...chunk, level: levelOf(size, 0), size });
    stream.written += size;
    stream.loose++;
    stream.looseSize += size;
    if (!isMergeDue(stream.loose, stream.looseSize)) return;
    const run = looseRun(stream.chunks.slice(-LOOSE_MAX).reverse());
    const merge = mergeOf(run);
    if (merge) {
      const taken = stream.chunks.splice(-merge.count);
      const sum = taken.reduce((all, chunk) => all + chunk.size, 0);
      stream.written += sum;
      const times = taken.map((chunk) => chunk.firstAt);
      stream.chunks.push({
        firstSequence: taken[0]?.firstSequence ?? 0,
        eventCount: taken.reduce((all, chunk) => all + chunk.eventCount, 0),
        level: levelOf(sum, merge.level),
        size: sum,
        firstAt: Math.min(...times),
        lastAt: Math.max(...taken.map((chunk) => chunk.lastAt)),
        keyId: null,
      });
    }
    stream.loose = 0;
    stream.looseSize = looseRun(stream.chunks.slice(-LOOSE_MAX).reverse()).reduce(
      (sum, chunk) => sum + chunk.size,
      0,
    );
  }
  return { stream, put };
}

test('a stream of single lines has few chunks, and each line is written again a few times only', () => {
  const { stream, put } = createStream();
  const lines = 20_000;
  for (let i = 0; i < lines; i++) put(100, NOW + i);
  assert.ok(stream.chunks.length < (lines * 100) / (128 * 1024) + 4 * FAN, `${stream.chunks.length} chunks`);
  assert.ok(stream.written < 5 * lines * 100, `${stream.written} bytes written`);
});

test('chunks far apart in time do not merge, whatever comes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 27, max: 90_000 }), fc.nat(40 * 3_600_000)), { maxLength: 300 }),
      (puts) => {
        const { stream, put } = createStream();
        for (const [size, at] of puts) put(size, NOW + at);
        assert.ok(stream.chunks.every((chunk) => chunk.lastAt - chunk.firstAt <= 24 * 3_600_000));
        const all = stream.chunks.reduce((sum, chunk) => sum + chunk.size, 0);
        assert.equal(
          all,
          puts.reduce((sum, [size]) => sum + size, 0),
        );
      },
    ),
    { numRuns: 50 },
  );
});

test('page after page, forward and backward, is what a sort of all events gives', () => {
  const chunk = fc.array(fc.nat(20), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(2), chunk), { maxLength: 12 }),
      fc.boolean(),
      fc.integer({ min: 1, max: 7 }),
      (given, isForward, eventsMax) => {
        const next = [0, 0, 0];
        const chunks = given.map(([streamId, times]) =>
          times.map((at) => ({
            at,
            streamId,
            sequence: (next[streamId] = (next[streamId] ?? 0) + 1),
            ingestedAt: 0,
            message: `${at}`,
          })),
        );
        const expected = chunks.flat().sort(comparePlaces);
        const limits = { isForward, eventsMax, bytesMax: 140, bytesOf: (text: string) => text.length };
        const seen: LogEvent[] = [];
        let from: Place | undefined;
        for (let turn = 0; turn < 1_000; turn++) {
          const { events, edge } = readPage(chunks, limits, from);
          if (isForward) seen.push(...events);
          else seen.unshift(...events);
          if (!edge) break;
          assert.notDeepEqual(edge, from);
          from = edge;
        }
        assert.deepEqual(seen, expected);
      },
    ),
  );
});

function readPage(
  chunks: readonly (readonly LogEvent[])[],
  limits: Parameters<typeof createPage>[0],
  from: Place | undefined,
) {
  const order = limits.isForward ? 1 : -1;
  const compare = (a: Place, b: Place) => order * comparePlaces(a, b);
  const left = chunks
    .map((events) => events.filter((event) => !from || compare(event, from) >= 0))
    .filter((events) => events.length > 0)
    .map((events) => ({ events, bound: events.toSorted(compare)[0] as Place }))
    .sort((a, b) => compare(a.bound, b.bound));
  const page = createPage(limits);
  for (const [i, { events }] of left.entries()) {
    page.add(events);
    const bound = left[i + 1]?.bound;
    if (bound && page.isFull(bound)) return page.close(bound);
  }
  return page.close(undefined);
}
