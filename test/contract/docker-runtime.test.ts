/** The promises of every runtime, and those of the docker runtime alone, kept by a real engine of this test's own. */

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createDockerRuntime } from '#runtimes/docker/docker.ts';
import { parseBuildNetwork } from '#runtimes/egress.ts';
import { ImageProblem, type Runtime } from '#runtimes/runtime.ts';
import { dockerProblem, SHELL_PROGRAMS, startEngine, type TestEngine } from '#test/support/docker.ts';
import {
  exited,
  LIMITS,
  nextId,
  runtimeCases,
  withSandbox,
  type RuntimeSubject,
} from '#test/support/runtime-cases.ts';

describe('a container of a Docker Engine', { skip: dockerProblem() }, () => {
  const data = mkdtempSync(join(tmpdir(), 'slipway-docker-runtime-'));
  let engine: TestEngine;
  let runtime: Runtime;
  let subject: RuntimeSubject;

  before(async () => {
    engine = await startEngine();
    await engine.makeImage('tools:1', SHELL_PROGRAMS, [
      'ENV OF_IMAGE=yes',
      'USER nobody',
      'ENTRYPOINT ["false"]',
    ]);
    const options = { socketPath: engine.socketPath };
    runtime = createDockerRuntime(options);
    const id = (await runtime.images?.find('tools:1')) ?? '';
    subject = {
      runtime,
      data,
      plan: { image: { id, isPrivileged: false } },
      isAlive: async () => (await engine.containers('running')).length > 0,
      program: `const { createDockerRuntime } = await import(${JSON.stringify(import.meta.resolve('#runtimes/docker/docker.ts'))});
        const runtime = createDockerRuntime(${JSON.stringify(options)});`,
    };
  });
  after(async () => {
    await engine?.close();
    rmSync(data, { recursive: true, force: true });
  });

  runtimeCases(() => subject);

  test('it is the image, with its variables and its home, and nothing of the machine', async () => {
    writeFileSync(join(data, 'secret'), 'x');
    await withSandbox(subject, async ({ run, log }) => {
      const script = `echo $OF_IMAGE $HOME $(cat /root/of-the-image); pwd; id -u; hostname
        [ -e ${data} ] || [ -e /var/run/docker.sock ] || [ -e /run/docker.sock ] && echo visible
        touch /codebuild/readonly/x 2>/dev/null || echo refused
        mount -t tmpfs none /tmp 2>/dev/null || echo refused
        grep NoNewPrivs /proc/self/status; grep CapBnd /proc/self/status`;
      assert.deepEqual(await run(script), exited(0));
      assert.equal(
        await log(),
        'yes /root kept\n/codebuild\n0\nbuild\nrefused\nrefused\nNoNewPrivs:\t1\nCapBnd:\t00000000800000fb\n',
      );
    });
  });

  test('what the commands write lies where the server finds it, home and workspace', async () => {
    await withSandbox(subject, async ({ sandbox, directory, run }) => {
      await run('echo a >/root/made; echo b >/codebuild/made; chmod 4755 /codebuild/made');
      assert.equal(readFileSync(join(directory, 'home/made'), 'utf8'), 'a\n');
      assert.equal(readFileSync(join(sandbox.workspaceDirectory, 'made'), 'utf8'), 'b\n');
      assert.equal(sandbox.home, '/root');
      assert.match(
        sandbox.facts.join('\n'),
        /^Isolation: container [0-9a-f]{12} of Docker \d.*\nLimits: memory 256 MiB/,
      );
    });
  });

  test('nothing is left in the engine of a container that was killed, nor of one that was only made', async () => {
    await withSandbox(subject, async ({ run, directory }) => {
      await run('sleep 1000 &');
      await runtime.kill(directory, 0);
      assert.deepEqual([await engine.containers(), await engine.volumes()], [[], []]);
      await runtime.kill(directory, 0);
    });
    const directory = join(data, nextId());
    mkdirSync(directory);
    await runtime.kill(directory, 0);
  });

  test('a container that somebody removed is a death with that reason, also for whoever opens it later', async () => {
    await withSandbox(subject, async ({ sandbox, id, directory, run }) => {
      assert.deepEqual(await run('true'), exited(0));
      const step = run('sleep 1000');
      await engine.removeContainer(`slipway-${id}`);
      assert.equal((await step).type, 'died');
      sandbox.release();
      const plan = { id, directory, workspace: '/codebuild', limits: LIMITS };
      const again = await runtime.open(plan);
      assert.equal(again.attached, true);
      const end = await again.perform(
        { number: 9, heading: '', script: 'true' },
        AbortSignal.timeout(10_000),
      );
      assert.deepEqual(end, { type: 'died', reason: 'its container is gone' });
      again.release();
    });
  });

  test('a container of the same name that is another’s is neither taken nor ended', async () => {
    const [one, two] = [join(data, 'one'), join(data, 'two')];
    for (const directory of [one, two]) mkdirSync(directory);
    const plan = { id: nextId(), workspace: '/codebuild', limits: LIMITS, ...subject.plan };
    const sandbox = await runtime.open({ ...plan, directory: one });
    await assert.rejects(
      runtime.open({ ...plan, directory: two }),
      /is there already, and is not of this server/,
    );
    await runtime.kill(two, 0);
    assert.equal((await engine.containers('running')).length, 1);
    sandbox.release();
    await runtime.kill(one, 0);
  });

  test('an image without a shell is told in the words of the engine', async () => {
    await engine.makeImage('empty:1', ['true']);
    const directory = join(data, nextId());
    mkdirSync(directory);
    const id = (await runtime.images?.find('empty:1')) ?? '';
    const opening = runtime.open({
      id: nextId(),
      directory,
      workspace: '/codebuild',
      limits: LIMITS,
      image: { id, isPrivileged: false },
    });
    await assert.rejects(
      opening,
      (error: Error) => error instanceof ImageProblem && /\/bin\/sh/.test(error.message),
    );
    await runtime.kill(directory, 0);
    assert.deepEqual(await engine.containers(), []);
  });

  test('an absent engine, an absent image and a bad name are told', async () => {
    const absent = createDockerRuntime({ socketPath: join(data, 'no.sock') });
    assert.equal(await absent.problem(), `there is no Docker Engine at ${join(data, 'no.sock')}`);
    assert.equal(await runtime.problem(), undefined);
    assert.equal(await runtime.images?.find('nobody/none:7'), undefined);
    const signal = AbortSignal.timeout(30_000);
    await assert.rejects(runtime.images?.pull('127.0.0.1:9/none:1', undefined, signal) ?? Promise.resolve(), {
      name: 'ImageProblem',
      message: /127\.0\.0\.1:9.*connection refused/,
    });
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const stopped = new AbortController();
    const reference = `127.0.0.1:${(silent.address() as AddressInfo).port}/none:1`;
    const pulling = runtime.images?.pull(reference, undefined, stopped.signal);
    silent.once('connection', () => stopped.abort(new Error('the build is stopped')));
    await assert.rejects(pulling ?? Promise.resolve(), /the build is stopped/);
    silent.closeAllConnections();
    silent.close();
    await assert.rejects(
      runtime.images?.find('../containers') ?? Promise.resolve(),
      /invalid reference format/,
    );
    assert.ok(existsSync(engine.socketPath));
  });

  test('a container that was made and not written down is found by its name, and not made twice', async () => {
    const directory = join(data, nextId());
    mkdirSync(directory);
    const plan = { id: nextId(), directory, workspace: '/codebuild', limits: LIMITS, ...subject.plan };
    const first = await runtime.open(plan);
    first.release();
    const containers = await engine.containers();
    rmSync(join(directory, 'container'));
    const again = await runtime.open(plan);
    assert.deepEqual(await engine.containers(), containers);
    const end = await again.perform(
      { number: 1, heading: '', script: 'exit 3' },
      AbortSignal.timeout(10_000),
    );
    assert.deepEqual(end, exited(3));
    again.release();
    await runtime.kill(directory, 0);
    assert.deepEqual(await engine.containers(), []);
  });

  describe('and its network', () => {
    const slipway = createServer((_request, response) => response.end('endpoint'));
    const beside = createServer((_request, response) => response.end('beside'));
    const urlOf = (server: typeof slipway) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    before(async () => {
      for (const server of [slipway, beside]) {
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      }
    });
    after(() => {
      for (const server of [slipway, beside]) server.close();
    });

    /** What two looks print, the second by whoever opens the container again. */
    async function look(setting: string): Promise<string> {
      const network = parseBuildNetwork(setting);
      const limited = createDockerRuntime({ socketPath: engine.socketPath, network });
      const directory = join(data, nextId());
      mkdirSync(directory);
      const endpoint = urlOf(slipway);
      const plan = {
        id: nextId(),
        directory,
        workspace: '/codebuild',
        limits: LIMITS,
        endpoint,
        ...subject.plan,
      };
      const get = (url: string) => `curl -s -m 5 --noproxy '*' ${url} || printf none; echo`;
      const script = `${get(endpoint)}; ${get(urlOf(beside))}; curl -s -m 5 -o /dev/null -w '%{http_code}\\n' --noproxy '' ${urlOf(beside)}; true`;
      for (const number of [1, 2]) {
        const sandbox = await limited.open(plan);
        await sandbox.perform({ number, heading: '', script }, AbortSignal.timeout(30_000));
        sandbox.release();
      }
      await limited.kill(directory, 0);
      return readFileSync(join(directory, 'log'), 'utf8');
    }

    test('off leads nowhere', async () => {
      assert.equal(await look('off'), 'none\nnone\n000\n'.repeat(2));
    });

    test('allow leads to the endpoint and through a proxy that refuses this machine, also for who comes again', async () => {
      assert.equal(await look('allow:public'), 'endpoint\nnone\n403\n'.repeat(2));
    });

    test('on is the network of the machine', async () => {
      assert.equal(await look('on'), 'endpoint\nbeside\n200\n'.repeat(2));
    });
  });
});

test(
  'an engine that ends takes its containers along, and that is told',
  { skip: dockerProblem() },
  async () => {
    const data = mkdtempSync(join(tmpdir(), 'slipway-docker-ended-'));
    const engine = await startEngine();
    let isOpen = true;
    try {
      await engine.makeImage('tools:1', SHELL_PROGRAMS);
      const runtime = createDockerRuntime({ socketPath: engine.socketPath });
      const image = { id: (await runtime.images?.find('tools:1')) ?? '', isPrivileged: false };
      const sandbox = await runtime.open({
        id: nextId(),
        directory: data,
        workspace: '/codebuild',
        limits: LIMITS,
        image,
      });
      const step = sandbox.perform(
        { number: 1, heading: '', script: 'sleep 600' },
        AbortSignal.timeout(30_000),
      );
      isOpen = false;
      await engine.close();
      assert.equal((await step).type, 'died');
      sandbox.release();
      await assert.rejects(runtime.kill(data, 0), /the Docker Engine at .* cannot be asked/);
    } finally {
      if (isOpen) await engine.close();
      rmSync(data, { recursive: true, force: true });
    }
  },
);

test(
  'an engine that dies leaves its containers, whose steps end as they would',
  { skip: dockerProblem() },
  async () => {
    const data = mkdtempSync(join(tmpdir(), 'slipway-docker-died-'));
    const engine = await startEngine();
    try {
      await engine.makeImage('tools:1', SHELL_PROGRAMS);
      const runtime = createDockerRuntime({ socketPath: engine.socketPath });
      const image = { id: (await runtime.images?.find('tools:1')) ?? '', isPrivileged: false };
      const plan = { id: nextId(), directory: data, workspace: '/codebuild', limits: LIMITS, image };
      const sandbox = await runtime.open(plan);
      const script = 'while [ ! -e /codebuild/go ]; do sleep 0.1; done; exit 5';
      const step = sandbox.perform({ number: 1, heading: '', script }, AbortSignal.timeout(30_000));
      await engine.crash();
      writeFileSync(join(data, 'workspace/go'), '');
      assert.deepEqual(await step, exited(5));
      sandbox.release();
    } finally {
      await engine.close();
      rmSync(data, { recursive: true, force: true });
    }
  },
);

/** A user of this machine that has users below it, as `useradd` gives them. */
function mappableUser(): string | undefined {
  if (!existsSync('/etc/subuid') || !existsSync('/etc/subgid')) return undefined;
  const names = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':')[0]);
  const mapped = (path: string) =>
    readFileSync(path, 'utf8')
      .split('\n')
      .map((line) => line.split(':')[0] ?? '');
  return mapped('/etc/subuid').find((name) => names.includes(name) && mapped('/etc/subgid').includes(name));
}

const user = mappableUser();
const mappingProblem =
  dockerProblem() ?? (user === undefined && 'wants a user with users below it in /etc/subuid');

test('under an engine that maps users, root inside is nobody outside', { skip: mappingProblem }, async () => {
  const data = mkdtempSync(join(tmpdir(), 'slipway-docker-mapped-'));
  const engine = await startEngine(['--userns-remap', user ?? '']);
  const runtime = createDockerRuntime({
    socketPath: engine.socketPath,
    network: parseBuildNetwork('allow:'),
  });
  try {
    await engine.makeImage('tools:1', SHELL_PROGRAMS);
    const id = (await runtime.images?.find('tools:1')) ?? '';
    const endpoint = createServer((_request, response) => response.end('endpoint'));
    await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}`;
    const subject = { runtime, data, plan: { image: { id, isPrivileged: false }, endpoint: url } };
    await withSandbox(subject, async ({ run, sandbox, directory, log }) => {
      assert.deepEqual(
        await run(`id -u; echo x >/codebuild/x; touch /usr/bin/z; curl -s ${url}; echo`),
        exited(0),
      );
      const { uid } = statSync(join(directory, 'workspace/x'));
      assert.notEqual(uid, 0);
      assert.equal(sandbox.owner?.uid, uid);
      assert.match(sandbox.facts.join(), new RegExp(`root inside is user ${uid} of this machine`));
      assert.equal(await log(), '0\nendpoint\n');
    });
    endpoint.close();
    const directory = join(data, nextId());
    mkdirSync(directory);
    const image = { id, isPrivileged: true };
    const allowed = createDockerRuntime({
      socketPath: engine.socketPath,
      network: parseBuildNetwork('allow:'),
      arePrivilegedAllowed: true,
    });
    await assert.rejects(
      allowed.open({ id: nextId(), directory, workspace: '/codebuild', limits: LIMITS, image }),
      /needs one around it that is root of this machine/,
    );
  } finally {
    await engine.close();
    rmSync(data, { recursive: true, force: true });
  }
});
