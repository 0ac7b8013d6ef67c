/** What a build must come to when its server is killed, as tests: the same for sandboxes and for containers. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CreateProjectInput } from '@aws-sdk/client-codebuild';
import { contextOf, phasesOf, spec, type BuildClients } from '#test/support/builds.ts';
import { until } from '#test/support/until.ts';
import type { KilledServer } from './killed-server.ts';

export interface KilledBuildSubject {
  readonly server: KilledServer;
  readonly clients: BuildClients;
  /** What the projects have besides. */
  readonly project: Partial<CreateProjectInput>;
}

/** Calls fail while the server is down; that is not what is tested. */
async function statusOf(clients: BuildClients, id: string | undefined) {
  return clients.get(id).catch(() => undefined);
}

const LINES = 60;
const buildspec = `artifacts:\n  files: [once]\nenv:\n  exported-variables: [COUNT]\n${spec([
  `i=0; while [ $i -lt ${LINES} ]; do i=$((i+1)); echo "line $i"; sleep 0.05; done`,
  'echo ran >> once; COUNT=$(wc -l < once); sleep 0.5',
  'echo "count $COUNT"',
])}`;

export function killedBuildTests(subject: () => KilledBuildSubject): void {
  for (const [name, delays] of [
    ['early and often', [5, 30, 60, 100, 150]],
    ['in the middle of commands', [400, 700, 1100]],
    ['at the end', [3600, 50, 50]],
  ] as const) {
    test(`a build ends well when the server is killed ${name}`, async () => {
      const { server, clients, project } = subject();
      const projectName = `p${delays[0]}`;
      await clients.createProject(projectName, buildspec, {
        ...project,
        artifacts: { type: 'S3', location: 'files', name: projectName, packaging: 'ZIP' },
      });
      const { id } = await clients.start(projectName, { idempotencyToken: projectName });
      for (const delay of delays) {
        await new Promise((resolve) => setTimeout(resolve, delay));
        await server.kill();
        await server.start();
      }
      const build = await until('the end of the build', 60_000, async () => {
        const found = await statusOf(clients, id);
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
    const { server, clients, project } = subject();
    await clients.createProject('stopping', spec(['sleep 30']), project);
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
      const found = await statusOf(clients, id);
      return found?.buildComplete ? found : undefined;
    });
    assert.deepEqual(phasesOf(build).slice(6), ['BUILD=STOPPED', 'COMPLETED']);
  });
}
