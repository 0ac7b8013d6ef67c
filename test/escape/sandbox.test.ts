/** Every attempt of `attempts.ts`, by each way to make a sandbox, as root and as an ordinary user: nothing gets out. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { attempt, NOBODY, SECRET, startServers, stopServers, wordsFor } from './attempting.ts';
import { ATTEMPTS } from './attempts.ts';

const isRoot = process.getuid?.() === 0;

before(startServers);
after(stopServers);

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
