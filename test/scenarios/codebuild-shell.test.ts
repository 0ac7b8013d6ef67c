/** CodeBuild §11, shell, environment and buildspec errors: scenarios 19 to 24, 27, 29 to 32, 34, 44 and 45. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Build, CreateProjectInput } from '@aws-sdk/client-codebuild';
import {
  type BuildClients,
  connectBuilds,
  contextOf,
  createBuildRole,
  phasesOf,
} from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { zipOf } from '#test/support/pipelines.ts';

let house: TestHouse;
let clients: BuildClients;
before(async () => {
  house = await createTestHouse();
  clients = connectBuilds(house);
  await createBuildRole(clients.iam);
  await clients.s3.createBucket({ Bucket: 'files' });
});
after(async () => {
  clients.close();
  await house.close();
});

let count = 0;
async function run(
  spec: object | string,
  more: Partial<CreateProjectInput> = {},
  start = {},
): Promise<Build> {
  const name = `h${++count}x`;
  await clients.createProject(name, typeof spec === 'string' ? spec : JSON.stringify(spec), more);
  return clients.run(name, start);
}

const commands = (build: readonly string[], more: object = {}) => ({
  version: '0.2',
  phases: { build: { commands: build } },
  ...more,
});
const output = async (build: Build) => clients.output(build);

test('scenario 19: version 0.2 keeps folder and variables from phase to phase, 0.1 nothing', async () => {
  const phases = {
    build: { commands: ['mkdir sub', 'cd sub', 'X=1'] },
    post_build: { commands: ['echo "${PWD##*/} [$X]"'] },
  };
  assert.deepEqual(await output(await run({ version: '0.2', phases })), ['sub [1]']);
  assert.deepEqual(await output(await run({ version: '0.1', phases })), ['src []']);
});

test('scenario 20: options hold for their own item only', async () => {
  const apart = await run(commands(['set -e', 'false\necho $((40 + 2))']));
  assert.equal(apart.buildStatus, 'SUCCEEDED');
  assert.equal((await output(apart)).at(-1), '42');
  const inside = await run(commands(['set -e\nfalse\necho $((40 + 2))']));
  assert.equal(inside.buildStatus, 'FAILED');
  assert.ok(!(await output(inside)).includes('42'));
});

test('scenario 21: exit 0 ends its item and nothing else', async () => {
  assert.deepEqual(await output(await run(commands(['echo a; exit 0; echo never', 'echo b']))), ['a', 'b']);
});

test('scenario 22: syntax of bash needs bash', async () => {
  const test = ['[[ a == a ]] && echo fine'];
  const dash = await run(commands(test));
  assert.equal(dash.buildStatus, 'FAILED');
  assert.match((await output(dash)).join('\n'), /script\.sh: .*\[\[: not found/);
  assert.deepEqual(await output(await run(commands(test, { env: { shell: 'bash' } }))), ['fine']);
});

test('scenario 23: a value comes from the override, else from the project, else from the buildspec', async () => {
  const spec = commands(['echo $V'], { env: { variables: { V: 'buildspec' } } });
  const environment = (environmentVariables: { name: string; value: string }[]) => ({
    environment: {
      type: 'LINUX_CONTAINER',
      image: 'aws/codebuild/standard:7.0',
      computeType: 'BUILD_GENERAL1_SMALL',
      environmentVariables,
    } as const,
  });
  const V = (value: string) => [{ name: 'V', value }];
  const overridden = await run(spec, environment(V('project')), {
    environmentVariablesOverride: V('override'),
  });
  assert.deepEqual(await output(overridden), ['override']);
  assert.deepEqual(await output(await run(spec, environment(V('project')))), ['project']);
  assert.deepEqual(await output(await run(spec)), ['buildspec']);
});

test('scenario 24: values are taken as they are, that of PATH too', async () => {
  assert.deepEqual(
    await output(await run(commands(['echo "$PATH"'], { env: { variables: { PATH: '$PATH:/x' } } }))),
    ['$PATH:/x'],
  );
});

test('scenario 27: exported variables have their last value; names of AWS are not exported', async () => {
  const env = { variables: { TAG: 'old' }, 'exported-variables': ['TAG', 'AWS_REGION', 'UNSET'] };
  const build = await run({
    version: '0.2',
    env,
    phases: { build: { commands: ['TAG=new'] }, post_build: { commands: ['true'] } },
  });
  assert.deepEqual(build.exportedEnvironmentVariables, [{ name: 'TAG', value: 'new' }]);
});

test('scenario 29: the variables that every build has', async () => {
  const body = await zipOf({ 'buildspec.yml': JSON.stringify(commands(['env'])) });
  await clients.s3.putObject({ Bucket: 'files', Key: 'source.zip', Body: body });
  const build = await run(
    '',
    { source: { type: 'S3', location: 'files/source.zip' } },
    { sourceVersion: undefined },
  );
  assert.equal(contextOf(build), undefined);
  const variables = new Map(
    (await output(build)).map((line) => [
      line.slice(0, line.indexOf('=')),
      line.slice(line.indexOf('=') + 1),
    ]),
  );
  const uuid = build.id?.split(':')[1];
  const expected: Record<string, string | RegExp> = {
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_REGION: 'us-east-1',
    CODEBUILD_BUILD_ARN: build.arn ?? '',
    CODEBUILD_BUILD_ID: build.id ?? '',
    CODEBUILD_BUILD_IMAGE: 'aws/codebuild/standard:7.0',
    CODEBUILD_BUILD_NUMBER: '1',
    CODEBUILD_BUILD_SUCCEEDING: '1',
    CODEBUILD_CI: 'true',
    CODEBUILD_INITIATOR: 'root',
    CODEBUILD_KMS_KEY_ID: 'arn:aws:kms:us-east-1:123456789012:alias/aws/s3',
    CODEBUILD_LAST_EXIT: '0',
    CODEBUILD_LOG_PATH: uuid ?? '',
    CODEBUILD_PROJECT_ARN: `arn:aws:codebuild:us-east-1:123456789012:project/${build.projectName}`,
    CODEBUILD_SOURCE_REPO_URL: 's3://files/source.zip',
    CODEBUILD_SOURCE_VERSION: '',
    CODEBUILD_SRC_DIR: /^\/codebuild\/output\/src\d+\/src$/,
    CODEBUILD_START_TIME: String(build.startTime?.getTime()),
    HOME: '/root',
  };
  for (const [name, value] of Object.entries(expected)) {
    if (value instanceof RegExp) assert.match(variables.get(name) ?? '', value);
    else assert.equal(variables.get(name), value, name);
  }
  const unset = [
    'CODEBUILD_RESOLVED_SOURCE_VERSION',
    'CODEBUILD_PUBLIC_BUILD_URL',
    'CODEBUILD_BATCH_BUILD_IDENTIFIER',
  ];
  assert.deepEqual(
    unset.filter((name) => variables.has(name)),
    [],
  );
  assert.deepEqual(
    [...variables.keys()].filter((name) => name.startsWith('CODEBUILD_WEBHOOK_')),
    [],
  );
});

async function refusedBuildspec(text: string): Promise<string | undefined> {
  const build = await run(text);
  assert.ok(phasesOf(build).includes('DOWNLOAD_SOURCE=FAILED'));
  return contextOf(build);
}

test('scenario 30: a buildspec that is not there', async () => {
  await clients.s3.putObject({ Bucket: 'files', Key: 'empty/readme', Body: 'x' });
  const build = await run('', { source: { type: 'S3', location: 'files/empty/' } });
  assert.equal(contextOf(build), 'YAML_FILE_ERROR: YAML file does not exist');
});

test('scenario 31: a command that YAML takes for a map', async () => {
  assert.equal(
    await refusedBuildspec('version: 0.2\nphases:\n  build:\n    commands:\n      - echo Hello: world\n'),
    'YAML_FILE_ERROR: Expected Commands[0] to be of string type: found subkeys instead at line 5, ' +
      'value of the key tag on line 5 might be empty',
  );
});

test('scenario 32: a phase of another name', async () => {
  assert.equal(
    await refusedBuildspec('version: 0.2\nphases:\n  prebuild:\n    commands: [a]\n'),
    'YAML_FILE_ERROR: Invalid buildspec phase name: prebuild. Expecting: build,install,post_build,pre_build',
  );
});

test('scenario 34: an alias bomb is refused at once', async () => {
  const lines = ['version: 0.2', 'a0: &a0 [x,x,x,x,x,x,x,x,x]'];
  for (let i = 1; i < 12; i++)
    lines.push(
      `a${i}: &a${i} [${Array(9)
        .fill(`*a${i - 1}`)
        .join(',')}]`,
    );
  const started = performance.now();
  assert.match(
    (await refusedBuildspec(lines.join('\n'))) ?? '',
    /^YAML_FILE_ERROR: the file has more than 100000 nodes/,
  );
  assert.ok(performance.now() - started < 5000);
});

test('scenario 44: a variable that nobody exported goes from pre_build to build', async () => {
  const build = await run({
    version: '0.2',
    phases: {
      pre_build: { commands: ['COMMIT_HASH=$(echo 0123456789abcdef | cut -c1-7)'] },
      build: { commands: ['echo image:$COMMIT_HASH'] },
    },
  });
  assert.deepEqual(await output(build), ['image:0123456']);
});

test('scenario 45: a server in the background answers the tests and is gone after the build', async () => {
  const server = 'nohup python3 -m http.server 8731 --bind 127.0.0.1 >/dev/null 2>&1 &';
  const ask =
    'for i in $(seq 50); do curl -fsS http://127.0.0.1:8731/ >/dev/null 2>&1 && break; sleep 0.1; done; curl -fsS -o /dev/null http://127.0.0.1:8731/ && echo answered';
  const build = await run({
    version: '0.2',
    phases: { pre_build: { commands: [server] }, build: { commands: [ask] } },
  });
  assert.equal(contextOf(build), undefined);
  assert.deepEqual(await output(build), ['answered']);
  await assert.rejects(fetch('http://127.0.0.1:8731/'));
});

test('the commands on PATH hash and find files of the source', async () => {
  const build = await run(
    commands([
      'mkdir -p a/b; echo 1 > a/x.lock; echo 2 > a/b/y.lock; cd a',
      "codebuild-glob-search '**/*.lock'; first=$(codebuild-hash-files '**/*.lock'); echo 3 > b/y.lock",
      "[ $first != $(codebuild-hash-files '**/*.lock') ] && [ ${#first} = 64 ] && echo differs; codebuild-breakpoint 2>/dev/null; echo on",
    ]),
  );
  assert.deepEqual(await output(build), ['a/b/y.lock', 'a/x.lock', 'differs', 'on']);
});

test('the images of the catalogue are names for the tools of this machine', async () => {
  const { platforms } = await clients.codebuild.listCuratedEnvironmentImages({});
  const images =
    platforms?.flatMap((each) => each.languages ?? []).flatMap((each) => each.images ?? []) ?? [];
  assert.ok(images.some((image) => image.name === 'aws/codebuild/standard:7.0'));
  assert.ok(images.every((image) => image.description?.startsWith('The tools of this machine')));
});
