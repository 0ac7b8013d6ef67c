/** Every promise of a sandbox, kept by both ways to make one, and without isolation by `process` where it applies. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { isStartedAndAlive } from './attached.ts';
import { createProcessRuntime } from './process.ts';
import { waitUntil } from './processes.ts';
import type { Limits, Runtime, Sandbox, Step, StepEnd } from './runtime.ts';
import { createSandboxRuntime } from './sandbox.ts';

const LIMITS: Limits = {
  memoryBytes: 256 * 2 ** 20,
  cpus: 1,
  processes: 60,
  diskBytes: 40 * 2 ** 20,
  openFiles: 512,
  seconds: 600,
};
const data = mkdtempSync(join(tmpdir(), 'slipway-runtimes-'));
after(() => rmSync(data, { recursive: true, force: true }));
writeFileSync(join(data, 'secret'), 'the key of the house');

const isRoot = process.getuid?.() === 0;
const forever = new AbortController().signal;
let count = 0;
/** For the small programs that run in processes of their own. */
const SANDBOX_MODULE = JSON.stringify(import.meta.resolve('./sandbox.ts'));

interface Bench {
  readonly sandbox: Sandbox;
  readonly directory: string;
  readonly id: string;
  run(script: string, more?: Partial<Step>): Promise<StepEnd>;
  log(): Promise<string>;
}

async function withSandbox(
  runtime: Runtime,
  work: (bench: Bench) => Promise<void>,
  plan = {},
): Promise<void> {
  const id = `test-${process.pid}-${++count}`;
  const directory = join(data, id);
  mkdirSync(directory);
  const sandbox = await runtime.open({
    id,
    directory,
    workspace: '/codebuild',
    limits: LIMITS,
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

const exited = (status: number) => ({ type: 'exited', status, answer: '', outOfMemory: false });

for (const isolation of ['bubblewrap', 'namespaces'] as const) {
  const runtime = createSandboxRuntime({ directory: join(data, 'shared'), hidden: data, isolation });
  const problem = await runtime.problem();
  // The full test run (.ci/run) installs bubblewrap and fails when a suite is skipped.
  describe(`a sandbox made with ${isolation}`, { skip: problem }, () => {
    test('steps run in order, with headings, statuses and answers', async () => {
      await withSandbox(runtime, async ({ run, log }) => {
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
        runtime,
        async ({ run, directory }) => {
          const end = await run("trap '' TERM; sleep 100 & sleep 100");
          assert.ok(end.type === 'died' || end.status !== 0, JSON.stringify(end));
          assert.ok(await waitUntil(() => !isStartedAndAlive(directory), 10_000));
        },
        { limits: { ...LIMITS, seconds: 1 } },
      );
    });

    test('the commands see no file, process, key or environment of the machine', async () => {
      await withSandbox(runtime, async ({ run, log, directory }) => {
        const hidden = [
          join(data, 'secret'),
          directory,
          '/home',
          '/root/.ssh',
          '/var/lib',
          '/etc/shadow',
          '/srv',
          '/boot',
          '/etc/hostname.real',
        ];
        const checks = hidden.map((path) => `[ -e '${path}' ] && echo 'visible: ${path}'`).join('\n');
        await run(`${checks}\nps ax -o pid= | wc -l >/dev/null; for p in /proc/[0-9]*; do [ "$(cat $p/comm 2>/dev/null)" = node ] && echo "visible: $p"; done
          env | cut -d= -f1 | sort | tr '\\n' ' '; echo; id -u; hostname; pwd; find /run /tmp /var /dev /codebuild /root -type s 2>/dev/null | head -3; echo $$ | grep -c .`);
        const text = await log();
        assert.doesNotMatch(text, /visible/);
        assert.match(text, /^((HOME|OLDPWD|PATH|PWD|SHLVL|_|container) )+\n0\nbuild\n\/codebuild\n1\n$/);
      });
    });

    test('the programs of the machine cannot be changed, and no privilege can be gained', async () => {
      await withSandbox(runtime, async ({ run, log }) => {
        const forbidden = [
          'touch /usr/x',
          'touch /etc/x',
          'touch /x',
          'touch /codebuild/readonly/x',
          'mount -t tmpfs none /tmp',
          'mount -o remount,rw /usr',
          'unshare -m true',
          'chroot / true',
          'mknod /tmp/d c 1 1',
          'kill -9 1; kill -0 1 && false',
        ];
        for (const command of forbidden) {
          const end = await run(`{ ${command}; } 2>/dev/null`);
          assert.ok(end.type === 'exited' && end.status !== 0, command);
        }
        assert.deepEqual(await run('touch /tmp/a /root/b /codebuild/c /var/tmp/d && echo ok'), exited(0));
        assert.equal(await log(), 'ok\n');
      });
    });

    test('memory is limited, and only the greedy command suffers', { skip: !isRoot }, async () => {
      await withSandbox(runtime, async ({ run }) => {
        const greedy = await run('x=a; while :; do x=$x$x$x$x; done');
        assert.ok(greedy.type === 'exited' && greedy.status !== 0 && greedy.outOfMemory);
        assert.deepEqual(await run('true'), exited(0));
      });
    });

    test('processes are limited, by root and by anybody, and those outside do not count', async () => {
      const outside = Array.from({ length: LIMITS.processes }, () => spawn('sleep', ['60']));
      await withSandbox(runtime, async ({ run }) => {
        assert.deepEqual(await run('for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0 & done; wait'), exited(0));
        const bomb = await run(
          'i=0; while [ $i -lt 200 ]; do sleep 100 & i=$((i+1)); done 2>/dev/null; wait',
        );
        assert.ok(bomb.type === 'exited' && bomb.status !== 0);
        // The children of the bomb still fill the sandbox; it fails or works, but it answers.
        assert.equal((await run('true')).type, 'exited');
      }).finally(() => {
        for (const child of outside) child.kill();
      });
    });

    test('a sandbox that writes more than its disk holds ends with that reason', async () => {
      await withSandbox(runtime, async ({ run }) => {
        const end = await run(
          'i=0; while :; do head -c 10000000 /dev/zero >/codebuild/$i; i=$((i+1)); [ $i -gt 8 ] && sleep 60; done',
        );
        assert.deepEqual(end, { type: 'died', reason: 'it wrote more than 40 MiB to its disk' });
      });
    });

    test('killing ends the whole tree, also what ran away from its session', async () => {
      await withSandbox(runtime, async ({ sandbox, run, directory }) => {
        await run(
          "setsid sh -c 'while :; do sleep 1; done' >/dev/null 2>&1 & nohup sleep 7777 >/dev/null 2>&1 &",
        );
        const step = sandbox.perform(
          { number: 2, heading: '', script: 'trap "" TERM; sleep 7777; sleep 7777' },
          forever,
        );
        await waitUntil(() => countProcesses('sleep 7777') >= 2, 5000);
        await runtime.kill(directory, 50);
        assert.deepEqual((await step).type, 'died');
        assert.equal(countProcesses('sleep 7777'), 0);
        assert.equal(countProcesses(directory), 0);
        await runtime.kill(directory, 50);
      });
    });

    test('TERM comes first, so that a command may tidy up', async () => {
      await withSandbox(runtime, async ({ sandbox, directory }) => {
        const step = sandbox.perform(
          {
            number: 1,
            heading: 'go\n',
            script: 'trap "echo tidy; exit 1" TERM; echo up; while :; do sleep 0.05; done',
          },
          forever,
        );
        await waitUntil(() => readFileSync(sandbox.logFile, 'utf8').includes('up'), 5000);
        await runtime.kill(directory, 5000);
        await step;
        assert.match(readFileSync(sandbox.logFile, 'utf8'), /^go\nup\n(Terminated\n)?tidy\n$/);
      });
    });

    test('whoever opens it again finds its steps, and none runs twice', async () => {
      await withSandbox(runtime, async ({ sandbox, id, directory }) => {
        const first = { number: 1, heading: 'h\n', script: 'echo ran >>/codebuild/times; exit 4' };
        const second = { number: 2, heading: '', script: 'sleep 0.2; echo slow; exit 5' };
        await sandbox.perform(first, forever);
        const gone = new AbortController();
        const lost = sandbox.perform(second, gone.signal);
        gone.abort(new Error('the server died'));
        await assert.rejects(lost, /the server died/);
        sandbox.release();
        const again = await runtime.open({
          id,
          directory,
          workspace: '/codebuild',
          limits: LIMITS,
        });
        assert.equal(again.attached, true);
        assert.deepEqual(await again.perform(first, forever), exited(4));
        assert.deepEqual(await again.perform(second, forever), exited(5));
        assert.deepEqual(
          await again.perform({ number: 3, heading: '', script: 'exit 6' }, forever),
          exited(6),
        );
        again.release();
        assert.equal(readFileSync(join(directory, 'workspace/times'), 'utf8'), 'ran\n');
        await runtime.kill(directory, 0);
        assert.equal(readFileSync(again.logFile, 'utf8'), 'h\nslow\n');
      });
    });

    test('it outlives the process that started it', async () => {
      const id = `test-${process.pid}-${++count}`;
      const directory = join(data, id);
      mkdirSync(directory);
      const plan = { id, directory, workspace: '/codebuild', limits: LIMITS };
      const program = `
        const { createSandboxRuntime } = await import(${SANDBOX_MODULE});
        const runtime = createSandboxRuntime(${JSON.stringify({ directory: join(data, 'shared'), hidden: data, isolation })});
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
      const sandbox = await runtime.open(plan);
      assert.deepEqual(
        await sandbox.perform({ number: 1, heading: '', script: 'never' }, forever),
        exited(9),
      );
      sandbox.release();
      await runtime.kill(directory, 0);
      assert.equal(readFileSync(log, 'utf8'), 'started\ndone\n');
    });

    test('files that the server was started with do not reach the commands', async () => {
      const id = `test-${process.pid}-${++count}`;
      const directory = join(data, id);
      mkdirSync(directory);
      const plan = { id, directory, workspace: '/codebuild', limits: LIMITS };
      const options = { directory: join(data, 'shared'), hidden: data, isolation };
      const program = `
        const { createSandboxRuntime } = await import(${SANDBOX_MODULE});
        const runtime = createSandboxRuntime(${JSON.stringify(options)});
        const sandbox = await runtime.open(${JSON.stringify(plan)});
        const step = { number: 1, heading: '', script: 'ls /proc/1/fd | tr "\\\\n" " "; ls /proc/self/fd | tr "\\\\n" " "' };
        await sandbox.perform(step, new AbortController().signal);
        await runtime.kill('${directory}', 0);
        process.exit();`;
      const command = `exec ${process.execPath} --input-type=module-typescript -e "$0" 7<${join(data, 'secret')} 42<&7`;
      spawnSync('bash', ['-c', command, program]);
      const seen = readFileSync(join(directory, 'log'), 'utf8');
      assert.match(seen, / 0 1 2 3 $/);
      assert.doesNotMatch(seen, /\b(7|42)\b/);
    });

    test('a trial that a dead server left running is ended by the next one', async () => {
      const shared = join(data, `shared-${isolation}`);
      const directory = join(shared, 'probe-left');
      mkdirSync(directory, { recursive: true });
      const id = `test-${process.pid}-${++count}`;
      const plan = { id, directory, workspace: '/codebuild', limits: LIMITS };
      (await runtime.open(plan)).release();
      assert.ok(countProcesses(directory) > 0);
      const next = createSandboxRuntime({ directory: shared, hidden: data, isolation });
      assert.equal(await next.problem(), undefined);
      assert.equal(countProcesses(directory), 0);
      assert.equal(existsSync(directory), false);
    });

    test(
      'a user who is not root gets the same isolation',
      { skip: !isRoot || !asNobody(['unshare', '--user', '--map-root-user', 'true']) },
      () => {
        const folder = mkdtempSync(join(tmpdir(), 'slipway-nobody-'));
        const program = `
        const { createSandboxRuntime } = await import(${SANDBOX_MODULE});
        import { mkdirSync, readFileSync } from 'node:fs';
        const runtime = createSandboxRuntime({ directory: '${folder}/shared', hidden: '${folder}', isolation: '${isolation}' });
        const problem = await runtime.problem();
        if (problem) { console.log('problem', problem); process.exit(); }
        mkdirSync('${folder}/one');
        const sandbox = await runtime.open({ id: 'nobody-${process.pid}', directory: '${folder}/one', workspace: '/codebuild', limits: ${JSON.stringify(LIMITS)} });
        await sandbox.perform({ number: 1, heading: '', script: 'id -u; ls /proc | grep -c "^[0-9]"; [ -e ${folder} ] && echo visible; touch /codebuild/a /tmp/b /root/c && echo ok' }, new AbortController().signal);
        await runtime.kill('${folder}/one', 0);
        console.log(readFileSync(sandbox.logFile, 'utf8') + sandbox.facts.join());
        sandbox.release();`;
        spawnSync('chown', ['-R', '65534:65534', folder]);
        const result = asNobody([process.execPath, '--input-type=module-typescript', '-e', program]);
        rmSync(folder, { recursive: true, force: true });
        assert.match(result || '', /^0\n[2-6]\nok\n/);
      },
    );
  });
}

/** What a program says when it runs as another user, or `undefined` when it fails. */
function asNobody(command: readonly string[]): string | undefined {
  const result = spawnSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', ...command], {
    encoding: 'utf8',
  });
  if (result.status !== 0 && result.stderr) console.error(result.stderr);
  return result.status === 0 ? result.stdout || ' ' : undefined;
}

describe('the process runtime', () => {
  const runtime = createProcessRuntime();
  test('runs steps in the workspace, and kills what its session holds', async () => {
    await withSandbox(runtime, async ({ run, sandbox, directory, log }) => {
      assert.deepEqual(
        await run('echo $HOME; nohup sleep 8888 >/dev/null 2>&1 &', { heading: '[h]\n' }),
        exited(0),
      );
      assert.equal(countProcesses('sleep 8888'), 1);
      assert.match(sandbox.facts.join(), /NONE/);
      assert.equal(await log(), `[h]\n${directory}/home\n`);
      assert.equal(countProcesses('sleep 8888'), 0);
    });
  });
});

function countProcesses(text: string): number {
  const { stdout } = spawnSync('ps', ['axww', '-o', 'args='], { encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line.includes(text) && !line.startsWith('/bin/sh -c ps')).length;
}
