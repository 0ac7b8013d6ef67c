/**
 * How large chunks are, how events are cut into them, and when small ones become one. Pure.
 *
 * Each batch becomes a chunk, or several. Small chunks at the end of a stream are merged as a counter counts: sixteen of
 * level 0 make one of level 1, sixteen of level 1 one of level 2, so that an event is written again only a few times in
 * its life. As soon as they hold enough together they become full chunks, which nothing touches any more.
 */

/** Of a chunk. Compression gains little beyond, and a reader of one line decompresses so much. */
const SIZE_MAX = 256 * 1024;
/** Of each event, besides its message, as PutLogEvents counts it. */
export const EVENT_OVERHEAD_BYTES = 26;
const LEVEL_FULL = 9;
/** So many of a level make one of the next. */
export const FAN = 16;
/** Chunks at the end of a stream that a merge looks at: fifteen of each level, and those just put. */
export const LOOSE_MAX = 96;
/** As a batch of PutLogEvents: no chunk spans more time, so that readers know how far before a time to look. */
export const SPAN_MS_MAX = 24 * 3_600_000;

/** What is known of a chunk without opening it. */
export interface ChunkFacts {
  readonly firstSequence: number;
  readonly eventCount: number;
  readonly level: number;
  /** Bytes of all events, with their overhead. */
  readonly size: number;
  readonly firstAt: number;
  readonly lastAt: number;
  /** Which key it is encrypted with. */
  readonly keyId: number | null;
}

export interface Merge {
  /** How many of the newest chunks. */
  readonly count: number;
  /** Of what comes out, unless it is full. */
  readonly level: number;
}

export function isFull({ level }: Pick<ChunkFacts, 'level'>): boolean {
  return level >= LEVEL_FULL;
}

export function levelOf(size: number, level: number): number {
  return size * 2 >= SIZE_MAX ? LEVEL_FULL : level;
}

/** Whether it is time to look for a merge, by the chunks put since the last look and the size of those not full. */
export function isMergeDue(chunks: number, size: number): boolean {
  return chunks >= FAN || size >= SIZE_MAX;
}

/**
 * The newest chunks that may become one, newest first: as long as they are not full, of one key, near in time, and none
 * is missing between them.
 */
export function looseRun<Facts extends ChunkFacts>(newest: readonly Facts[]): readonly Facts[] {
  let [first, last] = [Infinity, -Infinity];
  const end = newest.findIndex((chunk, i) => {
    const next = i === 0 ? undefined : newest[i - 1];
    if (next && chunk.firstSequence + chunk.eventCount !== next.firstSequence) return true;
    first = Math.min(first, chunk.firstAt);
    last = Math.max(last, chunk.lastAt);
    return isFull(chunk) || chunk.keyId !== newest[0]?.keyId || last - first > SPAN_MS_MAX;
  });
  return end < 0 ? newest : newest.slice(0, end);
}

/** Which of a run's chunks (newest first) become one now; `undefined` when none should. */
export function mergeOf(run: readonly ChunkFacts[]): Merge | undefined {
  const size = run.reduce((sum, chunk) => sum + chunk.size, 0);
  if (size >= SIZE_MAX && run.length > 1) return { count: run.length, level: LEVEL_FULL };
  let count = 0;
  let level = 0;
  for (;;) {
    const after = run.findIndex((chunk, i) => i >= count && chunk.level > level);
    const end = after < 0 ? run.length : after;
    // What was merged so far counts as one of this level.
    if (end - count + (level > 0 ? 1 : 0) < FAN) break;
    count = end;
    level++;
  }
  return count > 1 ? { count, level } : undefined;
}

/** Cuts events into pieces of about the same size, as few as are not too large for a chunk. */
export function cutIntoChunks<Event extends { readonly message: string }>(
  events: readonly Event[],
): readonly (readonly Event[])[] {
  const total = events.reduce((sum, event) => sum + lengthOf(event), 0);
  const size = total / Math.ceil(total / SIZE_MAX);
  const chunks: Event[][] = [];
  let before = 0;
  for (const event of events) {
    if (before >= chunks.length * size) chunks.push([]);
    chunks.at(-1)?.push(event);
    before += lengthOf(event);
  }
  return chunks;
}

/** Near enough to its bytes for cutting. */
function lengthOf({ message }: { readonly message: string }): number {
  return message.length + EVENT_OVERHEAD_BYTES;
}
