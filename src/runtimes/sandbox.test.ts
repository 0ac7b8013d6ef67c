/** Every promise of a sandbox, kept by both ways to make one, and without isolation by `process` where it applies. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { isStartedAndAlive } from './attached.ts';
import { createProcessRuntime } from './process.ts';
import { createSandboxRuntime } from './sandbox.ts';
import {
  countProcesses,
  exited,
  LIMITS,
  nextId,
  runtimeCases,
  withSandbox,
} from '#test/support/runtime-cases.ts';

const data = mkdtempSync(join(tmpdir(), 'slipway-runtimes-'));
after(() => rmSync(data, { recursive: true, force: true }));
writeFileSync(join(data, 'secret'), 'the key of the house');

const isRoot = process.getuid?.() === 0;
/** For the small programs that run in processes of their own. */
const SANDBOX_MODULE = JSON.stringify(import.meta.resolve('./sandbox.ts'));

for (const isolation of ['bubblewrap', 'namespaces'] as const) {
  const runtime = createSandboxRuntime({ directory: join(data, 'shared'), hidden: data, isolation });
  const problem = await runtime.problem();
  // The full test run (.ci/run) installs bubblewrap and fails when a suite is skipped.
  describe(`a sandbox made with ${isolation}`, { skip: problem }, () => {
    runtimeCases(() => ({
      runtime,
      data,
      plan: {},
      isAlive: isStartedAndAlive,
      program: `const { createSandboxRuntime } = await import(${SANDBOX_MODULE});
        const runtime = createSandboxRuntime(${JSON.stringify({ directory: join(data, 'shared'), hidden: data, isolation })});`,
    }));

    test('the commands see no file, process, key or environment of the machine', async () => {
      await withSandbox({ runtime, data, plan: {} }, async ({ run, log, directory }) => {
        const hidden = [
          join(data, 'secret'),
          directory,
          '/home/?*',
          '/root/.ssh',
          '/var/lib',
          '/etc/shadow',
          '/srv',
          '/boot',
          '/etc/hostname.real',
        ];
        const checks = hidden
          .map((path) => `for path in ${path}; do [ -e "$path" ] && echo "visible: $path"; done`)
          .join('\n');
        await run(`${checks}\nps ax -o pid= | wc -l >/dev/null; for p in /proc/[0-9]*; do [ "$(cat $p/comm 2>/dev/null)" = node ] && echo "visible: $p"; done
          env | cut -d= -f1 | sort | tr '\\n' ' '; echo; id -u; hostname; pwd; find /run /tmp /var /dev /codebuild /root -type s 2>/dev/null | head -3; echo $$ | grep -c .`);
        const text = await log();
        assert.doesNotMatch(text, /visible/);
        assert.match(text, /^((HOME|OLDPWD|PATH|PWD|SHLVL|_|container) )+\n0\nbuild\n\/codebuild\n1\n$/);
      });
    });

    test('root may add users and change its own copy of /etc, which no other sandbox sees', async () => {
      const script = `useradd --create-home builder && touch /etc/mine && echo fine
        setpriv --reuid=builder --regid=builder --init-groups sh -c 'id -un; touch ~builder/x && ls ~builder; touch /etc/x || echo not his' 2>/dev/null`;
      await withSandbox({ runtime, data, plan: {} }, async ({ run, log }) => {
        await run(script);
        const said = (await log()).trimEnd().split('\n');
        assert.equal(said[0], 'fine');
        if (isRoot) assert.deepEqual(said.slice(1), ['builder', 'x', 'not his']);
      });
      await withSandbox({ runtime, data, plan: {} }, async ({ run }) => {
        assert.deepEqual(await run('[ -e /etc/mine ] || id builder 2>/dev/null'), {
          ...exited(1),
        });
      });
    });

    test('the programs of the machine cannot be changed, and no privilege can be gained', async () => {
      await withSandbox({ runtime, data, plan: {} }, async ({ run, log }) => {
        const forbidden = [
          'touch /usr/x',
          'touch /etc/ssl/x',
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

    test('files that the server was started with do not reach the commands', async () => {
      const id = nextId();
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
      const id = nextId();
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
    await withSandbox({ runtime, data, plan: {} }, async ({ run, sandbox, directory, log }) => {
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
