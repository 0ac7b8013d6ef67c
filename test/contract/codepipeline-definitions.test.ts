/** Definitions that change at the same time, on both databases: one wins, the others are told, and nothing is torn. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PipelineDeclaration } from '@aws-sdk/client-codepipeline';
import { createTestHouse } from '#test/support/house.ts';
import {
  approval,
  createPipelines,
  type Pipelines,
  ROLE_ARN,
  sourceAction,
} from '#test/support/pipelines.ts';
import { postgresSkip, startPostgres } from '#test/support/postgres.ts';

const AT_ONCE = 8;

function pipeline(name: string, text: string, token = 'ghp_one'): PipelineDeclaration {
  const github = {
    ...sourceAction('Clone'),
    actionTypeId: { category: 'Source', owner: 'ThirdParty', provider: 'GitHub', version: '1' },
    configuration: { Owner: 'o', Repo: 'r', Branch: 'main', OAuthToken: token },
  } as const;
  return {
    name,
    roleArn: ROLE_ARN,
    artifactStore: { type: 'S3', location: 'artifacts' },
    stages: [
      { name: 'S1', actions: [github] },
      { name: 'S2', actions: [approval('Ask', { configuration: { CustomData: text } })] },
    ],
  };
}

/** The names of the faults, and `ok` for what succeeded, in order. */
async function outcomesOf(calls: readonly Promise<unknown>[]): Promise<readonly string[]> {
  const settled = await Promise.allSettled(calls);
  return settled.map((each) => (each.status === 'fulfilled' ? 'ok' : (each.reason as Error).name)).sort();
}

async function tell({ codepipeline }: Pipelines): Promise<void> {
  const times = Array.from({ length: AT_ONCE }, (_, index) => `${index}`);
  const created = times.map((text) => codepipeline.createPipeline({ pipeline: pipeline('p', text) }));
  assert.deepEqual(await outcomesOf(created), [
    ...Array<string>(AT_ONCE - 1).fill('PipelineNameInUseException'),
    'ok',
  ]);

  const updated = times.map((text) => codepipeline.updatePipeline({ pipeline: pipeline('p', text) }));
  assert.deepEqual(await outcomesOf(updated), Array<string>(AT_ONCE).fill('ok'));
  const read = await Promise.all(
    times.map(async (_, index) => {
      const { pipeline: stored } = await codepipeline.getPipeline({ name: 'p', version: index + 2 });
      return stored?.stages?.[1]?.actions?.[0]?.configuration?.['CustomData'];
    }),
  );
  assert.deepEqual(read.toSorted(), times, 'every update has a version of its own');

  const masked = times.map((text) => codepipeline.updatePipeline({ pipeline: pipeline('p', text, '****') }));
  const outcomes = await outcomesOf(masked);
  assert.ok(outcomes.includes('ok'));
  assert.deepEqual(
    outcomes.filter((each) => each !== 'ok' && each !== 'ConcurrentModificationException'),
    [],
    'an old secret is never put back over a newer one',
  );

  const deleted = times.map(() => codepipeline.deletePipeline({ name: 'p' }));
  assert.deepEqual(await outcomesOf(deleted), Array<string>(AT_ONCE).fill('ok'));
  assert.deepEqual((await codepipeline.listPipelines({})).pipelines, []);
}

describe('definitions that change at once', () => {
  test('on SQLite', async () => {
    const house = await createTestHouse();
    const pipelines = await createPipelines(house);
    try {
      await tell(pipelines);
    } finally {
      pipelines.close();
      await house.close();
    }
  });

  test('on PostgreSQL', { skip: postgresSkip }, async () => {
    const cluster = await startPostgres();
    const house = await createTestHouse({ databaseUrl: await cluster.createDatabase() });
    const pipelines = await createPipelines(house);
    try {
      await tell(pipelines);
    } finally {
      pipelines.close();
      await house.close();
      await cluster.stop();
    }
  });
});
