/**
 * Runs `git` for the house: always a fixed environment, argument arrays and no shell, bounded output, and an end to
 * the whole process group when the caller gives up. It knows no repositories; `repositories.ts` does.
 */

import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

export interface Git {
  /** Starts git; the caller owns the streams. Aborting kills the process group. */
  start(args: readonly string[], options?: GitOptions): GitProcess;
  /** Runs git to its end. Resolves for every exit code; rejects when output exceeds the limit or on abort. */
  run(args: readonly string[], options?: GitRunOptions): Promise<GitResult>;
  /** As `run`, but an exit code other than 0 rejects with a `GitFailed`. */
  output(args: readonly string[], options?: GitRunOptions): Promise<Buffer>;
}

export interface GitOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface GitRunOptions extends GitOptions {
  readonly input?: Uint8Array | string;
  readonly outputBytesMax?: number;
}

export interface GitProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Exit code; 128 plus the signal's number is not told apart, a killed process has code -1. */
  readonly ended: Promise<number>;
  /** Ends the process and everything it started. Harmless when it has ended. */
  kill(): void;
}

export interface GitResult {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export class GitFailed extends Error {
  override readonly name = 'GitFailed';
  readonly code: number;
  constructor(command: string, code: number, stderr: string) {
    super(`git ${command} ended with code ${code}: ${stderr.trim()}`);
    this.code = code;
  }
}

const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
const ERROR_TEXT_BYTES_MAX = 16 * 1024;

/** `directory` gets an empty home and the one configuration file that git reads besides the repository's own. */
export function openGit(directory: string): Git {
  const home = join(directory, 'home');
  const config = join(directory, 'gitconfig');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  writeFileSync(config, '[safe]\n\tdirectory = *\n', { mode: 0o600 });
  const environment = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C',
    HOME: home,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: config,
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
  };

  function start(args: readonly string[], options: GitOptions = {}): GitProcess {
    options.signal?.throwIfAborted();
    // Its own process group, so that pack-objects and other grandchildren can be ended with it.
    const child = spawn('git', args, {
      cwd: home,
      env: { ...environment, ...options.environment },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    return guard(child, options.signal);
  }

  async function run(args: readonly string[], options: GitRunOptions = {}): Promise<GitResult> {
    const child = start(args, options);
    child.stdin.end(options.input ?? '');
    try {
      const [stdout, stderr, code] = await Promise.all([
        collect(child.stdout, options.outputBytesMax ?? OUTPUT_BYTES_MAX),
        collectStart(child.stderr, ERROR_TEXT_BYTES_MAX),
        child.ended,
      ]);
      options.signal?.throwIfAborted();
      return { code, stdout, stderr };
    } finally {
      child.kill();
    }
  }

  return {
    start,
    run,
    async output(args, options) {
      const result = await run(args, options);
      if (result.code !== 0) throw new GitFailed(commandOf(args), result.code, result.stderr);
      return result.stdout;
    },
  };
}

function guard(
  child: ChildProcessByStdio<Writable, Readable, Readable>,
  signal: AbortSignal | undefined,
): GitProcess {
  let running = true;
  const kill = () => {
    if (!running || child.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch (error) {
      // The group can be gone before its end is reported to us.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  signal?.addEventListener('abort', kill, { once: true });
  // A git that has said all it wants closes its input; what was still on the way to it does not matter.
  child.stdin.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') kill();
  });
  const ended = new Promise<number>((resolve, reject) => {
    const end = () => {
      running = false;
      signal?.removeEventListener('abort', kill);
    };
    child.once('error', (error) => {
      end();
      reject(new Error('git could not be started; is it installed?', { cause: error }));
    });
    child.once('close', (code) => {
      end();
      resolve(code ?? -1);
    });
  });
  // Whoever waits for the end hears of it; whoever only reads sees the output end, and must not end the server.
  ended.catch(() => {});
  return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, ended, kill };
}

async function collect(stream: Readable, bytesMax: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > bytesMax) throw new Error(`git gave more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The first `bytesMax` bytes as text; the rest is read and dropped, so that the process does not wait for us. */
export async function collectStart(stream: Readable, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    if (size < bytesMax) chunks.push(chunk.subarray(0, bytesMax - size));
    size += chunk.byteLength;
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The subcommand, for error texts: the first argument that is no option of git itself. */
function commandOf(args: readonly string[]): string {
  return args.find((arg) => !arg.startsWith('-')) ?? '';
}
