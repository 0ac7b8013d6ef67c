/**
 * HTTPS by `--tls auto`: the main story, from the push to the hosts, with the AWS CLI, boto3, git, builds and agents, each
 * told of the own authority as `slipway env` tells; and how certificates are renewed without anybody being cut off.
 */

import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:https';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { connect, getCACertificates, setDefaultCACertificates, type TLSSocket } from 'node:tls';
import { openServerCertificate } from '#store/tls-authority.ts';
import { botoSkip, cliSkip } from '#test/support/other-clients.ts';
import { createStory } from '#test/support/story.ts';
import { until } from '#test/support/until.ts';

const SLIPWAY = resolve(import.meta.dirname, '../../bin/slipway');
const DAY_MS = 86_400_000;
const WITHIN_MS = 30_000;

/** Not below /tmp, which the hosts of the story have for themselves. */
let directory: string;
let server: ChildProcess;
let url: string;
let variables: Readonly<Record<string, string>>;
const said: string[] = [];

const data = () => join(directory, 'data');
const plain = () => ({
  PATH: process.env['PATH'],
  HOME: directory,
  AWS_PAGER: '',
  AWS_CONFIG_FILE: '/dev/null',
});

before(async () => {
  directory = mkdtempSync('/var/tmp/slipway-tls-');
  server = spawn(SLIPWAY, ['serve', '--data', data(), '--listen', '127.0.0.1:0', '--tls', 'auto'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: plain(),
  });
  server.stderr?.setEncoding('utf8').on('data', (text: string) => said.push(text));
  url = await new Promise((done, fail) => {
    server.once('exit', () => fail(new Error(`the server ended: ${said.join('')}`)));
    server.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const found = /^slipway ready (https:\S+)\n$/.exec(text)?.[1];
      if (found) done(found);
    });
  });
  const printed = execFileSync(SLIPWAY, ['env', '--data', data(), '--json'], {
    encoding: 'utf8',
    env: plain(),
  });
  variables = JSON.parse(printed);
});
after(async () => {
  const ended = new Promise((done) => server.once('exit', done));
  server.kill('SIGTERM');
  await ended;
  rmSync(directory, { recursive: true, force: true });
});

const served = (socket: TLSSocket) => socket.getPeerX509Certificate()?.serialNumber;

function handshake(): Promise<string | undefined> {
  const { port } = new URL(url);
  const ca = readFileSync(variables['NODE_EXTRA_CA_CERTS'] ?? '');
  return new Promise((done, fail) => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), ca }, () => {
      done(served(socket));
      socket.end();
    });
    socket.once('error', fail);
  });
}

test('slipway env tells clients of the authority, beside those that they know', async () => {
  const {
    AWS_ENDPOINT_URL: endpoint,
    AWS_CA_BUNDLE: bundle = '',
    NODE_EXTRA_CA_CERTS: authority = '',
  } = variables;
  assert.equal(endpoint, url);
  assert.equal(variables['GIT_SSL_CAINFO'], bundle);
  assert.equal(variables['SSL_CERT_FILE'], bundle);
  assert.ok(readFileSync(bundle, 'utf8').startsWith(readFileSync(authority, 'utf8')));
  assert.ok(
    readFileSync(bundle, 'utf8').split('BEGIN CERTIFICATE').length > 50,
    'public authorities stay trusted',
  );
  for (const name of readdirSync(join(data(), 'tls'))) {
    assert.equal(statSync(join(data(), 'tls', name)).mode & 0o777, 0o600, name);
  }
  await assert.rejects(fetch(`${url}/_slipway/health`), 'who was not told trusts nobody');
});

test('slipway watch trusts the authority of its own data directory', () => {
  const { stderr } = spawnSync(SLIPWAY, ['watch', 'none', '--once', '--data', data()], {
    encoding: 'utf8',
    env: plain(),
    timeout: WITHIN_MS,
  });
  assert.match(stderr, /none/);
  assert.doesNotMatch(stderr, /certificate|fetch failed/);
});

test('the AWS CLI and boto3 work as slipway env tells them', { skip: cliSkip || botoSkip }, () => {
  const env = { ...plain(), ...variables };
  const identity = execFileSync('aws', ['sts', 'get-caller-identity'], { encoding: 'utf8', env });
  assert.match(identity, /:root"/);
  const script = `import boto3; s3 = boto3.client('s3'); s3.create_bucket(Bucket='over-tls');
s3.put_object(Bucket='over-tls', Key='a', Body=b'x' * 100000); print(s3.get_object(Bucket='over-tls', Key='a')['ContentLength'])`;
  assert.equal(execFileSync('python3', ['-c', script], { encoding: 'utf8', env }).trim(), '100000');
  const { AWS_CA_BUNDLE: _, ...untold } = env as Record<string, string>;
  const refused = spawnSync('aws', ['sts', 'get-caller-identity'], { encoding: 'utf8', env: untold });
  assert.match(refused.stderr, /SSL validation failed/);
});

test('a push becomes a build and a deployment over TLS', async () => {
  const authority = variables['NODE_EXTRA_CA_CERTS'] ?? '';
  // This process is told now, its children at their start, and git by the home that it is given.
  setDefaultCACertificates([...getCACertificates('default'), readFileSync(authority, 'utf8')]);
  process.env['NODE_EXTRA_CA_CERTS'] = authority;
  writeFileSync(join(directory, '.gitconfig'), `[http]\n\tsslCAInfo = ${variables['GIT_SSL_CAINFO']}\n`);
  const connection = () => ({
    endpoint: url,
    region: 'us-east-1',
    accessKeyId: variables['AWS_ACCESS_KEY_ID'] ?? '',
    secretAccessKey: variables['AWS_SECRET_ACCESS_KEY'] ?? '',
  });
  const story = await createStory(connection, directory, ['host-1']);
  try {
    const spec = story.read('buildspec.yml');
    const inside = `      - curl --silent --fail "$AWS_ENDPOINT_URL/_slipway/health"\n      - git ls-remote "$AWS_ENDPOINT_URL/v1/repos/none" 2>&1 | grep -q 'could not read Username'\n`;
    story.write('buildspec.yml', spec.replace('      - mkdir', `${inside}      - mkdir`));
    const before = await story.nextExecution(undefined);
    await story.commitAndPush('over TLS');
    const execution = await story.nextExecution(before);
    assert.equal(await story.approveAndFollow(execution), 'Succeeded');
  } finally {
    await story.close();
  }
});

test('SIGHUP brings a new certificate to new connections, and cuts off none', async () => {
  const before = await handshake();
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 1,
    ca: readFileSync(variables['NODE_EXTRA_CA_CERTS'] ?? ''),
  });
  const ask = () =>
    new Promise<TLSSocket>((done, fail) => {
      get(`${url}/_slipway/health`, { agent }, (response) => {
        const socket = response.socket as TLSSocket;
        response.resume().once('end', () => done(socket));
      }).once('error', fail);
    });
  const standing = await ask();
  const name = readdirSync(join(data(), 'tls')).find((each) => each.startsWith('server-')) ?? '';
  rmSync(join(data(), 'tls', name));
  server.kill('SIGHUP');
  const renewed = await until('a new certificate', WITHIN_MS, async () => {
    const now = await handshake();
    return now === before ? undefined : now;
  });
  assert.equal(await ask(), standing, 'the connection that stood still stands');
  assert.equal(served(standing), before);
  // What cannot be read leaves the present certificate.
  writeFileSync(join(data(), 'tls', name), 'broken', { mode: 0o600 });
  server.kill('SIGHUP');
  await until('the complaint', WITHIN_MS, () => said.join('').includes('cannot be used') || undefined);
  assert.equal(await handshake(), renewed);
  rmSync(join(data(), 'tls', name));
  agent.destroy();
});

test('a certificate is renewed a month before it ends, and when the names change; the authority stays', () => {
  const other = join(directory, 'other');
  const now = Date.now();
  const first = openServerCertificate(other, ['localhost'], now);
  const authority = readFileSync(join(other, 'tls', 'ca.pem'), 'utf8');
  assert.deepEqual(openServerCertificate(other, ['localhost'], now + 59 * DAY_MS), first);
  const second = openServerCertificate(other, ['localhost'], now + 61 * DAY_MS);
  assert.notEqual(second.certificate, first.certificate);
  const named = new X509Certificate(openServerCertificate(other, ['build.example'], now).certificate);
  assert.equal(named.checkHost('build.example'), 'build.example');
  assert.ok(named.verify(new X509Certificate(authority).publicKey));
  assert.equal(readFileSync(join(other, 'tls', 'ca.pem'), 'utf8'), authority);
  assert.throws(
    () => openServerCertificate(other, ['localhost'], now + 19.9 * 365 * DAY_MS),
    /ends .* Move it away/,
  );
});

test('plain HTTP beyond loopback, and contradictions, are refused with a sentence that helps', () => {
  const refusal = (...parameters: string[]) => {
    const { status, stderr } = spawnSync(
      SLIPWAY,
      ['serve', '--data', join(directory, 'none'), ...parameters],
      {
        encoding: 'utf8',
        timeout: WITHIN_MS,
        env: plain(),
      },
    );
    assert.equal(status, 1);
    return stderr;
  };
  assert.match(
    refusal('--listen', '0.0.0.0:0'),
    /^slipway: Listening on 0\.0\.0\.0 without TLS would send secrets in the clear\. Say --tls auto, .* or allow it with --insecure-listen\.\n$/,
  );
  assert.match(refusal('--tls', 'off'), /--tls off is not understood\. Say auto\./);
  assert.match(refusal('--tls', 'auto', '--tls-key', 'x'), /not both/);
  assert.match(refusal('--tls-name', 'a.example'), /--tls-name is for --tls auto/);
  assert.match(refusal('--tls', 'auto', '--tls-name', 'a b'), /is no host name/);
});
