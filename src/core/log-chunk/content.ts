/**
 * The plain content of a chunk: a run of a stream's events, in the order in which they came in, as bytes that compress
 * well and are read without making an object of each event. Sequences are not stored: they count up from the chunk's
 * first.
 *
 *   length of the heads (4 bytes) │ count │ for each event: time, ingestion time (as differences), length │ all texts
 */

export interface ChunkContent {
  readonly count: number;
  readonly times: Float64Array;
  readonly ingestionTimes: Float64Array;
  /** Where each event's message ends in `text`; the next one begins there. */
  readonly ends: Uint32Array;
  readonly text: string;
}

export interface ContentEvent {
  readonly at: number;
  readonly ingestedAt: number;
  readonly message: string;
}

const HEADER_BYTES = 4;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Lengths count UTF-16 units, and all messages are encoded as one text: so a half of a surrogate pair that stands alone
 * in a message changes into one other unit and shifts nothing.
 */
export function writeContent(events: readonly ContentEvent[]): Uint8Array {
  const heads: number[] = [];
  pushNumber(heads, events.length);
  let [at, ingestedAt] = [0, 0];
  for (const event of events) {
    pushNumber(heads, zigzag(event.at - at));
    pushNumber(heads, zigzag(event.ingestedAt - ingestedAt));
    pushNumber(heads, event.message.length);
    [at, ingestedAt] = [event.at, event.ingestedAt];
  }
  const text = encoder.encode(events.map((event) => event.message).join(''));
  const bytes = new Uint8Array(HEADER_BYTES + heads.length + text.length);
  new DataView(bytes.buffer).setUint32(0, heads.length);
  bytes.set(heads, HEADER_BYTES);
  bytes.set(text, HEADER_BYTES + heads.length);
  return bytes;
}

export function readContent(bytes: Uint8Array): ChunkContent {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const textStart = HEADER_BYTES + view.getUint32(0);
  let offset = HEADER_BYTES;
  const next = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[offset++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  const count = next();
  const content = {
    count,
    times: new Float64Array(count),
    ingestionTimes: new Float64Array(count),
    ends: new Uint32Array(count),
    text: decoder.decode(bytes.subarray(textStart)),
  };
  let [at, ingestedAt, end] = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    content.times[i] = at += unzigzag(next());
    content.ingestionTimes[i] = ingestedAt += unzigzag(next());
    content.ends[i] = end += next();
  }
  return content;
}

export function messageOf({ ends, text }: ChunkContent, index: number): string {
  return text.slice(index === 0 ? 0 : ends[index - 1], ends[index]);
}

export function eventsOf(content: ChunkContent): ContentEvent[] {
  return Array.from({ length: content.count }, (_, i) => ({
    at: content.times[i] ?? 0,
    ingestedAt: content.ingestionTimes[i] ?? 0,
    message: messageOf(content, i),
  }));
}

/** Seven bits a byte, the lowest first; by division, because times have more than 32 bits. */
function pushNumber(bytes: number[], value: number): void {
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) + 128);
  bytes.push(left);
}

/** Small negative numbers stay small. */
function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function unzigzag(value: number): number {
  return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
}
