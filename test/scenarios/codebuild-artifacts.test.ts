/** CodeBuild §11, artifacts and caches: scenarios 46, 47 and 54 to 59, with real files through the sandbox and S3. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ProjectCache } from '@aws-sdk/client-codebuild';
import {
  type BuildClients,
  connectBuilds,
  contextOf,
  createBuildRole,
  phasesOf,
} from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

let house: TestHouse;
let clients: BuildClients;
before(async () => {
  house = await createTestHouse();
  clients = connectBuilds(house);
  await createBuildRole(clients.iam, ['logs:*', 's3:*', 'kms:*']);
  await clients.s3.createBucket({ Bucket: 'out' });
});
after(async () => {
  clients.close();
  await house.close();
});

function buildspec(commands: readonly string[], more: object = {}): string {
  return JSON.stringify({ version: '0.2', phases: { build: { commands } }, ...more });
}

async function keys(Prefix: string): Promise<string[]> {
  const { Contents } = await clients.s3.listObjectsV2({ Bucket: 'out', Prefix });
  return (Contents ?? []).map((object) => object.Key ?? '');
}

let count = 0;
async function run(spec: string, artifacts: object) {
  const name = `a${++count}x`;
  await clients.createProject(name, spec, {
    artifacts: { type: 'S3', location: 'out', ...artifacts } as never,
  });
  return clients.run(name);
}

const texts = async (build: Parameters<BuildClients['log']>[0]) =>
  (await clients.log(build)).map((line) => line.replace(/^\[Container\] \S+ \S+ /, ''));

test('scenario 46: a site lies at the root of its bucket, not encrypted by a key', async () => {
  const spec = buildspec(['mkdir -p public/css; echo home > public/index.html; echo c > public/css/a.css'], {
    artifacts: { files: ['**/*'], 'base-directory': 'public' },
  });
  const build = await run(spec, { name: '/', packaging: 'NONE', encryptionDisabled: true });
  assert.equal(build.buildStatus, 'SUCCEEDED');
  assert.deepEqual(await keys(''), ['css/a.css', 'index.html']);
  const head = await clients.s3.headObject({ Bucket: 'out', Key: 'index.html' });
  assert.notEqual(head.ServerSideEncryption, 'aws:kms');
  assert.equal(head.Metadata?.['codebuild-buildarn'], build.arn);
});

test('scenario 47: the name of an artifact is evaluated only when it may replace the one of the project', async () => {
  const spec = buildspec(['echo x > x'], { artifacts: { files: ['x'], name: 'app-$(date +%Y-%m-%d)' } });
  const named = await run(spec, { packaging: 'ZIP', overrideArtifactName: true, path: 'named' });
  assert.match(named.artifacts?.location ?? '', /^arn:aws:s3:::out\/named\/app-\d{4}-\d\d-\d\d$/);
  const plain = await run(spec, { packaging: 'ZIP', path: 'plain' });
  assert.equal(plain.artifacts?.location, `arn:aws:s3:::out/plain/${plain.projectName}`);
});

test('scenario 54: one pattern without a match is told, all without one fail', async () => {
  const one = await run(buildspec(['echo x > x'], { artifacts: { files: ['x', 'nothing'] } }), {
    path: 'p54',
  });
  assert.equal(one.buildStatus, 'SUCCEEDED');
  assert.ok((await texts(one)).includes('Skipping invalid file path nothing'));
  const none = await run(buildspec(['true'], { artifacts: { files: ['nothing'] } }), {});
  assert.equal(contextOf(none), 'CLIENT_ERROR: no matching artifact paths found');
  assert.equal(none.buildStatus, 'FAILED');
});

test('scenario 55: a pattern as base directory with discarded paths flattens, exclude-paths removes', async () => {
  const commands = [
    'mkdir -p my-build1/a my-build2; echo 1 > my-build1/a/one.js; echo 2 > my-build2/two.js; echo m > my-build2/two.js.map',
  ];
  const artifacts = {
    files: ['**/*'],
    'base-directory': 'my-build*',
    'discard-paths': 'yes',
    'exclude-paths': '**/*.map',
  };
  const build = await run(buildspec(commands, { artifacts }), { path: 'flat', name: '/' });
  assert.equal(build.buildStatus, 'SUCCEEDED');
  assert.deepEqual(await keys('flat/'), ['flat/one.js', 'flat/two.js']);
});

test('scenario 56: a link out of the source is refused, one inside is kept', async () => {
  const out = await run(buildspec(['ln -s /etc/passwd p'], { artifacts: { files: ['**/*'] } }), {
    packaging: 'ZIP',
  });
  assert.match(contextOf(out) ?? '', /^CLIENT_ERROR: artifact p is a link that leads out/);
  const artifacts = { files: ['**/*'], 'enable-symlinks': 'yes' };
  const inside = await run(buildspec(['echo x > real; ln -s real link'], { artifacts }), {
    packaging: 'ZIP',
    path: 'links',
  });
  assert.equal(contextOf(inside), undefined);
  assert.match(await listing(`links/${inside.projectName}`), /^lrwxrwxrwx .* link$/m);
});

test('scenario 57: a ZIP carries its hashes and the ARN of its build, and the key of the project encrypts it', async () => {
  const { root } = house.slipway;
  const { KeyMetadata } = await root.send('kms:CreateKey', {});
  const name = 'hashed';
  await clients.createProject(name, buildspec(['echo x > x'], { artifacts: { files: ['x'] } }), {
    artifacts: { type: 'S3', location: 'out', packaging: 'ZIP', path: 'zip' },
    encryptionKey: KeyMetadata?.Arn,
  });
  const build = await clients.run(name);
  assert.equal(contextOf(build), undefined);
  const object = await clients.s3.getObject({ Bucket: 'out', Key: 'zip/hashed' });
  const bytes = (await object.Body?.transformToByteArray()) ?? new Uint8Array();
  const hash = (algorithm: string) => createHash(algorithm).update(bytes).digest('hex');
  assert.equal(build.artifacts?.sha256sum, hash('sha256'));
  assert.equal(build.artifacts.md5sum, hash('md5'));
  assert.equal(object.Metadata?.['codebuild-buildarn'], build.arn);
  assert.equal(object.Metadata?.['codebuild-content-sha256'], hash('sha256'));
  assert.equal(object.ServerSideEncryption, 'aws:kms');
  assert.equal(object.SSEKMSKeyId, KeyMetadata?.Arn);
});

const CACHED = {
  paths: ['node_modules/**/*', '~/.m2/**/*', '/etc/nothing'],
  key: 'k-$(codebuild-hash-files lock.json)',
  'fallback-keys': ['k-'],
};

/** Says what is there before it makes it; the lock decides the key. */
function cachedSpec(lock: string, cache: object = CACHED): string {
  return JSON.stringify({
    version: '0.2',
    phases: {
      install: { commands: ['cat node_modules/deep/kept 2>/dev/null; cat ~/.m2/jar 2>/dev/null; true'] },
      build: {
        commands: [
          `mkdir -p node_modules/deep ~/.m2; echo ${lock} > node_modules/deep/kept; ln -sf kept node_modules/deep/link; echo jar > ~/.m2/jar`,
        ],
      },
    },
    cache,
  });
}

/** The lock file is the source, so that the key is known when the cache is restored. */
async function cachedRun(name: string, lock: string, more: object = {}) {
  await clients.s3.putObject({ Bucket: 'out', Key: `locks/${lock}/lock.json`, Body: lock });
  return clients.run(name, {
    sourceTypeOverride: 'S3',
    sourceLocationOverride: `out/locks/${lock}/`,
    buildspecOverride: cachedSpec(lock),
    ...more,
  });
}

test('scenario 58: an unchanged lock hits, a changed one takes the newest of its prefix, an invalidation misses', async () => {
  await clients.createProject('cached', cachedSpec('one'), { cache: { type: 'S3', location: 'out/caches' } });
  const first = await cachedRun('cached', 'one');
  assert.equal(contextOf(first), undefined);
  const cold = await texts(first);
  assert.ok(
    cold.some((line) => /^No cache found for key k-[0-9a-f]{64}$/.test(line)),
    cold.join('\n'),
  );
  assert.ok(
    cold.some((line) => /^Saved cache of \d+ bytes$/.test(line)),
    cold.join('\n'),
  );
  assert.ok(
    cold.includes('Skipping cache path /etc/nothing: only the source folder and /root can be cached'),
  );
  assert.deepEqual(first.cache, { type: 'S3', location: 'out/caches' });

  const second = await cachedRun('cached', 'one');
  assert.deepEqual(await clients.output(second), ['one', 'jar']);
  const warm = await texts(second);
  assert.ok(warm.some((line) => /^Restored cache with key k-[0-9a-f]{64}$/.test(line)));
  assert.ok(warm.some((line) => /^Skip cache save due to: key k-[0-9a-f]{64} exists$/.test(line)));

  const third = await cachedRun('cached', 'two');
  assert.deepEqual(await clients.output(third), ['one', 'jar']);
  assert.ok((await texts(third)).includes('Restored cache with fallback key k-'));
  assert.equal((await keys('caches/')).length, 2);

  await clients.codebuild.invalidateProjectCache({ projectName: 'cached' });
  const fourth = await cachedRun('cached', 'two');
  assert.deepEqual(await clients.output(fourth), []);
  assert.deepEqual(await clients.output(await cachedRun('cached', 'two')), ['two', 'jar']);
});

test('a cache is saved by no failed build, and a broken one fails none', async () => {
  const cache = { type: 'S3', location: 'out/other' } as const;
  const failing = JSON.stringify({
    version: '0.2',
    phases: { build: { commands: ['echo x > x; false'] } },
    cache: { paths: ['x'] },
  });
  await clients.createProject('failing', failing, { cache });
  await clients.run('failing');
  assert.deepEqual(await keys('other/'), []);
  const good = failing.replace('; false', '');
  await clients.run('failing', { buildspecOverride: good });
  const [key = ''] = await keys('other/');
  const { Metadata } = await clients.s3.headObject({ Bucket: 'out', Key: key });
  await clients.s3.putObject({ Bucket: 'out', Key: key, Body: 'no archive', Metadata });
  const build = await clients.run('failing', { buildspecOverride: good });
  assert.equal(build.buildStatus, 'SUCCEEDED');
  assert.ok((await texts(build)).some((line) => line.startsWith('Unable to restore cache: ')));
  const away = await clients.run('failing', {
    buildspecOverride: good,
    cacheOverride: { type: 'S3', location: 'no-such-bucket-here' },
  });
  assert.equal(away.buildStatus, 'SUCCEEDED');
  assert.ok((await texts(away)).some((line) => line.startsWith('Unable to restore cache: ')));
});

test('scenario 59: projects share what has the same namespace, key and paths', async () => {
  const cache = (cacheNamespace: string) => ({ type: 'S3', location: 'out/shared', cacheNamespace }) as const;
  await clients.createProject('left', cachedSpec('one'), { cache: cache('team') });
  await clients.createProject('right', cachedSpec('one'), { cache: cache('team') });
  await clients.createProject('stranger', cachedSpec('one'), { cache: cache('others') });
  await cachedRun('left', 'one');
  assert.deepEqual(await clients.output(await cachedRun('right', 'one')), ['one', 'jar']);
  assert.deepEqual(await clients.output(await cachedRun('stranger', 'one')), []);
});

test('a local cache stays on the machine for its project until it is invalidated', async () => {
  const cache: ProjectCache = { type: 'LOCAL', modes: ['LOCAL_CUSTOM_CACHE'] };
  const spec = cachedSpec('here', { paths: ['node_modules'] });
  await clients.createProject('local', spec, { cache });
  assert.deepEqual(await clients.output(await clients.run('local')), []);
  const warm = await clients.run('local');
  assert.deepEqual(await clients.output(warm), ['here']);
  assert.deepEqual(warm.cache, cache);
  await clients.codebuild.invalidateProjectCache({ projectName: 'local' });
  assert.deepEqual(await clients.output(await clients.run('local')), []);
  await assert.rejects(clients.createProject('nothing', spec, { cache: { type: 'LOCAL' } }), {
    name: 'InvalidInputException',
    message: 'Invalid cache: at least one mode is required for cache type LOCAL',
  });
});

test('a build without a cache says so', async () => {
  const build = await run(buildspec(['true'], { artifacts: { files: ['**/*'] } }), {});
  assert.ok(phasesOf(build).length > 0);
  const lines = await texts(build);
  assert.ok(lines.includes('Cache is not defined in the buildspec'));
  assert.ok(lines.includes('Skip cache due to: no paths specified to be cached'));
});

async function listing(Key: string): Promise<string> {
  const { Body } = await clients.s3.getObject({ Bucket: 'out', Key });
  const path = join(house.directory, 'listed.zip');
  writeFileSync(path, (await Body?.transformToByteArray()) ?? '');
  return execFileSync('unzip', ['-Z', path], { encoding: 'utf8' });
}
