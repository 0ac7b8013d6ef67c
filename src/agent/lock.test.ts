import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { lockRoot } from './lock.ts';
import { describeProcess, isAlive, parseIdentity } from './process-identity.ts';

test('a root has one agent; the lock of one that is gone is taken over', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-lock-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const path = join(root, 'slipway', 'agent.lock');
  const unlock = await lockRoot(path);
  await assert.rejects(lockRoot(path), /Another agent \(process \d+\) already uses/);
  await unlock();
  const child = spawn('sleep', ['30']);
  writeFileSync(path, await describeProcess(child.pid ?? 0));
  await assert.rejects(lockRoot(path), /Another agent/);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await (
    await lockRoot(path)
  )();
  assert.deepEqual(readdirSync(dirname(path)), []);
});

test('a number that another process has now is not the same process', async () => {
  const text = await describeProcess(process.pid);
  assert.equal(await isAlive(parseIdentity(text)), true);
  const identity = parseIdentity(text);
  if (identity.startTime === undefined) return;
  assert.equal(await isAlive({ ...identity, startTime: '1' }), false);
  assert.equal(await isAlive({ ...identity, boot: 'another' }), false);
});
