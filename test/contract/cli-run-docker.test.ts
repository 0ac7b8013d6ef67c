/** `slipway run` in a container of a Docker Engine, and what is left of it there. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { dockerProblem, SHELL_PROGRAMS, startEngine, type TestEngine } from '#test/support/docker.ts';
import { until } from '#test/support/until.ts';

const SLIPWAY = resolve(import.meta.dirname, '../../bin/slipway');

describe('slipway run in an image', { skip: dockerProblem() }, () => {
  let engine: TestEngine;
  let directory: string;
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'slipway-cli-run-docker-'));
    mkdirSync(join(directory, 'tmp'));
    engine = await startEngine();
    await engine.makeImage('tools:1', SHELL_PROGRAMS, ['ENV OF_IMAGE=yes']);
  });
  after(async () => {
    await engine?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const environment = () => ({
    PATH: process.env['PATH'],
    HOME: directory,
    TMPDIR: join(directory, 'tmp'),
    SLIPWAY_DOCKER_SOCKET: engine.socketPath,
  });
  function project(name: string, commands: readonly string[]): string {
    const folder = join(directory, name);
    mkdirSync(folder);
    const buildspec = { version: '0.2', phases: { build: { commands } }, artifacts: { files: ['made'] } };
    writeFileSync(join(folder, 'buildspec.yml'), JSON.stringify(buildspec));
    return folder;
  }

  test('the image is the world of the build, and its artifact comes out', async () => {
    const folder = project('plain', ['echo "of image: $OF_IMAGE"', 'echo x > made']);
    const parameters = ['run', '-i', 'tools:1', '-a', join(directory, 'out'), '--unpack'];
    const { status, stdout, stderr } = spawnSync(SLIPWAY, parameters, {
      cwd: folder,
      encoding: 'utf8',
      env: environment(),
    });
    assert.equal(stderr, '');
    assert.equal(status, 0, stdout);
    assert.match(stdout, /\nof image: yes\n/);
    assert.equal(readFileSync(join(directory, 'out/made'), 'utf8'), 'x\n');
    assert.deepEqual(readdirSync(join(directory, 'tmp')), []);
    assert.deepEqual(await engine.containers('all'), []);
  });

  test('an image that is not there fails the build with the words of the engine', () => {
    const { status, stdout } = spawnSync(SLIPWAY, ['run', '-i', 'none:1'], {
      cwd: project('none', ['true']),
      encoding: 'utf8',
      env: environment(),
    });
    assert.equal(status, 1);
    assert.match(stdout, / {2}PROVISIONING FAILED: BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE: Unable to pull/);
  });

  test('Ctrl-C ends the container and leaves nothing in the engine', async () => {
    const child = spawn(SLIPWAY, ['run', '-i', 'tools:1'], {
      cwd: project('endless', ['echo begun', 'sleep 7781']),
      env: environment(),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
    const ended = new Promise<number | null>((done) => child.once('exit', done));
    await until('the command', 60_000, () => printed.includes('\nbegun\n') || undefined);
    child.kill('SIGINT');
    assert.equal(await ended, 130);
    assert.deepEqual(await engine.containers('all'), []);
    assert.deepEqual(readdirSync(join(directory, 'tmp')), []);
  });
});
