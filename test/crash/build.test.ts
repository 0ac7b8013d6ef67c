/**
 * A build under `kill -9`: the server is killed again and again while a build runs, and started again. The build ends
 * as if nothing had happened: every command ran once, and every line of its log is there once.
 */

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
import { until } from '#test/support/until.ts';
import { createKilledServer, type KilledServer } from './killed-server.ts';

let server: KilledServer;
let clients: BuildClients;

before(async () => {
  server = await createKilledServer();
  clients = connectBuilds(server.house);
  await createBuildRole(clients.iam);
  await clients.s3.createBucket({ Bucket: 'files' });
});
after(async () => {
  clients.close();
  await server.close();
});

/** Calls fail while the server is down; that is not what is tested. */
async function statusOf(id: string | undefined) {
  return clients.get(id).catch(() => undefined);
}

const LINES = 60;
const buildspec = `artifacts:\n  files: [once]\nenv:\n  exported-variables: [COUNT]\n${spec([
  `i=0; while [ $i -lt ${LINES} ]; do i=$((i+1)); echo "line $i"; sleep 0.05; done`,
  'echo ran >> once; COUNT=$(wc -l < once); sleep 0.5',
  'echo "count $COUNT"',
])}`;

for (const [name, delays] of [
  ['early and often', [5, 30, 60, 100, 150]],
  ['in the middle of commands', [400, 700, 1100]],
  ['at the end', [3600, 50, 50]],
] as const) {
  test(`a build ends well when the server is killed ${name}`, async () => {
    const projectName = `p${delays[0]}`;
    await clients.createProject(projectName, buildspec, {
      artifacts: { type: 'S3', location: 'files', name: projectName, packaging: 'ZIP' },
    });
    const { id } = await clients.start(projectName, { idempotencyToken: projectName });
    for (const delay of delays) {
      await new Promise((resolve) => setTimeout(resolve, delay));
      await server.kill();
      await server.start();
    }
    const build = await until('the end of the build', 60_000, async () => {
      const found = await statusOf(id);
      return found?.buildComplete ? found : undefined;
    });
    assert.equal(contextOf(build), undefined);
    assert.equal(build.buildStatus, 'SUCCEEDED', phasesOf(build).join());
    assert.deepEqual(build.exportedEnvironmentVariables, [{ name: 'COUNT', value: '1' }]);
    const output = await clients.output(build);
    const expected = [...Array.from({ length: LINES }, (_, i) => `line ${i + 1}`), 'count 1'];
    assert.deepEqual(output, expected);
    const ends = (await clients.log(build)).filter((line) => line.includes('Phase complete: '));
    assert.equal(ends.length, 6, ends.join('\n'));
    assert.equal((await clients.start(projectName, { idempotencyToken: projectName })).id, id);
  });
}

test('a build that is stopped while the server is down is stopped afterwards', async () => {
  await clients.createProject('stopping', spec(['sleep 30']));
  const { id } = await clients.start('stopping');
  await until(
    'the command',
    10_000,
    async () => (await clients.get(id)).currentPhase === 'BUILD' || undefined,
  );
  await clients.codebuild.stopBuild({ id });
  await server.kill();
  await server.start();
  const build = await until('the end of the build', 30_000, async () => {
    const found = await statusOf(id);
    return found?.buildComplete ? found : undefined;
  });
  assert.deepEqual(phasesOf(build).slice(6), ['BUILD=STOPPED', 'COMPLETED']);
});
