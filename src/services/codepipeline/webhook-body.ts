/** The body of a delivery: collected whole, bounded in size and time, and let go without cutting off the answer. */

import type { IncomingMessage } from 'node:http';
import type { Clock } from '#base/clock.ts';

export const BODY_BYTES_MAX = 1024 * 1024;
const BODY_MS_MAX = 30_000;
/** After an answer that did not want the rest of the body: how much is still read so that the sender sees the answer. */
const DRAIN_BYTES_MAX = 4 * 1024 * 1024;
const DRAIN_MS_MAX = 2_000;

export type Body = { readonly bytes: Buffer } | { readonly problem: 'tooLarge' | 'late' | 'broken' };

export async function readBody(clock: Clock, request: IncomingMessage): Promise<Body> {
  if (Number(request.headers['content-length'] ?? 0) > BODY_BYTES_MAX) return { problem: 'tooLarge' };
  const chunks: Buffer[] = [];
  let size = 0;
  let isLate = false;
  const cancel = clock.callAt(clock.now() + BODY_MS_MAX, () => {
    isLate = true;
    request.destroy();
  });
  try {
    // The connection must outlive the reading, for the answer.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > BODY_BYTES_MAX) return { problem: 'tooLarge' };
      chunks.push(chunk);
    }
  } catch (error) {
    if (!request.destroyed) throw error;
    return { problem: isLate ? 'late' : 'broken' };
  } finally {
    cancel();
  }
  return { bytes: Buffer.concat(chunks) };
}

export function drain(clock: Clock, request: IncomingMessage): void {
  let bytes = 0;
  const cancel = clock.callAt(clock.now() + DRAIN_MS_MAX, () => request.socket.destroy());
  request.once('close', cancel);
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > DRAIN_BYTES_MAX) request.socket.destroy();
  });
  request.resume();
}
