/**
 * Two servers over one PostgreSQL and one data directory. The one that took a push is stopped, past its leases, while
 * the commit travels; the other goes on with it. When the first wakes up, it finds its leases lost and repeats nothing.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readRootKey } from '#store/root-key.ts';
import { assertOnce, leaveTraces } from '#test/support/once.ts';
import { postgresSkip, startPostgres } from '#test/support/postgres.ts';
import { createServerProcess } from '#test/support/server.ts';
import { createStory } from '#test/support/story.ts';

/** How long after the push was answered the first server still runs: into the source action, or into the build. */
const STOP_AFTER_MS = [0, 150];

test(
  'a stopped server is replaced, and wakes up to find its work done',
  { skip: postgresSkip },
  async (context) => {
    const directory = mkdtempSync(join(tmpdir(), 'slipway-nodes-'));
    const cluster = await startPostgres();
    const url = await cluster.createDatabase();
    const first = await createServerProcess(join(directory, 'data'), ['--database', url]);
    const second = await createServerProcess(join(directory, 'data'), ['--database', url]);
    try {
      await first.start();
      await second.start();
      const key = readRootKey(join(directory, 'data'));
      assert.ok(key);
      const connection = () => ({ endpoint: second.url, region: 'us-east-1', maxAttempts: 12, ...key });
      const story = await createStory(connection, directory, ['host-1']);
      try {
        leaveTraces(story);
        let latest = await story.nextExecution(undefined);
        for (const pauseMs of STOP_AFTER_MS) {
          story.write('number', `${pauseMs}\n`);
          await story.commitAndPush(`Stopped after ${pauseMs} ms`, `${first.url}/v1/repos/hello`);
          await new Promise((resolve) => setTimeout(resolve, pauseMs));
          first.signal('SIGSTOP');
          const from = Date.now();
          const execution = await story.nextExecution(latest);
          assert.equal(await story.approveAndFollow(execution), 'Succeeded');
          context.diagnostic(`stopped after ${pauseMs} ms: the other was done ${Date.now() - from} ms later`);
          first.signal('SIGCONT');
          assert.equal((await fetch(`${first.url}/_slipway/health`)).status, 200);
          await assertOnce(story, execution);
          latest = execution;
        }
      } finally {
        await story.close();
      }
    } finally {
      first.signal('SIGCONT');
      await first.stop();
      await second.stop();
      await cluster.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  },
);
