/** CodeBuild §7.4, scenario 67: what providers are told of the commits that are built. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connectBatches, createBatchRole, withConfig } from '#test/support/batches.ts';
import { connectBuilds, createBuildRole, spec, type BuildClients } from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

interface Told {
  readonly path: string;
  readonly credential: string | undefined;
  readonly body: Readonly<Record<string, string>>;
}

let house: TestHouse;
let clients: BuildClients;
let provider: Server;
let origin: string;
let commit: string;
const root = mkdtempSync(join(tmpdir(), 'slipway-statuses-'));
const told: Told[] = [];
const answers: number[] = [];

before(async () => {
  await openProvider();
  house = await createTestHouse({
    serverEnvironment: {
      SLIPWAY_BUILD_NETWORK: 'on',
      SLIPWAY_GITHUB_API: `${origin}/github`,
      SLIPWAY_GITLAB_API: `${origin}/gitlab/`,
      SLIPWAY_BITBUCKET_API: `${origin}/bitbucket`,
    },
  });
  clients = connectBuilds(house);
  await createBuildRole(clients.iam);
  for (const serverType of ['GITHUB', 'GITLAB', 'BITBUCKET'] as const) {
    const authType = 'PERSONAL_ACCESS_TOKEN';
    await clients.codebuild.importSourceCredentials({
      token: `token-of-${serverType}`,
      serverType,
      authType,
    });
  }
});
after(async () => {
  clients.close();
  provider.close();
  await house.close();
  rmSync(root, { recursive: true, force: true });
});

/** A provider as far as git sees it, files over HTTP, and as far as its API is told of statuses. */
async function openProvider(): Promise<void> {
  mkdirSync(join(root, 'work'));
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=d', '-c', 'user.email=d@example.com', ...args], {
      cwd: join(root, 'work'),
      encoding: 'utf8',
    }).trim();
  git('init', '-q', '-b', 'main');
  writeFileSync(join(root, 'work', 'a'), 'a');
  git('add', '-A');
  git('commit', '-qm', 'one');
  git('update-server-info');
  commit = git('rev-parse', 'HEAD');
  provider = createServer((request, response) => {
    const path = request.url ?? '';
    if (request.method === 'POST') {
      let text = '';
      request.on('data', (part: Buffer) => (text += part.toString()));
      request.on('end', () => {
        const credential =
          request.headers.authorization ?? (request.headers['private-token'] as string | undefined);
        told.push({ path, credential, body: JSON.parse(text) as Told['body'] });
        response.writeHead(answers.shift() ?? 201).end();
      });
      return;
    }
    const file = join(
      root,
      'work',
      '.git',
      new URL(path, 'http://x').pathname.replace('/acme/shop.git/', ''),
    );
    if (!existsSync(file) || !statSync(file).isFile()) return response.writeHead(404).end();
    response.writeHead(200).end(readFileSync(file));
  });
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
}

async function run(
  name: string,
  type: 'GITHUB' | 'GITLAB' | 'BITBUCKET',
  command: string,
  more: object = {},
) {
  told.length = 0;
  await clients.createProject(name, '', {
    source: {
      type,
      location: `${origin}/acme/shop.git`,
      buildspec: spec([command]),
      reportBuildStatus: true,
      ...more,
    },
  });
  return clients.run(name);
}

const count = (number: number) =>
  until(`${number} statuses`, 20_000, () => (told.length >= number ? told : undefined));

test('scenario 67: GitHub hears of the build by the context of the project, first pending and then how it ended', async () => {
  const build = await run('shop', 'GITHUB', 'true', {
    buildStatusConfig: {
      context: 'ci $CODEBUILD_BUILD_NUMBER of ${CODEBUILD_INITIATOR}',
      targetUrl: 'https://ci.example.com/$CODEBUILD_BUILD_ID',
    },
  });
  assert.equal(build.buildStatus, 'SUCCEEDED');
  const status = (state: string, verb: string) => ({
    path: `/github/repos/acme/shop/statuses/${commit}`,
    credential: 'Bearer token-of-GITHUB',
    body: {
      state,
      context: 'ci 1 of root',
      description: `Build ${verb} for project shop`,
      target_url: `https://ci.example.com/${build.id}`,
    },
  });
  assert.deepEqual(await count(2), [status('pending', 'started'), status('success', 'succeeded')]);
  const log = (await clients.log(build)).join('\n');
  assert.ok(!log.includes('token-of-GITHUB') && !log.includes('not told'));
});

test('scenario 67: GitLab and Bitbucket hear of it in their words, with a context of the service', async () => {
  await run('lab', 'GITLAB', 'exit 3');
  assert.deepEqual(
    (await count(2)).map(({ path, credential, body }) => [path, credential, body['state'], body['name']]),
    ['running', 'failed'].map((state) => [
      `/gitlab/projects/acme%2Fshop/statuses/${commit}`,
      'token-of-GITLAB',
      state,
      'AWS CodeBuild us-east-1 (lab)',
    ]),
  );
  await run('bucket', 'BITBUCKET', 'true');
  assert.deepEqual(
    (await count(2)).map(({ path, credential, body }) => [path, credential, body['state'], body['key']]),
    ['INPROGRESS', 'SUCCESSFUL'].map((state) => [
      `/bitbucket/repositories/acme/shop/commit/${commit}/statuses/build`,
      'Bearer token-of-BITBUCKET',
      state,
      'AWS CodeBuild us-east-1 (bucket)',
    ]),
  );
});

test('a provider that is down for a moment is asked again, one that refuses is not, and no build fails of it', async () => {
  answers.push(201, 503, 500);
  assert.equal((await run('again', 'GITHUB', 'true')).buildStatus, 'SUCCEEDED');
  assert.deepEqual(
    (await count(4)).map(({ body }) => body['state']),
    ['pending', 'success', 'success', 'success'],
  );
  answers.push(401, 422);
  assert.equal((await run('refused', 'GITHUB', 'true')).buildStatus, 'SUCCEEDED');
  assert.equal((await count(2)).length, 2);
});

test('a project that does not ask for it tells nobody', async () => {
  const build = await run('silent', 'GITHUB', 'true', { reportBuildStatus: false });
  assert.equal(build.buildStatus, 'SUCCEEDED');
  await house.slipway.house.engine.idle();
  assert.deepEqual(told, []);
});

test('a batch has one status, or one for each of its builds, as the project wants', async () => {
  const batches = connectBatches(clients);
  await createBatchRole(clients.iam);
  const buildspec = JSON.stringify({
    version: '0.2',
    batch: { 'build-list': [{ identifier: 'one' }, { identifier: 'two' }] },
    phases: { build: { commands: ['test $CODEBUILD_BATCH_BUILD_IDENTIFIER != two'] } },
  });
  const source = {
    type: 'GITHUB',
    location: `${origin}/acme/shop.git`,
    buildspec,
    reportBuildStatus: true,
  } as const;
  const states = (context: string) =>
    told.filter(({ body }) => body['context'] === context).map(({ body }) => body['state']);
  told.length = 0;
  await batches.createProject('together', '', { source });
  const batch = await batches.run('together');
  assert.equal(batch.buildBatchStatus, 'FAILED');
  await count(2);
  assert.equal(told[0]?.path, `/github/repos/acme/shop/statuses/${commit}`);
  assert.deepEqual(states('AWS CodeBuild us-east-1 (together)'), ['pending', 'failure']);
  assert.equal(told.length, 2);
  told.length = 0;
  await batches.createProject('alone', '', {
    source,
    ...withConfig({ batchReportMode: 'REPORT_INDIVIDUAL_BUILDS' }),
  });
  await batches.run('alone');
  await count(4);
  assert.deepEqual(states('AWS CodeBuild us-east-1 (alone) one'), ['pending', 'success']);
  assert.deepEqual(states('AWS CodeBuild us-east-1 (alone) two'), ['pending', 'failure']);
  assert.equal(told.length, 4);
});
