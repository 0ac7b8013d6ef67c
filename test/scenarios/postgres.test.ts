/** The main job over PostgreSQL instead of SQLite, and again after a restart of the server on the same database. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { type Cluster, postgresSkip, startPostgres } from '#test/support/postgres.ts';
import { createStory, type Story } from '#test/support/story.ts';

describe('on PostgreSQL', { skip: postgresSkip }, () => {
  let cluster: Cluster;
  let house: TestHouse;
  let story: Story | undefined;

  before(async () => {
    cluster = await startPostgres();
    house = await createTestHouse({ databaseUrl: await cluster.createDatabase() });
  });
  after(async () => {
    await story?.close();
    await house?.close();
    await cluster?.stop();
  });

  test('a pushed commit reaches the host, and is still known after a restart', async () => {
    const connection = () => ({ endpoint: house.endpoint, region: house.region, ...house.credentials });
    story = await createStory(connection, house.directory, ['host-1']);
    const before = await story.nextExecution(undefined);
    const commit = await story.commitAndPush('First');
    const execution = await story.nextExecution(before);
    assert.equal(await story.approveAndFollow(execution), 'Succeeded');
    assert.equal(
      await story.hosts[0]?.call(['/opt/hello/hello']),
      `hello from host-1, release 1.0-${commit.slice(0, 7)}`,
    );
    await house.restart();
    const { pipelineExecution } = await house.slipway.root.send('codepipeline:GetPipelineExecution', {
      pipelineName: 'hello',
      pipelineExecutionId: execution,
    });
    assert.equal(pipelineExecution?.status, 'Succeeded');
    assert.equal(pipelineExecution?.artifactRevisions?.[0]?.revisionId, commit);
  });
});
