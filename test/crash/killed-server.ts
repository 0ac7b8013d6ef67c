/** A server in a process of its own that runs real builds, is killed without warning and started again where it was. */

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killSandbox } from '#runtimes/kill.ts';
import type { TestHouse } from '#test/support/house.ts';

const credentials = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};

export interface KilledServer {
  /** What clients need of a house; the port stays the same in every life. */
  readonly house: TestHouse;
  kill(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

/** `dockerSocket`: its builds run in containers of that engine, and in no other way. */
export async function createKilledServer(dockerSocket?: string): Promise<KilledServer> {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-build-crash-'));
  const port = await freePort();
  let server: ChildProcess;

  async function start(): Promise<void> {
    const child = join(import.meta.dirname, 'build-child.ts');
    server = spawn(process.execPath, [child, join(directory, 'data'), `${port}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...(dockerSocket ? { SLIPWAY_DOCKER_SOCKET: dockerSocket } : {}) },
    });
    await new Promise<void>((resolve, reject) => {
      server.stdout?.once('data', () => resolve());
      server.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
    });
  }

  async function kill(): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGKILL');
    await ended;
  }

  await start();
  return {
    house: { endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', credentials } as TestHouse,
    kill,
    start,
    async close() {
      await kill();
      // The sandboxes outlive their server, as they should; here nobody will come back for them.
      const codebuild = join(directory, 'data', 'codebuild');
      for (const folder of ['builds', 'sandboxes'].map((name) => join(codebuild, name))) {
        for (const name of existsSync(folder) ? readdirSync(folder) : [])
          await killSandbox(join(folder, name), 0);
      }
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
