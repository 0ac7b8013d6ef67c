/** HTTPS with the operator's certificate: the AWS CLI, git and plain requests, and what is refused before it serves. */

import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { cliSkip } from '#test/support/other-clients.ts';

const SLIPWAY = resolve(import.meta.dirname, '../../bin/slipway');

let directory: string;
const file = (name: string) => join(directory, name);
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'slipway-tls-'));
  makeCertificate('server');
  makeCertificate('other');
});
after(() => rmSync(directory, { recursive: true, force: true }));

function makeCertificate(name: string): void {
  const names = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const files = ['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)];
  execFileSync('openssl', ['req', '-x509', ...kind, ...files, ...names], { stdio: 'ignore' });
}

const environment = () => ({ PATH: process.env['PATH'], HOME: directory });
const parameters = (...extra: string[]) => ['serve', '--data', file('data'), ...extra];

function refusal(...extra: string[]): string {
  const { status, stderr } = spawnSync(SLIPWAY, parameters('--listen', '127.0.0.1:0', ...extra), {
    encoding: 'utf8',
    timeout: 30_000,
    env: environment(),
  });
  assert.equal(status, 1);
  return stderr;
}

test('a certificate without its own key is refused', () => {
  assert.equal(
    refusal('--tls-cert', file('server.pem')),
    'slipway: TLS needs both --tls-cert and --tls-key.\n',
  );
  assert.match(
    refusal('--tls-cert', file('server.pem'), '--tls-key', file('other.key')),
    /is not that of the certificate/,
  );
});

test('the AWS CLI and git trust the certificate, and no others get in', { skip: cliSkip }, async () => {
  const tls = ['--tls-cert', file('server.pem'), '--tls-key', file('server.key')];
  const child = spawn(SLIPWAY, parameters('--listen', '127.0.0.1:0', ...tls), {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: environment(),
  });
  const ended = new Promise((done) => child.once('exit', done));
  try {
    const url = await new Promise<string>((done, fail) => {
      child.once('exit', () => fail(new Error('the server ended')));
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        const found = /^slipway ready (https:\/\/127\.0\.0\.1:\d+)\n$/.exec(text)?.[1];
        if (found) done(found);
      });
    });
    await assert.rejects(fetch(`${url}/_slipway/health`), 'an unknown authority is not trusted');
    await assert.rejects(
      fetch(`${url.replace('https', 'http')}/_slipway/health`),
      'plain HTTP is not served',
    );
    const variables = JSON.parse(
      execFileSync(SLIPWAY, ['env', '--data', file('data'), '--json'], {
        encoding: 'utf8',
        env: environment(),
      }),
    );
    assert.equal(variables.AWS_ENDPOINT_URL, url);
    const env = { ...environment(), ...variables, AWS_CA_BUNDLE: file('server.pem'), AWS_PAGER: '' };
    const made = execFileSync('aws', ['codecommit', 'create-repository', '--repository-name', 'over-tls'], {
      encoding: 'utf8',
      env,
    });
    const cloneUrl = JSON.parse(made).repositoryMetadata.cloneUrlHttp as string;
    assert.equal(cloneUrl, `${url}/v1/repos/over-tls`);
    const git = spawnSync('git', ['ls-remote', cloneUrl], {
      encoding: 'utf8',
      env: { ...environment(), GIT_SSL_CAINFO: file('server.pem'), GIT_TERMINAL_PROMPT: '0' },
    });
    assert.match(git.stderr, /could not read Username/, 'the connection stands; credentials are asked for');
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
});
