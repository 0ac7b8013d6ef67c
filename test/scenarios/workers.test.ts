/**
 * The main job with the build elsewhere: a server that runs no builds and a worker with a folder of its own, over one
 * PostgreSQL and one data directory, as the real commands.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { readRootKey } from '#store/root-key.ts';
import { postgresSkip, startPostgres } from '#test/support/postgres.ts';
import { createServerProcess } from '#test/support/server.ts';
import { createStory } from '#test/support/story.ts';

const SLIPWAY = resolve(import.meta.dirname, '../../bin/slipway');

test('a commit is built on a worker and arrives', { skip: postgresSkip }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-worker-'));
  const [data, scratch] = [join(directory, 'data'), join(directory, 'scratch')];
  const cluster = await startPostgres();
  const url = await cluster.createDatabase();
  const server = await createServerProcess(data, ['--database', url, '--builds', 'off']);
  let worker: ChildProcess | undefined;
  try {
    await server.start();
    worker = await startWorker(['--server', server.url, '--data', data, '--scratch', scratch], url);
    const key = readRootKey(data);
    assert.ok(key);
    const connection = () => ({ endpoint: server.url, region: 'us-east-1', maxAttempts: 3, ...key });
    const story = await createStory(connection, directory, ['host-1']);
    try {
      const first = await story.nextExecution(undefined);
      story.write('number', '1\n');
      await story.commitAndPush('Built elsewhere');
      const execution = await story.nextExecution(first);
      assert.equal(await story.approveAndFollow(execution), 'Succeeded');
      // The sandboxes are begun in folders there, and nothing of builds is on the server.
      assert.ok(existsSync(join(scratch, 'codebuild', 'sandboxes')));
      assert.deepEqual(readdirSync(join(scratch, 'codebuild', 'builds')), []);
      assert.equal(existsSync(join(data, 'codebuild', 'builds')), false);
    } finally {
      await story.close();
    }
  } finally {
    const ended = worker && new Promise((done) => worker?.once('exit', done));
    worker?.kill('SIGTERM');
    await ended;
    await server.stop();
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true });
  }
});

function startWorker(parameters: readonly string[], database: string): Promise<ChildProcess> {
  const child = spawn(SLIPWAY, ['worker', ...parameters], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      SLIPWAY_DATABASE_URL: database,
      SLIPWAY_LOG: process.env['SLIPWAY_LOG'] ?? 'warn',
    },
  });
  return new Promise((done, reject) => {
    child.once('exit', (code) => reject(new Error(`the worker ended with ${code}`)));
    child.stdout.once('data', () => {
      child.removeAllListeners('exit');
      done(child);
    });
  });
}
