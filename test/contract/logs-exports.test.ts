/** Export tasks through the official clients: files in a bucket whose policy lets CloudWatch Logs in. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { CloudWatchLogs } from '@aws-sdk/client-cloudwatch-logs';
import { S3 } from '@aws-sdk/client-s3';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

const START = Date.now() - 60_000;
const BUCKET = 'log-archive';

let house: TestHouse;
let logs: CloudWatchLogs;
let s3: S3;
before(async () => {
  house = await createTestHouse();
  const { endpoint, region, credentials } = house;
  logs = new CloudWatchLogs({ endpoint, region, credentials, maxAttempts: 1 });
  s3 = new S3({ endpoint, region, credentials, forcePathStyle: true });
  await s3.createBucket({ Bucket: BUCKET });
  await logs.createLogGroup({ logGroupName: 'app' });
  for (const logStreamName of ['other', 'web/1', 'web/2', 'web/empty']) {
    await logs.createLogStream({ logGroupName: 'app', logStreamName });
  }
  for (const logStreamName of ['other', 'web/1', 'web/2']) {
    const logEvents = [0, 10, 20].map((at) => ({
      timestamp: START + at,
      message: `${logStreamName} ${at}`,
    }));
    await logs.putLogEvents({ logGroupName: 'app', logStreamName, logEvents });
  }
});
after(async () => {
  logs.destroy();
  s3.destroy();
  await house.close();
});

const order = {
  logGroupName: 'app',
  logStreamNamePrefix: 'web/',
  from: START,
  to: START + 10,
  destination: BUCKET,
};

/** The policy of AWS's guide. */
async function letIn(): Promise<void> {
  const Principal = { Service: 'logs.us-east-1.amazonaws.com' };
  const Condition = {
    StringEquals: { 'aws:SourceAccount': [house.account] },
    ArnLike: { 'aws:SourceArn': [`arn:aws:logs:us-east-1:${house.account}:log-group:*`] },
  };
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Action: 's3:GetBucketAcl',
        Effect: 'Allow',
        Resource: `arn:aws:s3:::${BUCKET}`,
        Principal,
        Condition,
      },
      {
        Action: 's3:PutObject',
        Effect: 'Allow',
        Resource: `arn:aws:s3:::${BUCKET}/*`,
        Principal,
        Condition: {
          ...Condition,
          StringEquals: { ...Condition.StringEquals, 's3:x-amz-acl': 'bucket-owner-full-control' },
        },
      },
    ],
  });
  await s3.putBucketPolicy({ Bucket: BUCKET, Policy });
}

async function ended(taskId: string) {
  return await until('the export ends', 20_000, async () => {
    const { exportTasks } = await logs.describeExportTasks({ taskId });
    const task = exportTasks?.[0];
    return task?.executionInfo?.completionTime === undefined ? undefined : task;
  });
}

test('a bucket that does not let CloudWatch Logs in is refused', async () => {
  await assert.rejects(logs.createExportTask(order), {
    name: 'InvalidParameterException',
    message:
      'GetBucketAcl call on the given bucket failed. Please check if CloudWatch Logs has been granted permission to perform this operation.',
  });
  await assert.rejects(logs.createExportTask({ ...order, logGroupName: 'none' }), {
    name: 'ResourceNotFoundException',
  });
});

test('the events of the time go into one file a stream, and the task tells of itself', async () => {
  await letIn();
  const { taskId = '' } = await logs.createExportTask({ ...order, taskName: 'yesterday' });
  const task = await ended(taskId);
  assert.deepEqual(
    { ...task, executionInfo: undefined },
    {
      taskId,
      taskName: 'yesterday',
      logGroupName: 'app',
      from: order.from,
      to: order.to,
      destination: BUCKET,
      destinationPrefix: 'exportedlogs',
      status: { code: 'COMPLETED', message: 'Completed successfully' },
      executionInfo: undefined,
    },
  );
  const { Contents } = await s3.listObjectsV2({ Bucket: BUCKET });
  const keys = Contents?.map((object) => object.Key);
  assert.deepEqual(keys, [
    `exportedlogs/${taskId}/web-1/000000.gz`,
    `exportedlogs/${taskId}/web-2/000000.gz`,
    'exportedlogs/aws-logs-write-test',
  ]);
  const { Body } = await s3.getObject({ Bucket: BUCKET, Key: keys?.[0] ?? '' });
  const text = gunzipSync((await Body?.transformToByteArray()) ?? new Uint8Array()).toString();
  const at = (offset: number) => new Date(START + offset).toISOString();
  assert.equal(text, `${at(0)} web/1 0\n${at(10)} web/1 10\n`);
  await assert.rejects(logs.cancelExportTask({ taskId }), { name: 'InvalidOperationException' });
  await assert.rejects(logs.cancelExportTask({ taskId: 'none' }), { name: 'ResourceNotFoundException' });
  const { exportTasks } = await logs.describeExportTasks({ statusCode: 'COMPLETED' });
  assert.equal(exportTasks?.length, 1);
});

test('a bucket that cannot be written any more fails the task, and says why', async () => {
  const { exportTasks: before = [] } = await logs.describeExportTasks({});
  const machine = house.slipway.rooms
    .flatMap((room) => room.machines)
    .find(({ kind }) => kind === 'logs.export');
  assert.ok(machine);
  const { region, account } = house;
  await house.slipway.house.engine.send(machine as never, 'gone', {
    type: 'ExportRequested',
    order: {
      group: 'app',
      groupArn: `arn:aws:logs:${region}:${account}:log-group:app`,
      streamPrefix: '',
      from: START,
      to: START + 1,
      bucket: 'no-such-bucket',
      prefix: 'x',
    },
  } as never);
  const task = await ended('gone');
  assert.equal(task.status?.code, 'FAILED');
  assert.match(
    task.status?.message ?? '',
    /^AccessDeniedException: .* s3:PutObject on resource: arn:aws:s3:::no-such-bucket/,
  );
  assert.equal((await logs.describeExportTasks({})).exportTasks?.length, before.length + 1);
});
