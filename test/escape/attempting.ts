/** What the tests of attempts share: what builds should not reach, and a server of their own that lets them try. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { ChildPlan, ChildResult } from './attempt-child.ts';

export const SECRET = 'what-nobody-inside-may-see';
export const NOBODY = 65534;
const ABSTRACT = `slipway-escape-${process.pid}`;
const servers: Server[] = [];

export async function startServers(): Promise<void> {
  servers.push(createServer().listen(0, '0.0.0.0'), createServer().listen(`\0${ABSTRACT}`));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))));
}

export function stopServers(): void {
  for (const server of servers) server.close();
}

export function wordsFor(data: string, other: string): Record<string, string> {
  const address = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find((each) => each.family === 'IPv4' && !each.internal)?.address;
  const { port } = servers[0]?.address() as AddressInfo;
  const words = { data, other, secret: SECRET, port: String(port), abstract: ABSTRACT };
  return { ...words, address: address ?? '127.0.0.2' };
}

/** The results, or what is missing on this machine. */
export async function attempt(plan: ChildPlan, asNobody: boolean): Promise<readonly ChildResult[] | string> {
  const program = [process.execPath, join(import.meta.dirname, 'attempt-child.ts'), JSON.stringify(plan)];
  const become = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
  const [command = '', ...parameters] = [...withKey(), ...(asNobody ? become : []), ...program];
  const child = spawn(command, parameters, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let complaint = '';
  child.stdout.on('data', (part: Buffer) => (output += part.toString()));
  child.stderr.on('data', (part: Buffer) => (complaint += part.toString()));
  const status = await new Promise((resolve) => child.once('close', resolve));
  assert.equal(status, 0, `the server of the attempts died: ${complaint}`);
  const lines = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as ChildResult & { problem?: string });
  return lines[0]?.problem ?? lines;
}

/** Puts the secret into the kernel's keys of the server's session, where the kernel has keys and somebody to ask. */
function withKey(): readonly string[] {
  const program =
    'my ($type, $name, $key) = ("user", "slipway", shift); syscall(250, 1, 0);' +
    'syscall(248, $type, $name, $key, length $key, -3) > 0 or die; exec @ARGV';
  return spawnSync('perl', ['-v']).status === 0 ? ['perl', '-e', program, SECRET] : [];
}
