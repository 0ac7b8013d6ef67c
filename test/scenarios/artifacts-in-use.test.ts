/**
 * The story of one bucket for all pipelines, whose cleanup deletes what a running deployment needs: here the cleanup is
 * refused for what is in use, is told why, and succeeds for it once the execution has ended.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { applyLifecycles } from '#services/s3/expiring.ts';
import { s3RoomOf } from '#test/support/s3-room.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createPipelines, stageOf, type Pipelines } from '#test/support/pipelines.ts';

let house: TestHouse;
let pipelines: Pipelines;

before(async () => {
  house = await createTestHouse();
  pipelines = await createPipelines(house);
});
after(async () => {
  pipelines.close();
  await house.close();
});

/** The artifact of the source action, and the sentence that refuses its deletion. */
async function artifactOf(name: string, execution: string) {
  const [fetch] = (await pipelines.actions(name, execution)).filter(
    ({ actionName }) => actionName === 'Fetch',
  );
  const { bucket: Bucket = '', key: Key = '' } = fetch?.output?.outputArtifacts?.[0]?.s3location ?? {};
  const message =
    `arn:aws:s3:::${Bucket}/${Key} cannot be deleted: execution ${execution} of pipeline ${name} needs it. ` +
    'Wait until the execution has ended, or stop it.';
  return { object: { Bucket, Key }, message };
}

test('artifacts of a running execution outlive a cleanup, and go after its end', async () => {
  const { s3 } = pipelines;
  const execution = await pipelines.create('busy', [stageOf('S2', 'Ask')]);
  await pipelines.running('busy', execution, 'Ask');
  const { object, message } = await artifactOf('busy', execution);

  await assert.rejects(s3.deleteObject(object), { name: 'AccessDenied', message });
  await s3.putObject({ Bucket: object.Bucket, Key: 'unneeded', Body: 'x' });
  const cleanup = await s3.deleteObjects({
    Bucket: object.Bucket,
    Delete: { Objects: [{ Key: object.Key }, { Key: 'unneeded' }] },
  });
  assert.deepEqual(cleanup.Deleted, [{ Key: 'unneeded' }]);
  assert.deepEqual(cleanup.Errors, [{ Key: object.Key, Code: 'AccessDenied', Message: message }]);
  await s3.putBucketLifecycleConfiguration({
    Bucket: object.Bucket,
    LifecycleConfiguration: {
      Rules: [{ ID: 'all', Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } }],
    },
  });
  await applyLifecycles(s3RoomOf(house.slipway), house.slipway.house.clock.now() + 9 * 24 * 3_600_000);
  await s3.headObject(object);

  await pipelines.answer('busy', execution, 'Ask', 'Approved');
  await pipelines.reached('busy', execution, 'Succeeded');
  await s3.deleteObject(object);
  await assert.rejects(s3.headObject(object), { name: 'NotFound' });
});

test('where versions are kept, a marker over a needed artifact is refused too, and older versions may go', async () => {
  const { s3 } = pipelines;
  const execution = await pipelines.create('kept', [stageOf('S2', 'Ask')]);
  await pipelines.running('kept', execution, 'Ask');
  const { object, message } = await artifactOf('kept', execution);
  const { Bucket } = object;
  await s3.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: 'Enabled' } });
  const { VersionId: before } = await s3.headObject(object);
  const { Body } = await s3.getObject(object);
  const { VersionId: latest } = await s3.putObject({ ...object, Body: await Body?.transformToByteArray() });

  await assert.rejects(s3.deleteObject(object), { name: 'AccessDenied', message });
  await assert.rejects(s3.deleteObject({ ...object, VersionId: latest }), { name: 'AccessDenied', message });
  await s3.deleteObject({ ...object, VersionId: before });
  await s3.headObject(object);

  await pipelines.codepipeline.stopPipelineExecution({
    pipelineName: 'kept',
    pipelineExecutionId: execution,
    abandon: true,
  });
  await pipelines.reached('kept', execution, 'Stopped');
  assert.equal((await s3.deleteObject(object)).DeleteMarker, true);
});
