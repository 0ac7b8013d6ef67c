/** CodeBuild §11, scenario 77: a local run and a build of the server say the same, line for line. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { type BuildClients, connectBuilds, createBuildRole } from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

const SLIPWAY = resolve(import.meta.dirname, '../../bin/slipway');
const BUCKET = 'sources';

let house: TestHouse;
let clients: BuildClients;
before(async () => {
  house = await createTestHouse();
  clients = connectBuilds(house);
  await createBuildRole(clients.iam, ['logs:*', 's3:*', 'codebuild:*', 'ssm:*', 'secretsmanager:*']);
  await clients.s3.createBucket({ Bucket: BUCKET });
});
after(async () => {
  clients.close();
  await house.close();
});

interface Project {
  readonly name: string;
  readonly folder: string;
  /** The log of a server's build of the same files. */
  serverLog(more?: object): Promise<readonly string[]>;
  /** What `slipway run` prints before its summary, and how it ends. */
  localLog(parameters?: readonly string[]): {
    readonly lines: readonly string[];
    readonly status: number | null;
  };
}

async function createProject(name: string, files: Readonly<Record<string, string>>): Promise<Project> {
  const folder = join(house.directory, name);
  mkdirSync(folder);
  for (const [path, content] of Object.entries(files)) {
    writeFileSync(join(folder, path), content);
    await clients.s3.putObject({ Bucket: BUCKET, Key: `${name}/${path}`, Body: content });
  }
  return {
    name,
    folder,
    async serverLog(more = {}) {
      await clients.codebuild.createProject({
        name,
        source: { type: 'S3', location: `${BUCKET}/${name}/` },
        artifacts: {
          type: 'S3',
          location: BUCKET,
          packaging: 'ZIP',
          name: 'artifacts.zip',
          encryptionDisabled: true,
        },
        environment: {
          type: 'LINUX_CONTAINER',
          image: 'aws/codebuild/standard:7.0',
          computeType: 'BUILD_GENERAL1_SMALL',
        },
        serviceRole: 'build',
        ...more,
      });
      return (await clients.log(await clients.run(name))).map(comparable);
    },
    localLog(parameters = []) {
      const { status, stdout, stderr } = spawnSync(SLIPWAY, ['run', '-s', folder, ...parameters], {
        cwd: house.directory,
        encoding: 'utf8',
        env: { PATH: process.env['PATH'], HOME: house.directory, PASSWORD: 'correct horse battery' },
      });
      assert.equal(stderr, '');
      const end = stdout.lastIndexOf('\n\nBuild ');
      return { status, lines: stdout.slice(0, end).split('\n').map(comparable) };
    },
  };
}

/** Without what differs from one build to the next: times, ids, users, the number of the source folder. */
function comparable(line: string): string {
  return line
    .replace(/^\[Container\] \d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d\.\d{6} /, '[Container] ')
    .replaceAll(/\/output\/src\d+\//g, '/output/src…/')
    .replaceAll(/own user \d+/g, 'own user …')
    .replaceAll(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g, '<uuid>')
    .replaceAll(/took [\d.]+ seconds/g, 'took … seconds');
}

test('scenario 77: a local run tells the same as a build of the server, from the first line to the last', async () => {
  const project = await createProject('same', {
    'buildspec.yml': `version: 0.2
env:
  shell: bash
  variables: { GREETING: hello }
  exported-variables: [TAG]
phases:
  install:
    runtime-versions: { nodejs: 20 }
    commands: ['[[ $GREETING == h* ]] && cd sub 2>/dev/null || mkdir sub && cd sub']
  pre_build:
    commands: ['TAG=v1', 'echo $CODEBUILD_PROJECT_ARN in $PWD']
  build:
    commands: ['echo "$GREETING $TAG"']
    on-failure: CONTINUE
    finally: ['echo finally >&2']
  post_build:
    commands: ['printf "a\\tb\\n\\n  c\\n"', 'mkdir -p ../out && cp ../junit.xml ../out/']
artifacts:
  files: ['out/**/*', 'none.txt']
reports:
  unit: { files: [junit.xml] }
`,
    'junit.xml': '<testsuite name="s"><testcase name="a"/></testsuite>',
  });
  const server = await project.serverLog();
  const local = project.localLog(['-a', join(house.directory, 'kept')]);
  assert.deepEqual(local.lines, server);
  assert.equal(local.status, 0);
  assert.ok(server.length > 50, `${server.length} lines were compared`);
});

test('scenario 77: failures are told alike, too', async () => {
  const building = (commands: string) => `version: 0.2\nphases:\n  build:\n    commands: ${commands}\n`;
  const cases = [
    [building('[exit 7, echo never]\n    finally: [echo after]'), 1],
    [building('\n      - echo "Hello: world"'), 1],
    ['version: 0.2\nphases:\n  prebuild: {}\n', 1],
    [building('["true"]\n    on-failure: ABORT'), 0],
  ] as const;
  for (const [index, [text, status]] of cases.entries()) {
    const project = await createProject(`wrong-${index}`, { 'buildspec.yml': text });
    const server = await project.serverLog({ artifacts: { type: 'NO_ARTIFACTS' } });
    const local = project.localLog();
    assert.deepEqual(local.lines, server, text);
    assert.equal(local.status, status);
  }
});
