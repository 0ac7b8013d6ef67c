/**
 * The conversation with one `git cat-file --batch` process: an object's name goes in on a line; its id, type, size
 * and content come out. One question at a time. Names must not hold a line break; ask for ids.
 */

import { assert } from '#base/assert.ts';
import type { GitProcess } from './git.ts';

export interface GitObject {
  readonly objectId: string;
  readonly type: string;
  readonly content: Buffer;
}

export interface Batch {
  /** The whole object, or `undefined` if there is none. Rejects beyond `bytesMax`. */
  read(name: string, bytesMax?: number): Promise<GitObject | undefined>;
  /** The content in pieces; throws if the object is missing. Must be read to its end before the next question. */
  stream(name: string): AsyncGenerator<Buffer>;
}

const OBJECT_BYTES_MAX = 32 * 1024 * 1024;
const HEADER_BYTES_MAX = 4096;
const NEWLINE = 10;

export function openBatch(process: GitProcess): Batch {
  const source = (process.stdout as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);

  async function more(): Promise<Buffer> {
    const next = await source.next();
    if (next.done) throw new Error('git cat-file ended early');
    return next.value;
  }

  async function line(): Promise<string> {
    for (;;) {
      const end = held.indexOf(NEWLINE);
      if (end >= 0) {
        const text = held.subarray(0, end).toString('utf8');
        held = held.subarray(end + 1);
        return text;
      }
      if (held.length > HEADER_BYTES_MAX) throw new Error('git cat-file gave an endless header');
      held = Buffer.concat([held, await more()]);
    }
  }

  async function* take(sizeBytes: number): AsyncGenerator<Buffer> {
    for (let left = sizeBytes; left > 0;) {
      if (held.length === 0) held = await more();
      const piece = held.subarray(0, left);
      held = held.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
    if ((await line()) !== '') throw new Error('git cat-file lost its place');
  }

  async function ask(
    name: string,
  ): Promise<{ objectId: string; type: string; sizeBytes: number } | undefined> {
    assert(!name.includes('\n'), 'the name of an object cannot hold a line break');
    process.stdin.write(`${name}\n`);
    const header = await line();
    const [objectId = '', type = '', size = ''] = header.split(' ');
    return size === '' ? undefined : { objectId, type, sizeBytes: Number(size) };
  }

  return {
    async read(name, bytesMax = OBJECT_BYTES_MAX) {
      const header = await ask(name);
      if (!header) return undefined;
      if (header.sizeBytes > bytesMax) throw new Error(`object ${name} has more than ${bytesMax} bytes`);
      const pieces: Buffer[] = [];
      for await (const piece of take(header.sizeBytes)) pieces.push(piece);
      return { objectId: header.objectId, type: header.type, content: Buffer.concat(pieces) };
    },
    async *stream(name) {
      const header = await ask(name);
      if (!header) throw new Error(`object ${name} is missing`);
      yield* take(header.sizeBytes);
    },
  };
}
