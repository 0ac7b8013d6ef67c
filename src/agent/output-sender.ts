/**
 * Sends the log of a command on while its scripts run, from the beginning at every start of the agent: the server
 * knows by the offset what it has. Losing output must not lose the deployment, so a refusal ends only the sending.
 */

import type { Log } from '#base/log.ts';
import type { Server } from './client.ts';
import { readFrom } from './event-log.ts';
import { pause } from './pause.ts';

export interface OutputSender {
  /** Sends what is left, and ends. */
  finish(): Promise<void>;
}

/** The payload of one update may have 8192 characters; JSON makes up to six of one. */
const PAYLOAD_CHARACTERS_MAX = 8192;
const PIECE_BYTES_MAX = 6_000;
const SEND_MS = 500;

export function sendOutput(
  server: Server,
  commandId: string,
  path: string,
  log: Log,
  signal: AbortSignal,
): OutputSender {
  const ended = new AbortController();
  const sending = run().catch((error: unknown) => {
    if (!signal.aborted) log.warn('the output of a command is not sent on any more', { commandId, error });
  });

  async function run(): Promise<void> {
    let offset = 0;
    for (;;) {
      const isLast = ended.signal.aborted;
      for (let piece = await nextPiece(path, offset, isLast); piece;) {
        await send(offset, piece);
        offset += piece.length;
        piece = await nextPiece(path, offset, isLast);
      }
      if (isLast || signal.aborted) return;
      await pause(SEND_MS, AbortSignal.any([ended.signal, signal]));
    }
  }

  async function send(offset: number, piece: Buffer): Promise<void> {
    const payload = JSON.stringify({ offset, sizeBytes: piece.length, text: piece.toString('utf8') });
    await server.send(
      'PostHostCommandUpdate',
      { HostCommandIdentifier: commandId, Diagnostics: { Format: 'JSON', Payload: payload } },
      signal,
    );
  }

  return {
    async finish() {
      ended.abort();
      await sending;
    },
  };
}

/** Whole lines as far as they fit; of a line that is too long, whole characters. */
async function nextPiece(path: string, offset: number, isLast: boolean): Promise<Buffer | undefined> {
  let piece = await readFrom(path, offset, PIECE_BYTES_MAX);
  while (piece.length > 0) {
    const end = piece.lastIndexOf(10) + 1;
    if (end > 0) piece = piece.subarray(0, end);
    else if (piece.length < PIECE_BYTES_MAX / 8 && !isLast) return undefined;
    else piece = wholeCharacters(piece);
    const length = JSON.stringify({ text: piece.toString('utf8') }).length + 100;
    if (length <= PAYLOAD_CHARACTERS_MAX) return piece;
    piece = piece.subarray(0, Math.ceil(piece.length / 2));
  }
  return undefined;
}

/** Leaves out a character of UTF-8 of which only the beginning is there. */
function wholeCharacters(bytes: Buffer): Buffer {
  for (let back = 1; back <= 3 && back < bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}
