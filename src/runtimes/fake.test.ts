import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createFakeClock } from '#base/clock.ts';
import { createFakeRuntime } from './fake.ts';

const LIMITS = { memoryBytes: 1, cpus: 1, processes: 1, diskBytes: 1, openFiles: 1, seconds: 1 };

test('steps do what their variables say, on the clock that they were given, and once', async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-fake-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const clock = createFakeClock();
  const runtime = createFakeRuntime(clock);
  const plan = { id: 'a', directory, workspace: '/codebuild', limits: LIMITS, network: 'none' } as const;
  const sandbox = await runtime.open(plan);
  const { signal } = new AbortController();
  const first = { number: 1, heading: 'h\n', script: "FAKE_SAYS='two words' FAKE_STATUS=3" };
  const second = { number: 2, heading: '', script: 'FAKE_MILLISECONDS=50' };
  const exited = { type: 'exited', answer: '', outOfMemory: false };
  assert.deepEqual(await sandbox.perform(first, signal), { ...exited, status: 3 });
  const gone = new AbortController();
  const lost = sandbox.perform(second, gone.signal);
  gone.abort(new Error('crash'));
  await assert.rejects(lost, /crash/);
  const again = await runtime.open(plan);
  assert.equal(again.attached, true);
  assert.deepEqual(await again.perform(first, signal), { ...exited, status: 3 });
  const rest = again.perform(second, signal);
  clock.advance(50);
  assert.deepEqual(await rest, { ...exited, status: 0 });
  await runtime.kill(directory, 0);
  assert.equal((await again.perform({ number: 3, heading: '', script: '' }, signal)).type, 'died');
  assert.equal(readFileSync(sandbox.logFile, 'utf8'), 'h\ntwo words\n');
});
