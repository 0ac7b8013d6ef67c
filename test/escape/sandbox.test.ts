/** Every attempt of `attempts.ts`, by each way to make a sandbox, as root and as an ordinary user: nothing gets out. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ChildPlan, ChildResult } from './attempt-child.ts';
import { ATTEMPTS } from './attempts.ts';

const SECRET = 'what-nobody-inside-may-see';
const ABSTRACT = `slipway-escape-${process.pid}`;
const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;
const servers: Server[] = [];

before(async () => {
  servers.push(createServer().listen(0, '0.0.0.0'), createServer().listen(`\0${ABSTRACT}`));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))));
});
after(() => {
  for (const server of servers) server.close();
});

const ways = [
  { isolation: 'bubblewrap', user: isRoot ? 'root' : 'this user' },
  { isolation: 'namespaces', user: isRoot ? 'root' : 'this user' },
  ...(isRoot
    ? ([
        { isolation: 'bubblewrap', user: 'nobody' },
        { isolation: 'namespaces', user: 'nobody' },
      ] as const)
    : []),
] as const;

for (const { isolation, user } of ways) {
  describe(`a build in a sandbox of ${isolation}, under a server of ${user}`, () => {
    test('gets out by none of its attempts, and each ends within its limits', async (t) => {
      const data = mkdtempSync(join(tmpdir(), 'slipway-escape-'));
      const other = join(data, 'builds', 'other');
      mkdirSync(other, { recursive: true });
      for (const path of [join(data, 'master.key'), join(other, 'secret')]) writeFileSync(path, SECRET);
      if (user === 'nobody') spawnSync('chown', ['-R', `${NOBODY}:${NOBODY}`, data]);
      try {
        const results = await attempt({ data, isolation, words: wordsFor(data, other) }, user === 'nobody');
        if (typeof results === 'string') return t.skip(`wants ${results}`);
        assert.deepEqual(
          results.filter(({ escaped, isTried }) => escaped.length > 0 || !isTried),
          [],
        );
        assert.deepEqual(
          results.map(({ what }) => what),
          ATTEMPTS.map(({ what }) => what),
        );
        for (const { what, milliseconds } of results)
          assert.ok(milliseconds < 30_000, `${what}: ${milliseconds}`);
        assert.equal(spawnSync('pgrep', ['-fc', 'sleep [6]1234'], { encoding: 'utf8' }).stdout.trim(), '0');
        if (process.env['SLIPWAY_LOG']) console.error(results);
      } finally {
        rmSync(data, { recursive: true, force: true });
      }
    });
  });
}

function wordsFor(data: string, other: string): Record<string, string> {
  const address = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find((each) => each.family === 'IPv4' && !each.internal)?.address;
  const { port } = servers[0]?.address() as AddressInfo;
  const words = { data, other, secret: SECRET, port: String(port), abstract: ABSTRACT };
  return { ...words, address: address ?? '127.0.0.2' };
}

/** The results, or what is missing on this machine. */
async function attempt(plan: ChildPlan, asNobody: boolean): Promise<readonly ChildResult[] | string> {
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
