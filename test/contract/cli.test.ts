/** The command line as outsiders rely on it: help, one ready line, signals, plain errors, and nothing secret printed. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';

const SLIPWAY = resolve(import.meta.dirname, '../../bin/slipway');
const ENDS_MS_MAX = 10_000;

let directory: string;
before(() => void (directory = mkdtempSync(join(tmpdir(), 'slipway-cli-'))));
after(() => rmSync(directory, { recursive: true, force: true }));

function slipway(...parameters: string[]) {
  const { status, stdout, stderr } = spawnSync(SLIPWAY, parameters, {
    encoding: 'utf8',
    timeout: 30_000,
    env: { PATH: process.env['PATH'], HOME: directory },
  });
  return { status, stdout, stderr };
}

/** A server, the lines it prints, and how it ends. */
function serve(data: string, ...extra: string[]) {
  const child = spawn(SLIPWAY, ['serve', '--data', data, '--listen', '127.0.0.1:0', ...extra], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: directory },
  });
  let stdout = '';
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  const ready = new Promise<string>((resolve, reject) => {
    child.once('exit', () => reject(new Error(stderr)));
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
      const url = /^slipway ready (http:\/\/\S+)\n$/.exec(stdout)?.[1];
      if (url) resolve(url);
    });
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { child, ready, ended, output: () => ({ stdout, stderr }) };
}

test('every command has help, and help succeeds', () => {
  assert.match(slipway('--help').stdout, /serve[\s\S]*env[\s\S]*agent[\s\S]*doctor[\s\S]*watch/);
  for (const command of ['serve', 'env', 'agent', 'worker', 'doctor', 'check', 'run', 'watch']) {
    const { status, stdout } = slipway(command, '--help');
    assert.equal(status, 0, command);
    assert.match(stdout, /^Usage: slipway /);
  }
});

test('a wrong command or option is one plain sentence on standard error, and fails', () => {
  for (const parameters of [['launch'], ['serve', '--port', '1'], ['serve', '--listen', 'here'], ['watch']]) {
    const { status, stdout, stderr } = slipway(...parameters);
    assert.equal(status, 1, parameters.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, /^error: .+\n(\(Did you mean .+\)\n)?\(slipway --help shows what there is\)\n$/);
  }
});

test('listening beyond loopback without TLS is refused unless it is wanted by name', () => {
  const { status, stderr } = slipway('serve', '--data', join(directory, 'open'), '--listen', '0.0.0.0:0');
  assert.equal(status, 1);
  assert.match(stderr, /^slipway: Listening on 0\.0\.0\.0 without TLS .* --insecure-listen\.\n$/);
});

test('quotas are those of the product or those of AWS', () => {
  const { status, stderr } = slipway('serve', '--data', join(directory, 'quotas'), '--quotas', 'gcp');
  assert.equal(status, 1);
  assert.equal(stderr, 'slipway: There are no quotas named gcp. Choose seed or aws.\n');
});

test('env before the first start says what would help', () => {
  const { status, stdout, stderr } = slipway('env', '--data', join(directory, 'none'));
  assert.deepEqual([status, stdout], [1, '']);
  assert.match(stderr, /holds no installation yet\. Start the server once with: slipway serve\n$/);
});

test('serve prints exactly one line, env finds it, SIGTERM ends it, and the key is private', async () => {
  const data = join(directory, 'data');
  const server = serve(data);
  const url = await server.ready;
  assert.equal((await fetch(`${url}/_slipway/health`)).status, 200);
  assert.deepEqual(await (await fetch(`${url}/_slipway/health`)).json(), { status: 'ok' });
  assert.match(await (await fetch(`${url}/_slipway/metrics`)).text(), /^# (HELP|TYPE) slipway_/m);
  const { stdout } = slipway('env', '--data', data);
  assert.match(
    stdout,
    new RegExp(`^export AWS_ENDPOINT_URL=${url}\nexport AWS_ACCESS_KEY_ID=AKIA[A-Z2-7]{17}\n`),
  );
  assert.equal(JSON.parse(slipway('env', '--data', data, '--json').stdout).AWS_ENDPOINT_URL, url);
  assert.equal(statSync(data).mode & 0o777, 0o700);
  assert.equal(statSync(join(data, 'credentials')).mode & 0o777, 0o600);

  const second = slipway('serve', '--data', data, '--listen', '127.0.0.1:0');
  assert.equal(second.status, 1);
  assert.match(second.stderr, /^slipway: .*(in use|another|already)/m);

  const from = Date.now();
  server.child.kill('SIGTERM');
  assert.equal(await server.ended, 0);
  assert.ok(Date.now() - from < ENDS_MS_MAX);
  assert.match(server.output().stdout, /^slipway ready \S+\n$/);
  const secret = /AWS_SECRET_ACCESS_KEY='?([^'\n]+)/.exec(stdout)?.[1] ?? 'none';
  assert.ok(!server.output().stderr.includes(secret), 'the log shows the secret key');
  for (const line of server.output().stderr.trim().split('\n')) assert.doesNotThrow(() => JSON.parse(line));
});

test('doctor says what works, as text and as JSON', () => {
  const findings = JSON.parse(slipway('doctor', '--data', join(directory, 'data'), '--json').stdout) as {
    what: string;
    state: string;
  }[];
  assert.equal(findings.find(({ what }) => what === 'git')?.state, 'works');
  assert.equal(findings.find(({ what }) => what === 'root key')?.state, 'works');
  assert.match(slipway('doctor', '--data', join(directory, 'data')).stdout, /^ok\s+git/m);
});
