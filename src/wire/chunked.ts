/**
 * The `aws-chunked` body of object uploads, taken apart while it passes: sizes, the chain of chunk signatures, and the
 * trailers at its end. Bytes are handed on before the end has been seen, so whoever stores them must keep nothing when
 * the stream fails. See "Signature calculations: transferring payload in multiple chunks" in the S3 API reference.
 *
 *   header ─▶ data ─▶ (CR LF) ─▶ header … ─▶ "0" header ─▶ trailers or empty line ─▶ end
 */

import { createHash, createHmac, hash, type Hash } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
import { fault, type Fault } from '#base/fault.ts';
import { isEqual, type ChunkSeed } from './sigv4.ts';

export interface ChunkedOptions {
  /** Present when chunks are signed. */
  readonly seed: ChunkSeed | undefined;
  /** Lower-case names that must arrive as trailers, no more and no less; empty when there are none to come. */
  readonly trailerNames: readonly string[];
  readonly decodedLength: number;
  /** Called once, before the stream ends, with what the trailers said. */
  readonly onTrailers?: (trailers: ReadonlyMap<string, string>) => void;
}

const TRAILER_LINES_MAX = 16;
const TRAILER_BYTES_MAX = 8192;
const SIGNED_CHUNK_BYTES_MIN = 8192;
const EMPTY_SHA256 = hash('sha256', '', 'hex');
const CR = 0x0d;
const LF = 0x0a;

type Step = 'header' | 'data' | 'afterData' | 'trailers' | 'end';

/** After data only CR LF may come. */
const LINE_LENGTH_MAX: Readonly<Record<Step, number>> = {
  header: 512,
  data: 0,
  afterData: 1,
  trailers: TRAILER_BYTES_MAX,
  end: 0,
};

/** A stream of the decoded bytes; it fails with the fault to answer. */
export function createChunkedDecoder(options: ChunkedOptions, withTrailer: boolean): Transform {
  const reader = new ChunkedReader(options, withTrailer);
  return new Transform({
    transform(bytes: Buffer, _encoding, done: TransformCallback) {
      try {
        reader.read(bytes, (data) => void this.push(data));
        done();
      } catch (error) {
        done(error as Error);
      }
    },
    flush(done: TransformCallback) {
      try {
        reader.finish();
        done();
      } catch (error) {
        done(error as Error);
      }
    },
  });
}

class ChunkedReader {
  readonly #options: ChunkedOptions;
  readonly #withTrailer: boolean;
  #step: Step = 'header';
  #line: number[] = [];
  #left = 0;
  #received = 0;
  #chunkSize = 0;
  #chunkSignature = '';
  #chunkHash: Hash | undefined;
  #signature: string;
  #trailerBytes = 0;
  readonly #trailers: [string, string][] = [];

  constructor(options: ChunkedOptions, withTrailer: boolean) {
    this.#options = options;
    this.#withTrailer = withTrailer;
    this.#signature = options.seed?.signature ?? '';
  }

  read(bytes: Buffer, push: (data: Buffer) => void): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#step === 'end') throw incomplete('There are bytes after the last chunk.');
      if (this.#step === 'data') {
        const data = bytes.subarray(at, at + this.#left);
        this.#chunkHash?.update(data);
        this.#left -= data.length;
        at += data.length;
        push(data);
        if (this.#left === 0) this.#endChunk();
        continue;
      }
      const byte = bytes[at++]!;
      if (byte !== LF) {
        this.#line.push(byte);
        if (this.#line.length > LINE_LENGTH_MAX[this.#step]) {
          throw invalid('A chunk header, a chunk or a trailer is longer than it may be.');
        }
        continue;
      }
      if (this.#line.at(-1) === CR) this.#line.pop();
      const line = Buffer.from(this.#line).toString('latin1');
      this.#line = [];
      this.#readLine(line);
    }
  }

  finish(): void {
    // A body may stop right after its last trailer, without the empty line.
    if (this.#step === 'trailers' && this.#trailers.length > 0 && this.#line.length === 0)
      this.#endTrailers();
    if (this.#step !== 'end') throw incomplete('The request body ended before its last chunk.');
  }

  #readLine(line: string): void {
    switch (this.#step) {
      case 'header':
        return this.#beginChunk(line);
      case 'afterData':
        if (line !== '') throw invalid('A chunk is longer than its header says.');
        this.#step = 'header';
        return;
      case 'trailers':
        return line === '' ? this.#endTrailers() : this.#addTrailer(line);
      case 'data':
      case 'end':
        return;
    }
  }

  #beginChunk(line: string): void {
    const [sizeText = '', extension, ...rest] = line.split(';');
    if (!/^[0-9A-Fa-f]{1,12}$/.test(sizeText) || rest.length > 0)
      throw invalid('A chunk header is malformed.');
    const size = Number.parseInt(sizeText, 16);
    this.#received += size;
    if (this.#received > this.#options.decodedLength) {
      throw incomplete('The request body is longer than x-amz-decoded-content-length.');
    }
    if (this.#options.seed) {
      const short = this.#chunkSize > 0 && this.#chunkSize < SIGNED_CHUNK_BYTES_MIN;
      if (short && size > 0)
        throw fault('InvalidChunkSizeError', 'Only the last chunk may be under 8192 bytes.', { status: 403 });
      const match = /^chunk-signature=([0-9a-f]{64})$/.exec(extension ?? '');
      if (!match) throw mismatch('A chunk has no signature.');
      this.#chunkSignature = match[1] ?? '';
      this.#chunkHash = createHash('sha256');
    }
    this.#chunkSize = size;
    this.#left = size;
    this.#step = 'data';
    if (size === 0) this.#endChunk();
  }

  #endChunk(): void {
    const { seed } = this.#options;
    if (seed && this.#chunkHash) {
      const text = `AWS4-HMAC-SHA256-PAYLOAD\n${seed.timestamp}\n${seed.scope}\n${this.#signature}\n${EMPTY_SHA256}\n`;
      const expected = sign(seed, text + this.#chunkHash.digest('hex'));
      if (!isEqual(expected, this.#chunkSignature))
        throw mismatch('The signature of a chunk does not match.');
      this.#signature = expected;
    }
    this.#step = this.#chunkSize > 0 ? 'afterData' : 'trailers';
  }

  #addTrailer(line: string): void {
    this.#trailerBytes += line.length;
    if (this.#trailers.length >= TRAILER_LINES_MAX || this.#trailerBytes > TRAILER_BYTES_MAX) {
      throw invalid('There are too many trailers.');
    }
    const mark = line.indexOf(':');
    if (mark < 1) throw invalid('A trailer is not of the form name:value.');
    this.#trailers.push([line.slice(0, mark).trim().toLowerCase(), line.slice(mark + 1).trim()]);
  }

  #endTrailers(): void {
    const { seed, trailerNames, decodedLength } = this.#options;
    if (this.#received !== decodedLength) {
      throw incomplete('The request body is shorter than x-amz-decoded-content-length.');
    }
    const trailers = new Map(this.#trailers);
    if (seed && this.#withTrailer) this.#verifyTrailers(seed, trailers);
    trailers.delete('x-amz-trailer-signature');
    const isExact = trailers.size === trailerNames.length && trailerNames.every((name) => trailers.has(name));
    if (!isExact || new Set(this.#trailers.map(([name]) => name)).size < this.#trailers.length) {
      throw fault('MalformedTrailerError', 'The trailers are not those that x-amz-trailer names.', {
        status: 400,
      });
    }
    this.#step = 'end';
    this.#options.onTrailers?.(trailers);
  }

  #verifyTrailers(seed: ChunkSeed, trailers: ReadonlyMap<string, string>): void {
    const canonical = this.#trailers
      .filter(([name]) => name !== 'x-amz-trailer-signature')
      .map(([name, value]) => `${name}:${value}\n`)
      .join('');
    const digest = hash('sha256', Buffer.from(canonical, 'latin1'), 'hex');
    const text = `AWS4-HMAC-SHA256-TRAILER\n${seed.timestamp}\n${seed.scope}\n${this.#signature}\n${digest}`;
    if (!isEqual(sign(seed, text), trailers.get('x-amz-trailer-signature') ?? '')) {
      throw mismatch('The signature of the trailers does not match.');
    }
  }
}

function sign(seed: ChunkSeed, text: string): string {
  return createHmac('sha256', seed.signingKey).update(text).digest('hex');
}

function incomplete(message: string): Fault {
  return fault('IncompleteBody', message, { status: 400 });
}

function invalid(message: string): Fault {
  return fault('InvalidRequest', message, { status: 400 });
}

function mismatch(message: string): Fault {
  return fault('SignatureDoesNotMatch', message, { status: 403 });
}
