/** CodeBuild §2.3, `run-as`: whose commands are whose. Servers that run as root can do this; others say that they cannot. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  connectBuilds,
  contextOf,
  createBuildRole,
  phasesOf,
  type BuildClients,
} from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

const isRoot = process.getuid?.() === 0;
let house: TestHouse;
let clients: BuildClients;
before(async () => {
  house = await createTestHouse();
  clients = connectBuilds(house);
  await createBuildRole(clients.iam);
});
after(async () => {
  clients.close();
  await house.close();
});

async function runSpec(name: string, buildspec: object) {
  await clients.createProject(name, JSON.stringify({ version: '0.2', ...buildspec }));
  return clients.run(name);
}

for (const shell of ['/bin/sh', 'bash']) {
  test(`scenario 28: commands run as the user of the buildspec, or of their phase, with ${shell}`, async (context) => {
    if (!isRoot) return context.skip('needs root');
    const build = await runSpec(`users-${shell.length}`, {
      'run-as': 'builder',
      env: { shell, 'exported-variables': ['TAG'] },
      phases: {
        install: {
          'run-as': 'root',
          commands: ['id -un', 'useradd --create-home builder', 'cd /tmp; SHARED=yes'],
        },
        build: {
          commands: [
            'id -un',
            'echo "$PWD $SHARED"; TAG=of-builder',
            '[ ! -w "$CODEBUILD_SRC_DIR" ] && echo cannot write',
          ],
          finally: ['id -gn'],
        },
        post_build: { 'run-as': 'root', commands: ['echo "$TAG"; id -u'] },
      },
    });
    assert.equal(contextOf(build), undefined);
    assert.equal(build.buildStatus, 'SUCCEEDED');
    assert.deepEqual(await clients.output(build), [
      'root',
      'builder',
      '/tmp yes',
      'cannot write',
      'builder',
      'of-builder',
      '0',
    ]);
    assert.deepEqual(build.exportedEnvironmentVariables, [{ name: 'TAG', value: 'of-builder' }]);
  });
}

test('a user that is not there fails the phase, and so does a command of his', async () => {
  const build = await runSpec('nobody-there', {
    phases: { build: { 'run-as': 'builder', commands: ['echo not reached'] } },
  });
  assert.equal(contextOf(build), 'CLIENT_ERROR: Commands cannot run as user builder: there is no such user');
  assert.ok(phasesOf(build).includes('BUILD=FAILED'));
  assert.deepEqual(await clients.output(build), []);
  if (!isRoot) return;
  const failing = await runSpec('failing-user', {
    phases: { build: { 'run-as': 'nobody', commands: ['touch /codebuild/mine', 'echo not reached'] } },
  });
  assert.match(contextOf(failing) ?? '', /^COMMAND_EXECUTION_ERROR: .*touch.*exit status 1$/);
});
