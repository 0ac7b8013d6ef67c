/** Nodes on one PostgreSQL, each a process of its own with its own scratch folder, to be killed and started again. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killSandbox } from '#runtimes/kill.ts';
import type { TestHouse } from '#test/support/house.ts';
import { startPostgres } from '#test/support/postgres.ts';
import { freePort } from '#test/support/server.ts';

export interface Node {
  start(): Promise<void>;
  /** SIGKILL, and resolves when the process is gone. */
  kill(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** The folders of builds that are here. */
  folders(): readonly string[];
}

export interface WorkerNodes {
  /** What clients need of a house. */
  readonly house: TestHouse;
  readonly databaseUrl: string;
  readonly server: Node;
  readonly workers: readonly Node[];
  close(): Promise<void>;
}

export async function createWorkerNodes(count: number): Promise<WorkerNodes> {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-workers-'));
  const cluster = await startPostgres();
  const databaseUrl = await cluster.createDatabase();
  const port = await freePort();
  const nodeOf = (role: 'server' | 'worker', name: string) =>
    createNode([role, join(directory, 'data'), join(directory, name), databaseUrl, `${port}`]);
  const server = nodeOf('server', 'server');
  const workers = Array.from({ length: count }, (_, i) => nodeOf('worker', `worker-${i + 1}`));
  await server.start();
  for (const worker of workers) await worker.start();
  return {
    house: {
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      credentials: {
        accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
        secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
      },
    } as TestHouse,
    databaseUrl,
    server,
    workers,
    async close() {
      for (const node of [...workers, server]) await node.kill();
      await cluster.stop();
      for (const name of readdirSync(directory)) {
        for (const kind of ['builds', 'sandboxes']) {
          const folder = join(directory, name, 'codebuild', kind);
          for (const each of existsSync(folder) ? readdirSync(folder) : [])
            await killSandbox(join(folder, each), 0);
        }
      }
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function createNode(parameters: readonly string[]): Node {
  let child: ChildProcess | undefined;
  const scratch = parameters[2] ?? '';
  return {
    async start() {
      const started = spawn(process.execPath, [join(import.meta.dirname, 'worker-child.ts'), ...parameters], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      child = started;
      await new Promise<void>((resolve, reject) => {
        started.stdout.once('data', () => resolve());
        started.once('exit', (code) => reject(new Error(`${parameters[0]} ended with ${code}`)));
      });
    },
    async kill() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child?.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    },
    signal: (signal) => void child?.kill(signal),
    folders() {
      const folder = join(scratch, 'codebuild', 'builds');
      return existsSync(folder) ? readdirSync(folder) : [];
    },
  };
}

/** Whether a process with that command line runs on this machine. */
export function isRunning(command: string): boolean {
  return spawnSync('pgrep', ['-f', command]).status === 0;
}
