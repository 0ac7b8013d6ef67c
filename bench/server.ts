/** A server of its own process for a benchmark: on a free port of loopback, with its data where it is told. */

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

export interface BenchServer {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

const PROGRAM = resolve(import.meta.dirname, '../bin/slipway');

export async function startServer(data: string, ...options: readonly string[]): Promise<BenchServer> {
  const child = spawn(PROGRAM, ['serve', '--data', data, '--listen', '127.0.0.1:0', ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, AWS_REGION: 'us-east-1', SLIPWAY_LOG: 'error' },
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^slipway ready (\S+)$/.exec(line)?.[1];
    if (url === undefined) continue;
    return {
      url,
      pid: child.pid ?? 0,
      async stop() {
        const ended = new Promise((done) => child.once('exit', done));
        child.kill('SIGTERM');
        await ended;
      },
    };
  }
  throw new Error('the server ended before it was ready');
}

/** The most memory that a process ever had. */
export function peakMegabytes(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
