/** The attempts of `attempts.ts` in containers of an engine of root, without a user namespace: the weakest way. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { dockerProblem, SHELL_PROGRAMS, startEngine, type TestEngine } from '#test/support/docker.ts';
import { attempt, SECRET, startServers, stopServers, wordsFor } from './attempting.ts';
import { ATTEMPTS } from './attempts.ts';

/**
 * Root of a container may change the container's own copy of its image and the memory over which its (read-only) control
 * groups are mounted, and give its own files to any user; none of that reaches anything outside.
 */
const OF_ITS_OWN =
  /^ESCAPED (wrote (\/usr\/bin|\/etc\/\w+|\/bin|\/lib|\/sys\/fs\/cgroup|)\/x|(owner|user) \d+)$/;

describe('a build in a container', { skip: dockerProblem() }, () => {
  let engine: TestEngine;
  before(async () => {
    await startServers();
    engine = await startEngine();
    await engine.makeImage('tools:1', SHELL_PROGRAMS);
  });
  after(async () => {
    stopServers();
    await engine?.close();
  });

  test('gets out by none of its attempts, and each ends within its limits', async () => {
    const data = mkdtempSync(join(tmpdir(), 'slipway-escape-'));
    const other = join(data, 'builds', 'other');
    mkdirSync(other, { recursive: true });
    for (const path of [join(data, 'master.key'), join(other, 'secret')]) writeFileSync(path, SECRET);
    try {
      const isolation = { socketPath: engine.socketPath, image: 'tools:1' };
      const results = await attempt({ data, isolation, words: wordsFor(data, other) }, false);
      assert.ok(typeof results !== 'string', `the engine is not usable: ${String(results)}`);
      const wrong = results
        .map((result) => ({ ...result, escaped: result.escaped.filter((line) => !OF_ITS_OWN.test(line)) }))
        .filter(({ escaped, isTried }) => escaped.length > 0 || !isTried);
      assert.deepEqual(wrong, []);
      assert.deepEqual(
        results.map(({ what }) => what),
        ATTEMPTS.map(({ what }) => what),
      );
      for (const { what, milliseconds } of results)
        assert.ok(milliseconds < 30_000, `${what}: ${milliseconds}`);
      assert.equal(spawnSync('pgrep', ['-fc', 'sleep [6]1234'], { encoding: 'utf8' }).stdout.trim(), '0');
      assert.deepEqual([await engine.containers(), await engine.volumes()], [[], []]);
      if (process.env['SLIPWAY_LOG']) console.error(results);
    } finally {
      rmSync(data, { recursive: true, force: true });
    }
  });
});
