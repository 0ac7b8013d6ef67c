/**
 * The body of a request, bounded in size and time: collected whole, or as a stream that starts when somebody reads it,
 * so that a refused upload is never asked for. A stream proves while it passes: chunk signatures, hash, checksums,
 * length. It fails with the fault to answer, and whoever stores it must keep nothing then.
 *
 *   socket ─▶ (aws-chunked decoder) ─▶ verifier ─▶ operation
 */

import type { IncomingMessage } from 'node:http';
import { pipeline, Readable, type Transform } from 'node:stream';
import type { Clock } from '#base/clock.ts';
import { fault, type Fault } from '#base/fault.ts';
import { createChunkedDecoder } from '#wire/chunked.ts';
import type { HttpRequest } from '#wire/http.ts';
import type { ChunkSeed, Payload } from '#wire/sigv4.ts';
import { createVerifier, type BodyChecks } from './body-checks.ts';

/** The whole of what an API body may be; streamed objects have their own limit. */
export const WHOLE_BYTES_MAX = 10 * 1024 * 1024;
export const UNSIGNED_BYTES_MAX = 64 * 1024;
const STREAM_BYTES_MAX = 5 * 1024 ** 3;
/** All bodies that are in memory at one time. */
const HELD_BYTES_MAX = 128 * 1024 * 1024;
const IDLE_MS_MAX = 30_000;
const WHOLE_MS_MAX = 120_000;

export interface IncomingBody {
  readonly message: IncomingMessage;
  /** Lets a client go on that waits with its body; harmless when it does not. */
  proceed(): void;
  /** Calls `run` when the answer is done or the client is gone. */
  onDone(run: () => void): void;
}

export interface Bodies {
  /** All bytes as they came. */
  collect(incoming: IncomingBody, bytesMax: number): Promise<Buffer>;
  /** Decoded and proven bytes; nothing is read before somebody reads. */
  open(incoming: IncomingBody, plan: BodyPlan): Readable;
  /** The bytes of `open`, whole. */
  collectOpen(incoming: IncomingBody, plan: BodyPlan, bytesMax: number): Promise<Buffer>;
}

export interface BodyPlan {
  readonly payload: Payload;
  readonly seed: ChunkSeed | undefined;
  readonly checks: BodyChecks;
}

export function createBodies(clock: Clock): Bodies {
  let heldBytes = 0;
  const hold = (incoming: IncomingBody) => {
    let bytes = 0;
    incoming.onDone(() => (heldBytes -= bytes));
    return (more: number) => {
      bytes += more;
      heldBytes += more;
      if (heldBytes > HELD_BYTES_MAX) {
        throw fault('ServiceUnavailableException', 'Too many large requests at the same time. Try again.');
      }
    };
  };

  return {
    async collect(incoming, bytesMax) {
      const { message } = incoming;
      const length = Number(message.headers['content-length'] ?? '0');
      if (length > bytesMax) throw tooLarge(bytesMax);
      if (length === 0 && message.headers['transfer-encoding'] === undefined) return Buffer.alloc(0);
      incoming.proceed();
      return gather(message, bytesMax, hold(incoming), clock);
    },
    open(incoming, plan) {
      return Readable.from(start(incoming, plan, clock), { objectMode: false });
    },
    async collectOpen(incoming, plan, bytesMax) {
      if (Number(incoming.message.headers['content-length'] ?? '0') > bytesMax) throw tooLarge(bytesMax);
      const add = hold(incoming);
      const parts: Buffer[] = [];
      let bytes = 0;
      for await (const part of start(incoming, plan, clock)) {
        parts.push(part);
        bytes += part.length;
        if (bytes > bytesMax) throw tooLarge(bytesMax);
        add(part.length);
      }
      return Buffer.concat(parts, bytes);
    },
  };
}

/** The request as the operation should see it: without the coding that only the way needed. */
export function withoutChunking(request: HttpRequest, payload: Payload): HttpRequest {
  if (payload.type !== 'chunked') return request;
  const { 'content-encoding': coding = '', ...headers } = request.headers;
  const rest = coding
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '' && each !== 'aws-chunked');
  return {
    ...request,
    headers: {
      ...headers,
      ...(rest.length > 0 && { 'content-encoding': rest.join(',') }),
      'content-length': request.headers['x-amz-decoded-content-length'] ?? '0',
    },
  };
}

async function* start(incoming: IncomingBody, plan: BodyPlan, clock: Clock): AsyncGenerator<Buffer> {
  const { message } = incoming;
  const { payload, checks } = plan;
  const length = checks.length;
  if (length === undefined)
    throw fault('MissingContentLength', 'You must provide the Content-Length HTTP header.', { status: 411 });
  if (length > STREAM_BYTES_MAX) throw tooLarge(STREAM_BYTES_MAX);
  incoming.proceed();
  const trailers = new Map<string, string>();
  const verifier = createVerifier(checks, trailers);
  let first: Transform = verifier;
  if (payload.type === 'chunked') {
    first = createChunkedDecoder(
      {
        seed: payload.signed ? plan.seed : undefined,
        trailerNames: checks.trailerNames,
        decodedLength: length,
        onTrailers: (found) => found.forEach((value, name) => trailers.set(name, value)),
      },
      payload.trailer,
    );
    // A failure of either side destroys the other; the reader of the verifier sees the error.
    pipeline(first, verifier, () => {});
  }
  const disconnect = connect(message, first, clock);
  try {
    yield* verifier as AsyncIterable<Buffer>;
  } finally {
    disconnect();
  }
}

/**
 * Pipes without handing over the socket: when the stream fails the socket must live on to carry the answer. A client
 * that goes away or falls silent fails the stream.
 */
function connect(message: IncomingMessage, target: Transform, clock: Clock): () => void {
  const stopWatch = watchIdle(message, clock, () => target.destroy(slow()));
  const onClose = () => {
    if (!message.readableEnded) target.destroy(cutOff());
  };
  message.once('close', onClose);
  message.pipe(target);
  return () => {
    stopWatch();
    message.off('close', onClose);
    message.unpipe(target);
    message.pause();
  };
}

function gather(
  message: IncomingMessage,
  bytesMax: number,
  hold: (more: number) => void,
  clock: Clock,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    const settle = (finish: () => void) => {
      stopIdle();
      stopWhole();
      message.off('data', onData).off('end', onEnd).off('close', onClose).pause();
      finish();
    };
    const onData = (part: Buffer) => {
      bytes += part.length;
      if (bytes > bytesMax) return settle(() => reject(tooLarge(bytesMax)));
      try {
        hold(part.length);
      } catch (error) {
        return settle(() => reject(error as Error));
      }
      parts.push(part);
    };
    const onEnd = () => settle(() => resolve(parts.length === 1 ? parts[0]! : Buffer.concat(parts, bytes)));
    const onClose = () => settle(() => reject(cutOff()));
    const stopIdle = watchIdle(message, clock, () => settle(() => reject(slow())));
    const stopWhole = clock.callAt(clock.now() + WHOLE_MS_MAX, () => settle(() => reject(slow())));
    message.on('data', onData).on('end', onEnd).on('close', onClose);
  });
}

/** Calls `run` when nothing came for too long while we were ready to read. */
function watchIdle(message: IncomingMessage, clock: Clock, run: () => void): () => void {
  let lastAt = clock.now();
  const onData = () => (lastAt = clock.now());
  message.on('data', onData);
  let cancel = () => {};
  const arm = (at: number) => {
    cancel = clock.callAt(at, () => {
      if (message.isPaused()) lastAt = clock.now();
      if (clock.now() - lastAt >= IDLE_MS_MAX) run();
      else arm(lastAt + IDLE_MS_MAX);
    });
  };
  arm(lastAt + IDLE_MS_MAX);
  return () => {
    cancel();
    message.off('data', onData);
  };
}

function tooLarge(bytesMax: number): Fault {
  return fault(
    'RequestEntityTooLargeException',
    `The request body must not be larger than ${bytesMax} bytes.`,
  );
}

function slow(): Fault {
  return fault('RequestTimeout', 'The body of the request did not arrive in time.', { status: 408 });
}

function cutOff(): Fault {
  return fault('IncompleteBody', 'The connection was closed before the whole body had arrived.', {
    status: 400,
  });
}
