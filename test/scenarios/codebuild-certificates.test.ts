/** Sources of servers with an authority of their own: refused, trusted by a certificate of the project, or by anybody. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import forge from 'node-forge';
import { connectBuilds, contextOf, createBuildRole, spec, type BuildClients } from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

const root = mkdtempSync(join(tmpdir(), 'slipway-certificates-'));
const { key, cert } = createCertificate();
let house: TestHouse;
let clients: BuildClients;
let provider: Server;
let location: string;

before(async () => {
  await openProvider();
  house = await createTestHouse({ serverEnvironment: { SLIPWAY_BUILD_NETWORK: 'on' } });
  clients = connectBuilds(house);
  await createBuildRole(clients.iam);
  await clients.s3.createBucket({ Bucket: 'trust' });
  await clients.s3.putObject({ Bucket: 'trust', Key: 'server.pem', Body: cert });
  await clients.s3.putObject({ Bucket: 'trust', Key: 'nonsense.pem', Body: 'nothing of the kind' });
  writeFileSync(join(root, 'server.pem'), cert);
  execFileSync('python3', ['-m', 'zipfile', '-c', 'server.zip', 'server.pem'], { cwd: root });
  await clients.s3.putObject({
    Bucket: 'trust',
    Key: 'server.zip',
    Body: readFileSync(join(root, 'server.zip')),
  });
});
after(async () => {
  clients.close();
  provider.close();
  await house.close();
  rmSync(root, { recursive: true, force: true });
});

function createCertificate(): { readonly key: string; readonly cert: string } {
  const keys = forge.pki.rsa.generateKeyPair(2048);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = keys.publicKey;
  certificate.serialNumber = '01';
  certificate.validity.notBefore = new Date(Date.now() - 60_000);
  certificate.validity.notAfter = new Date(Date.now() + 3_600_000);
  const name = [{ name: 'commonName', value: '127.0.0.1' }];
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.setExtensions([{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }]);
  certificate.sign(keys.privateKey, forge.md.sha256.create());
  return { key: forge.pki.privateKeyToPem(keys.privateKey), cert: forge.pki.certificateToPem(certificate) };
}

async function openProvider(): Promise<void> {
  mkdirSync(join(root, 'work'));
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=d', '-c', 'user.email=d@example.com', ...args], {
      cwd: join(root, 'work'),
    });
  git('init', '-q', '-b', 'main');
  writeFileSync(join(root, 'work', 'a'), 'the source\n');
  git('add', '-A');
  git('commit', '-qm', 'one');
  git('update-server-info');
  provider = createServer({ key, cert }, (request, response) => {
    const path = new URL(request.url ?? '', 'https://x').pathname.replace('/acme/shop.git/', '');
    const file = join(root, 'work', '.git', path);
    if (!existsSync(file) || !statSync(file).isFile()) return response.writeHead(404).end();
    response.writeHead(200).end(readFileSync(file));
  });
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
  location = `https://127.0.0.1:${(provider.address() as AddressInfo).port}/acme/shop.git`;
}

let count = 0;
async function run(source: object, certificate?: string) {
  const name = `trust-${++count}`;
  await clients.createProject(name, '', {
    source: {
      type: 'GITHUB_ENTERPRISE',
      location,
      buildspec: spec(['cat a', `curl -s ${location}/HEAD; true`]),
      ...source,
    },
    environment: {
      type: 'LINUX_CONTAINER',
      image: 'aws/codebuild/standard:7.0',
      computeType: 'BUILD_GENERAL1_SMALL',
      ...(certificate === undefined ? {} : { certificate }),
    },
  });
  return clients.run(name);
}

test('a server that nobody vouches for is refused, unless the project says that it does not care', async () => {
  assert.match(contextOf(await run({})) ?? '', /^CLIENT_ERROR: .*certificate/i);
  const build = await run({ insecureSsl: true });
  assert.equal(contextOf(build), undefined);
  // Only the sources are fetched so; the commands see a stranger.
  assert.deepEqual(await clients.output(build), ['the source']);
});

test('a certificate of the project is trusted by the fetch of its sources and by its commands', async () => {
  for (const certificate of ['trust/server.pem', 'arn:aws:s3:::trust/server.zip']) {
    const build = await run({}, certificate);
    assert.equal(contextOf(build), undefined);
    assert.equal(build.environment?.certificate, certificate);
    assert.deepEqual(await clients.output(build), ['the source', 'ref: refs/heads/main']);
  }
});

test('a certificate that cannot be had fails the build with the reason', async () => {
  assert.match(
    contextOf(await run({}, 'trust/nothing.pem')) ?? '',
    /^CLIENT_ERROR: Unable to download certificate from S3\. NoSuchKey: /,
  );
  assert.equal(
    contextOf(await run({}, 'trust/nonsense.pem')),
    'CLIENT_ERROR: Unable to download certificate from S3. trust/nonsense.pem holds no certificate in PEM form',
  );
});
