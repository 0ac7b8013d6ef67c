/** The real server as a process of its own, on a port that stays the same over its lives, to be killed and started again. */

import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const ROOT = resolve(import.meta.dirname, '../..');

export interface ServerProcess {
  readonly url: string;
  readonly data: string;
  /** How often it was started. */
  readonly lives: number;
  start(): Promise<void>;
  /** SIGKILL, and resolves when the process is gone. */
  kill(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM, and resolves with the exit code. */
  stop(): Promise<number | null>;
}

export async function createServerProcess(
  data: string,
  extra: readonly string[] = [],
): Promise<ServerProcess> {
  const port = await freePort();
  let child: ChildProcess | undefined;
  let lives = 0;
  const end = (signal: NodeJS.Signals) =>
    new Promise<number | null>((resolve) => {
      if (!child || child.exitCode !== null || child.signalCode !== null)
        return resolve(child?.exitCode ?? null);
      child.removeAllListeners('exit');
      child.once('exit', (code) => resolve(code));
      child.kill(signal);
    });
  return {
    url: `http://127.0.0.1:${port}`,
    data,
    get lives() {
      return lives;
    },
    start: () =>
      new Promise((resolve, reject) => {
        lives += 1;
        const complaints: string[] = [];
        const started = spawn(
          join(ROOT, 'bin/slipway'),
          ['serve', '--data', data, '--listen', `127.0.0.1:${port}`, ...extra],
          {
            stdio: ['ignore', 'pipe', 'pipe'],
            env: { ...process.env, SLIPWAY_LOG: process.env['SLIPWAY_LOG'] ?? 'warn' },
          },
        );
        child = started;
        started.once('exit', (code, signal) =>
          reject(new Error(`the server ended with ${code ?? signal}: ${complaints.slice(-5).join('\n')}`)),
        );
        createInterface({ input: started.stderr }).on('line', (line) => {
          complaints.push(line);
          if (process.env['SLIPWAY_LOG']) process.stderr.write(`${line}\n`);
        });
        createInterface({ input: started.stdout }).on('line', (line) => {
          if (!line.startsWith('slipway ready ')) return;
          started.removeAllListeners('exit');
          resolve();
        });
      }),
    async kill() {
      await end('SIGKILL');
    },
    signal: (signal) => void child?.kill(signal),
    stop: () => end('SIGTERM'),
  };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
