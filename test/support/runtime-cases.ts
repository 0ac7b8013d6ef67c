/**
 * What every runtime that isolates promises, as tests: the same ones for sandboxes and for containers. They are run in
 * whatever `describe` calls this; the runtime itself is asked for only when a test begins.
 */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { waitUntil } from '#runtimes/processes.ts';
import type { Limits, Runtime, Sandbox, SandboxPlan, Step, StepEnd } from '#runtimes/runtime.ts';

export interface RuntimeSubject {
  readonly runtime: Runtime;
  /** Where the folders of sandboxes are made. */
  readonly data: string;
  /** What its plans have besides. */
  readonly plan: Partial<SandboxPlan>;
  /** The text of a module that makes the same runtime in another process, as `runtime`. */
  readonly program: string;
  isAlive(directory: string): boolean | Promise<boolean>;
}

export const LIMITS: Limits = {
  memoryBytes: 256 * 2 ** 20,
  cpus: 1,
  processes: 60,
  diskBytes: 40 * 2 ** 20,
  openFiles: 512,
  seconds: 600,
};

export interface Bench {
  readonly sandbox: Sandbox;
  readonly directory: string;
  readonly id: string;
  run(script: string, more?: Partial<Step>): Promise<StepEnd>;
  log(): Promise<string>;
}

const isRoot = process.getuid?.() === 0;
const forever = new AbortController().signal;
let count = 0;

export function nextId(): string {
  return `test-${process.pid}-${++count}`;
}

export const exited = (status: number) => ({ type: 'exited', status, answer: '', outOfMemory: false });

export function countProcesses(text: string): number {
  const { stdout } = spawnSync('ps', ['axww', '-o', 'args='], { encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line.includes(text) && !line.startsWith('/bin/sh -c ps')).length;
}

export async function withSandbox(
  { runtime, data, plan: usual }: Pick<RuntimeSubject, 'runtime' | 'data' | 'plan'>,
  work: (bench: Bench) => Promise<void>,
  plan: Partial<SandboxPlan> = {},
): Promise<void> {
  const id = nextId();
  const directory = join(data, id);
  mkdirSync(directory);
  const sandbox = await runtime.open({
    id,
    directory,
    workspace: '/codebuild',
    limits: LIMITS,
    ...usual,
    ...plan,
  });
  let number = 0;
  try {
    await work({
      sandbox,
      directory,
      id,
      run: (script, more) => sandbox.perform({ number: ++number, heading: '', script, ...more }, forever),
      async log() {
        await runtime.kill(directory, 0);
        return readFileSync(sandbox.logFile, 'utf8');
      },
    });
  } finally {
    sandbox.release();
    await runtime.kill(directory, 0);
  }
}

export function runtimeCases(subject: () => RuntimeSubject): void {
  test('steps run in order, with headings, statuses and answers', async () => {
    await withSandbox(subject(), async ({ run, log }) => {
      assert.deepEqual(await run('echo one; exit 3', { heading: '[first]\n' }), exited(3));
      assert.deepEqual(
        await run('echo two; echo err >&2; echo three >/dev/stderr', { heading: '[second]\n' }),
        exited(0),
      );
      assert.deepEqual(await run('printf "a b"', { asks: true }), { ...exited(0), answer: 'a b' });
      assert.equal(await log(), '[first]\none\n[second]\ntwo\nerr\nthree\n');
    });
  });

  test('a sandbox that nobody ends any more ends itself', async () => {
    await withSandbox(
      subject(),
      async ({ run, directory }) => {
        const end = await run("trap '' TERM; sleep 100 & sleep 100");
        assert.ok(end.type === 'died' || end.status !== 0, JSON.stringify(end));
        assert.ok(await waitUntil(async () => !(await subject().isAlive(directory)), 10_000));
      },
      { limits: { ...LIMITS, seconds: 1 } },
    );
  });

  test('memory is limited, and only the greedy command suffers', { skip: !isRoot }, async () => {
    await withSandbox(subject(), async ({ run }) => {
      const greedy = await run('x=a; while :; do x=$x$x$x$x; done');
      assert.ok(greedy.type === 'exited' && greedy.status !== 0 && greedy.outOfMemory);
      assert.deepEqual(await run('true'), exited(0));
    });
  });

  test('processes are limited, by root and by anybody, and those outside do not count', async () => {
    const outside = Array.from({ length: LIMITS.processes }, () => spawn('sleep', ['60']));
    await withSandbox(subject(), async ({ run }) => {
      assert.deepEqual(await run('for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0 & done; wait'), exited(0));
      const bomb = await run('i=0; while [ $i -lt 200 ]; do sleep 100 & i=$((i+1)); done 2>/dev/null; wait');
      assert.ok(bomb.type === 'exited' && bomb.status !== 0);
      // The children of the bomb still fill the sandbox; it fails or works, but it answers.
      assert.equal((await run('true')).type, 'exited');
    }).finally(() => {
      for (const child of outside) child.kill();
    });
  });

  test('a sandbox that writes more than its disk holds ends with that reason', async () => {
    await withSandbox(subject(), async ({ run }) => {
      const end = await run(
        'i=0; while :; do head -c 10000000 /dev/zero >/codebuild/$i; i=$((i+1)); [ $i -gt 8 ] && sleep 60; done',
      );
      assert.deepEqual(end, { type: 'died', reason: 'it wrote more than 40 MiB to its disk' });
    });
  });

  test('killing ends the whole tree, also what ran away from its session', async () => {
    await withSandbox(subject(), async ({ sandbox, run, directory }) => {
      await run(
        "setsid sh -c 'while :; do sleep 1; done' >/dev/null 2>&1 & nohup sleep 7777 >/dev/null 2>&1 &",
      );
      const step = sandbox.perform(
        { number: 2, heading: '', script: 'trap "" TERM; sleep 7777; sleep 7777' },
        forever,
      );
      await waitUntil(() => countProcesses('sleep 7777') >= 2, 5000);
      await subject().runtime.kill(directory, 50);
      assert.deepEqual((await step).type, 'died');
      assert.equal(countProcesses('sleep 7777'), 0);
      assert.equal(countProcesses(directory), 0);
      await subject().runtime.kill(directory, 50);
    });
  });

  test('TERM comes first, so that a command may tidy up', async () => {
    await withSandbox(subject(), async ({ sandbox, directory }) => {
      const step = sandbox.perform(
        {
          number: 1,
          heading: 'go\n',
          script: 'trap "echo tidy; exit 1" TERM; echo up; while :; do sleep 0.05; done',
        },
        forever,
      );
      await waitUntil(() => readFileSync(sandbox.logFile, 'utf8').includes('up'), 5000);
      await subject().runtime.kill(directory, 5000);
      await step;
      assert.match(readFileSync(sandbox.logFile, 'utf8'), /^go\nup\n(Terminated\n)?tidy\n$/);
    });
  });

  test('whoever opens it again finds its steps, and none runs twice', async () => {
    await withSandbox(subject(), async ({ sandbox, id, directory }) => {
      const first = { number: 1, heading: 'h\n', script: 'echo ran >>/codebuild/times; exit 4' };
      const second = { number: 2, heading: '', script: 'sleep 0.2; echo slow; exit 5' };
      await sandbox.perform(first, forever);
      const gone = new AbortController();
      const lost = sandbox.perform(second, gone.signal);
      gone.abort(new Error('the server died'));
      await assert.rejects(lost, /the server died/);
      sandbox.release();
      const again = await subject().runtime.open({
        id,
        directory,
        workspace: '/codebuild',
        limits: LIMITS,
        ...subject().plan,
      });
      assert.equal(again.attached, true);
      assert.deepEqual(await again.perform(first, forever), exited(4));
      assert.deepEqual(await again.perform(second, forever), exited(5));
      assert.deepEqual(await again.perform({ number: 3, heading: '', script: 'exit 6' }, forever), exited(6));
      again.release();
      assert.equal(readFileSync(join(directory, 'workspace/times'), 'utf8'), 'ran\n');
      await subject().runtime.kill(directory, 0);
      assert.equal(readFileSync(again.logFile, 'utf8'), 'h\nslow\n');
    });
  });

  test('it outlives the process that started it', async () => {
    const id = nextId();
    const directory = join(subject().data, id);
    mkdirSync(directory);
    const plan = { id, directory, workspace: '/codebuild', limits: LIMITS, ...subject().plan };
    const program = `
      ${subject().program}
      const sandbox = await runtime.open(${JSON.stringify(plan)});
      void sandbox.perform({ number: 1, heading: '', script: 'echo started; sleep 0.3; echo done; exit 9' }, new AbortController().signal);
      setInterval(() => {}, 1000);
      console.log('up');`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const log = join(directory, 'log');
    await waitUntil(() => existsSync(log) && readFileSync(log, 'utf8') === 'started\n', 10_000);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    const sandbox = await subject().runtime.open(plan);
    assert.deepEqual(await sandbox.perform({ number: 1, heading: '', script: 'never' }, forever), exited(9));
    sandbox.release();
    await subject().runtime.kill(directory, 0);
    assert.equal(readFileSync(log, 'utf8'), 'started\ndone\n');
  });
}
