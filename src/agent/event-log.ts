/**
 * The log of one lifecycle event: the lines of its scripts in the order in which they were seen, as AWS's agent writes
 * them. It is kept on disk, continued after a restart without loss or repetition, also appended to the deployment's
 * `scripts.log`, and read by whoever sends it on.
 */

import { appendFile, mkdir, open, readFile, stat, truncate, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isMissing } from './files.ts';
import { outputFiles } from './script.ts';

export interface EventLog {
  readonly path: string;
  /** A script begins; its output is taken from the files in `directory`. */
  begin(location: string, directory: string): Promise<ScriptOutput>;
  /** The end of the log: whole lines of at most `characters`. */
  tail(characters: number): Promise<string>;
}

export interface ScriptOutput {
  /** Takes what has come since; `isEnd` also takes a last line without its end. */
  take(isEnd: boolean): Promise<void>;
}

const PREFIXES = { stdout: '[stdout]', stderr: '[stderr]' } as const;
type Stream = keyof typeof PREFIXES;
/** Longer lines are cut; a logged line of exactly this length is one that was cut, which a restart relies on. */
const LINE_BYTES_MAX = 65_536;
const READ_BYTES_MAX = 1024 * 1024;

export async function openEventLog(
  directory: string,
  lifecycleEvent: string,
  scriptsLog: string,
): Promise<EventLog> {
  const path = join(directory, 'output.log');
  await mkdir(dirname(scriptsLog), { recursive: true });
  const known = await readWholeLines(path);
  const append = async (lines: readonly Buffer[]) => {
    if (lines.length === 0) return;
    await appendFile(path, Buffer.concat(lines.flatMap((line) => [line, NEWLINE])), { mode: 0o600 });
    const stamp = Buffer.from(`${new Date().toISOString().slice(0, 19).replace('T', ' ')} `);
    await appendFile(scriptsLog, Buffer.concat(lines.flatMap((line) => [stamp, line, NEWLINE])));
  };
  const header = Buffer.from(`LifecycleEvent - ${lifecycleEvent}`);
  if (known.length === 0) await append([header]);
  const sections = splitSections(known);

  async function begin(location: string, scriptDirectory: string): Promise<ScriptOutput> {
    const taken = sections.shift();
    if (!taken) await append([Buffer.from(`Script - ${location}`)]);
    const files = outputFiles(scriptDirectory);
    const sources = (['stdout', 'stderr'] as const).map((stream) =>
      createSource(stream, files[stream], taken?.[stream] ?? 0),
    );
    return {
      async take(isEnd) {
        for (const source of sources) {
          for (let lines = await source.read(isEnd); lines.length > 0; lines = await source.read(isEnd)) {
            await append(lines);
          }
        }
      },
    };
  }

  return { path, begin, tail: (characters) => readTail(path, characters) };
}

const NEWLINE = Buffer.from('\n');

/** How many bytes of each stream are in the log already, per script, in order. */
type Taken = Record<Stream, number>;

function splitSections(lines: readonly Buffer[]): Taken[] {
  const sections: Taken[] = [];
  for (const line of lines) {
    const text = line.subarray(0, 16).toString('latin1');
    if (text.startsWith('Script - ')) sections.push({ stdout: 0, stderr: 0 });
    const section = sections.at(-1);
    const stream = text.startsWith(PREFIXES.stdout)
      ? 'stdout'
      : text.startsWith(PREFIXES.stderr)
        ? 'stderr'
        : undefined;
    if (!section || !stream) continue;
    const length = line.length - PREFIXES[stream].length;
    section[stream] += length === LINE_BYTES_MAX ? length : length + 1;
  }
  return sections;
}

/** Lines of one output file from a place on. */
function createSource(stream: Stream, path: string, start: number) {
  let at = start;
  const prefix = Buffer.from(PREFIXES[stream]);
  return {
    async read(isEnd: boolean): Promise<Buffer[]> {
      const bytes = await readFrom(path, at, READ_BYTES_MAX);
      const lines: Buffer[] = [];
      let from = 0;
      while (from < bytes.length) {
        const end = bytes.indexOf(10, from);
        const isCut = (end < 0 ? bytes.length : end) - from >= LINE_BYTES_MAX;
        if (end < 0 && !isCut && !(isEnd && bytes.length < READ_BYTES_MAX)) break;
        const until = isCut ? from + LINE_BYTES_MAX : end < 0 ? bytes.length : end;
        lines.push(Buffer.concat([prefix, bytes.subarray(from, until)]));
        from = isCut ? until : until + 1;
      }
      at += from;
      return lines;
    },
  };
}

export async function readFrom(path: string, offset: number, bytesMax: number): Promise<Buffer> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (isMissing(error)) return Buffer.alloc(0);
    throw error;
  }
  try {
    const buffer = Buffer.alloc(Math.min(bytesMax, Math.max(0, (await file.stat()).size - offset)));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** What a crash left of a last line is taken away. */
async function readWholeLines(path: string): Promise<readonly Buffer[]> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
  const whole = bytes.lastIndexOf(10) + 1;
  if (whole < bytes.length) await truncate(path, whole);
  const lines: Buffer[] = [];
  for (let from = 0; from < whole;) {
    const end = bytes.indexOf(10, from);
    lines.push(bytes.subarray(from, end));
    from = end + 1;
  }
  return lines;
}

async function readTail(path: string, characters: number): Promise<string> {
  const { size } = await stat(path);
  // A character has at most four bytes.
  const from = Math.max(0, size - characters * 4);
  const text = (await readFrom(path, from, characters * 4)).toString('utf8');
  const end = text.slice(-characters);
  const isWhole = from === 0 && end.length === text.length;
  return isWhole ? end : end.slice(end.indexOf('\n') + 1);
}
