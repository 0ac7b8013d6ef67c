/** Builds without isolation, as an operator may choose where nothing better is possible: the same phases and rules. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  connectBuilds,
  contextOf,
  createBuildRole,
  phasesOf,
  spec,
  type BuildClients,
} from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

let house: TestHouse;
let clients: BuildClients;
before(async () => {
  house = await createTestHouse({ runtime: 'process' });
  clients = connectBuilds(house);
  await createBuildRole(clients.iam);
  await clients.s3.createBucket({ Bucket: 'files' });
});
after(async () => {
  clients.close();
  await house.close();
});

test('a build runs without isolation, keeps its shell between commands, and says so in its log', async () => {
  await clients.createProject(
    'bare',
    `artifacts:\n  files: [made.txt]\nenv:\n  exported-variables: [TAG]\n${spec([
      'mkdir sub && cd sub',
      'TAG=one; echo made > "$CODEBUILD_SRC_DIR/made.txt"',
      'echo "$(basename "$PWD") $TAG"; codebuild-glob-search "**/*.txt"',
    ])}`,
    { artifacts: { type: 'S3', location: 'files', name: 'bare', packaging: 'ZIP' } },
  );
  const build = await clients.run('bare');
  assert.equal(contextOf(build), undefined);
  assert.equal(build.buildStatus, 'SUCCEEDED');
  assert.deepEqual(await clients.output(build), ['sub one', 'made.txt']);
  assert.deepEqual(build.exportedEnvironmentVariables, [{ name: 'TAG', value: 'one' }]);
  assert.ok((await clients.log(build)).some((line) => line.includes('Isolation: NONE')));
  assert.equal(build.artifacts?.location, 'arn:aws:s3:::files/bare');
});

test('a failing command fails its build, and a stopped build leaves no process', async () => {
  await clients.createProject('bad', spec(['exit 3']));
  assert.match(contextOf(await clients.run('bad')) ?? '', /exit status 3$/);
  await clients.createProject('slow', spec(['sleep 98765 & sleep 98765']));
  const { id } = await clients.start('slow');
  await until(
    'the command',
    20_000,
    async () => (await clients.get(id)).currentPhase === 'BUILD' || undefined,
  );
  await clients.codebuild.stopBuild({ id });
  assert.deepEqual(phasesOf(await clients.ended(id)).slice(6), ['BUILD=STOPPED', 'COMPLETED']);
});
