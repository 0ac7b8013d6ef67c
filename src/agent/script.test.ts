import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openEventLog } from './event-log.ts';
import { runScript } from './script.ts';

function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-script-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const shell = (text: string) => ['/bin/sh', '-c', text];
const environment = { PATH: process.env['PATH'] };

test('a script ends with its exit code, and its output is in the log in whole', async (t) => {
  const directory = directoryOf(t);
  const log = await openEventLog(directory, 'AfterInstall', join(directory, 'logs', 'scripts.log'));
  const script = join(directory, 'script-0');
  const output = await log.begin('a.sh', script);
  const command = shell('for i in $(seq 300); do echo line $i; done; echo wrong >&2; printf end; exit 7');
  const end = await runScript({ directory: script, command, environment, timeoutSeconds: 30 }, () =>
    output.take(false),
  );
  await output.take(true);
  assert.deepEqual(end, { type: 'exited', code: 7 });
  const lines = readFileSync(log.path, 'utf8').trimEnd().split('\n');
  assert.equal(lines.length, 304);
  assert.deepEqual(lines.slice(0, 2), ['LifecycleEvent - AfterInstall', 'Script - a.sh']);
  // Two pipes: each keeps its order, and which of them is read first is chance.
  assert.deepEqual(
    lines.filter((line) => line.startsWith('[stdout]')),
    [...Array.from({ length: 300 }, (_, index) => `[stdout]line ${index + 1}`), '[stdout]end'],
  );
  assert.deepEqual(
    lines.filter((line) => line.startsWith('[stderr]')),
    ['[stderr]wrong'],
  );
  const tail = await log.tail(2048);
  assert.ok(tail.length <= 2048 && tail.length > 1900);
  assert.ok(tail.startsWith('[std') && tail.endsWith('\n'), 'whole lines');
});

test('whoever asks again finds the end of the same run and does not start another', async (t) => {
  const directory = directoryOf(t);
  const counter = join(directory, 'runs');
  const order = {
    directory: join(directory, 'script-0'),
    command: shell(`echo ran >> ${counter}; sleep 0.2; exit 3`),
    environment,
    timeoutSeconds: 30,
  };
  const ends = await Promise.all([
    runScript(order, async () => {}),
    runScript(order, async () => {}),
    runScript(order, async () => {}),
  ]);
  ends.push(await runScript(order, async () => {}));
  assert.deepEqual(new Set(ends.map((end) => JSON.stringify(end))).size, 1);
  assert.deepEqual(ends[0], { type: 'exited', code: 3 });
  assert.equal(readFileSync(counter, 'utf8'), 'ran\n');
});

test('a script over its time is ended with all its children, even those that mind no TERM', async (t) => {
  const directory = directoryOf(t);
  const pids = join(directory, 'pids');
  const command = shell(`trap '' TERM; sleep 60 & echo $! > ${pids}; echo $$ >> ${pids}; wait; sleep 60`);
  const order = {
    directory: join(directory, 'script-0'),
    command,
    environment,
    timeoutSeconds: 1,
    graceMs: 300,
  };
  const began = Date.now();
  assert.deepEqual(await runScript(order, async () => {}), { type: 'timedOut' });
  assert.ok(Date.now() - began < 5_000);
  for (const pid of readFileSync(pids, 'utf8').trim().split('\n').map(Number)) {
    const facts = stateOf(pid);
    assert.ok(facts === undefined || facts === 'Z', `process ${pid} is ${facts}`);
  }
});

test('a script of which only the start is known is lost', async (t) => {
  const directory = directoryOf(t);
  const order = { directory, command: shell('sleep 30'), environment, timeoutSeconds: 60 };
  let isKilled = false;
  const end = runScript(order, async () => {
    // Looks go on until the end is seen, and once after it.
    if (isKilled || !existsSync(join(directory, 'process'))) return;
    isKilled = true;
    const [pid = ''] = readFileSync(join(directory, 'process'), 'utf8').split(' ');
    process.kill(-Number(pid), 'SIGKILL');
  });
  assert.deepEqual(await end, { type: 'lost' });
});

test('a log that was cut in the middle of a line goes on without loss and without repetition', async (t) => {
  const directory = directoryOf(t);
  const scriptsLog = join(directory, 'scripts.log');
  const script = join(directory, 'script-0');
  const order = { directory: script, command: shell('seq 1000'), environment, timeoutSeconds: 30 };
  const first = await openEventLog(directory, 'AfterInstall', scriptsLog);
  const output = await first.begin('a.sh', script);
  await runScript(order, async () => {});
  await output.take(true);
  const whole = readFileSync(first.path);
  for (const cut of [0, 10, 60, 500, whole.length - 3, whole.length]) {
    writeFileSync(first.path, whole.subarray(0, cut));
    const again = await openEventLog(directory, 'AfterInstall', scriptsLog);
    await (await again.begin('a.sh', script)).take(true);
    assert.equal(readFileSync(first.path, 'utf8'), whole.toString());
  }
});

function stateOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0];
  } catch {
    return undefined;
  }
}
