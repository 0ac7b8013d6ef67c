import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { chooseRuntime, dockerSocket } from './choice.ts';
import type { Runtime, Sandbox } from './runtime.ts';

const data = mkdtempSync(join(tmpdir(), 'slipway-choice-'));
after(() => rmSync(data, { recursive: true, force: true }));

const LIMITS = { memoryBytes: 1, cpus: 1, processes: 1, diskBytes: 1, openFiles: 1, seconds: 1 };
const image = { id: 'sha256:1', isPrivileged: false };
let count = 0;

/** Runtimes that only say what they were asked. */
function witnesses() {
  const said: string[] = [];
  const witness = (name: string, more: Partial<Runtime> = {}): Runtime => ({
    name,
    problem: () => Promise.resolve(`${name} is broken`),
    open: () => {
      said.push(`${name} opens`);
      return Promise.resolve({} as Sandbox);
    },
    kill: () => {
      said.push(`${name} kills`);
      return Promise.resolve();
    },
    ...more,
  });
  const images = {
    find: () => Promise.resolve(undefined),
    pull: () => Promise.resolve(''),
    privilegedProblem: undefined,
  };
  const runtimes = {
    sandbox: witness('sandbox'),
    docker: witness('docker', { images }),
    process: witness('process'),
  };
  return { said, runtimes };
}

function plan() {
  const directory = join(data, String(++count));
  mkdirSync(directory);
  return { id: `choice-${count}`, directory, workspace: '/codebuild', limits: LIMITS };
}

test('a plan with an image runs in docker, any other in a sandbox', async () => {
  const { said, runtimes } = witnesses();
  const auto = chooseRuntime('auto', runtimes);
  await auto.open(plan());
  await auto.open({ ...plan(), image });
  assert.deepEqual(said, ['sandbox opens', 'docker opens']);
  assert.equal(await auto.problem(), 'sandbox is broken');
  assert.equal(await auto.problem(true), 'docker is broken');
  assert.ok(auto.images);
});

test('the folder remembers its runtime, whatever the server is started with later', async () => {
  const { said, runtimes } = witnesses();
  const inImage = { ...plan(), image };
  await chooseRuntime('docker', runtimes).open(inImage);
  assert.equal(readFileSync(join(inImage.directory, 'runtime'), 'utf8'), 'docker');
  const { image: _, ...again } = inImage;
  const later = chooseRuntime('process', runtimes);
  await later.open(again);
  await later.kill(again.directory, 0);
  await later.kill(plan().directory, 0);
  assert.deepEqual(said, ['docker opens', 'docker opens', 'docker kills', 'process kills']);
});

test('who has no images says so, and who has only images too', async () => {
  const { runtimes } = witnesses();
  const [sandbox, docker] = [chooseRuntime('sandbox', runtimes), chooseRuntime('docker', runtimes)];
  assert.equal(sandbox.images, undefined);
  assert.equal(await sandbox.problem(true), 'this server was started with --runtime sandbox');
  assert.equal(await docker.problem(), 'this server was started with --runtime docker');
});

test('the engine is the one of the operator, of DOCKER_HOST when that is a socket, or the usual one', () => {
  const DOCKER_HOST = 'unix:///run/user/1000/docker.sock';
  assert.equal(dockerSocket({ SLIPWAY_DOCKER_SOCKET: '/x/docker.sock', DOCKER_HOST }), '/x/docker.sock');
  assert.equal(dockerSocket({ DOCKER_HOST }), '/run/user/1000/docker.sock');
  assert.equal(dockerSocket({ DOCKER_HOST: 'tcp://10.0.0.1:2375' }), '/var/run/docker.sock');
});
