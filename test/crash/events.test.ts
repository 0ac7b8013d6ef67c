/**
 * Events under `kill -9`: three hundred are put while the server is killed again and again (ten thousand with
 * SLIPWAY_CRASH_EVERY=1). Whatever was answered reaches the queue at least once, and the pipeline exactly once; so does
 * what was taken but not answered any more.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type CodePipeline } from '@aws-sdk/client-codepipeline';
import { EventBridge } from '@aws-sdk/client-eventbridge';
import { SQS } from '@aws-sdk/client-sqs';
import { connect } from '#scripts/demo/world.ts';
import { readRootKey } from '#store/root-key.ts';
import { createServerProcess, type ServerProcess } from '#test/support/server.ts';
import { until } from '#test/support/until.ts';

const isWhole = process.env['SLIPWAY_CRASH_EVERY'] === '1';
const EVENTS = isWhole ? 10_000 : 300;
const BATCH = 10;
/** The server is killed in the middle of every so manieth batch, at another moment each time. */
const BATCHES_PER_LIFE = isWhole ? 20 : 5;
const KILL_MS = [5, 17, 29, 41, 53, 65];
const WITHIN_MS = isWhole ? 900_000 : 60_000;
const ACCOUNT = '123456789012';
const REGION = 'us-east-1';
const QUEUE_ARN = `arn:aws:sqs:${REGION}:${ACCOUNT}:seen`;

let directory: string;
let server: ServerProcess;
before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'slipway-events-'));
  server = await createServerProcess(join(directory, 'data'));
  await server.start();
});
after(async () => {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

const allow = (statement: object) =>
  JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] });

test('each event that was answered is in the queue, and started the pipeline once', async (context) => {
  const key = readRootKey(server.data);
  assert.ok(key);
  const settings = { endpoint: server.url, region: REGION, credentials: key };
  const clients = connect({ endpoint: server.url, region: REGION, ...key, maxAttempts: 1 });
  const events = new EventBridge({ ...settings, maxAttempts: 1 });
  const sqs = new SQS({ ...settings, maxAttempts: 3 });
  await furnish(clients, sqs, events);

  const answered = new Set<string>();
  for (let batch = 0; batch < EVENTS / BATCH; batch++) {
    const Entries = Array.from({ length: BATCH }, (_, i) => ({
      Source: 'shop',
      DetailType: 'Order',
      Detail: JSON.stringify({ n: batch * BATCH + i }),
    }));
    const putting = events.putEvents({ Entries }).catch(() => undefined);
    if (batch % BATCHES_PER_LIFE === BATCHES_PER_LIFE - 1) {
      const life = Math.floor(batch / BATCHES_PER_LIFE);
      await new Promise((resolve) => setTimeout(resolve, KILL_MS[life % KILL_MS.length]));
      await server.kill();
      await putting;
      await server.start();
    }
    const answer = await putting;
    for (const { EventId } of answer?.Entries ?? []) if (EventId !== undefined) answered.add(EventId);
  }
  assert.ok(answered.size >= EVENTS / 2, `${answered.size} events were answered`);

  const seen = new Map<string, number>();
  const { QueueUrl } = await sqs.getQueueUrl({ QueueName: 'seen' });
  await until('every answered event in the queue', WITHIN_MS, async () => {
    const { Messages = [] } = await sqs.receiveMessage({
      QueueUrl,
      MaxNumberOfMessages: 10,
      WaitTimeSeconds: 1,
    });
    for (const { Body = '', ReceiptHandle } of Messages) {
      const { id } = JSON.parse(Body) as { readonly id: string };
      seen.set(id, (seen.get(id) ?? 0) + 1);
      await sqs.deleteMessage({ QueueUrl, ReceiptHandle });
    }
    return Messages.length === 0 && [...answered].every((id) => seen.has(id)) ? true : undefined;
  });
  const started = await until('a start for each event', WITHIN_MS, async () => {
    const count = await countStarts(clients.codepipeline);
    return count >= seen.size ? count : undefined;
  });
  assert.equal(started, seen.size);
  const again = [...seen.values()].filter((times) => times > 1).length;
  context.diagnostic(
    `${answered.size} answered, ${seen.size} seen, ${again} more than once, ${server.lives} lives`,
  );
  events.destroy();
  sqs.destroy();
});

async function countStarts(codepipeline: CodePipeline): Promise<number> {
  let count = 0;
  let nextToken: string | undefined;
  do {
    const page = await codepipeline.listPipelineExecutions({
      pipelineName: 'p',
      ...(nextToken && { nextToken }),
    });
    const found = page.pipelineExecutionSummaries ?? [];
    count += found.filter(({ trigger }) => trigger?.triggerType === 'CloudWatchEvent').length;
    nextToken = page.nextToken;
  } while (nextToken);
  return count;
}

/** A rule that takes every order to a queue and to a pipeline. */
async function furnish(clients: ReturnType<typeof connect>, sqs: SQS, events: EventBridge): Promise<void> {
  const { iam, s3, codepipeline } = clients;
  const Policy = allow({
    Principal: { Service: 'events.amazonaws.com' },
    Action: 'sqs:SendMessage',
    Resource: QUEUE_ARN,
  });
  await sqs.createQueue({ QueueName: 'seen', Attributes: { Policy } });
  await s3.createBucket({ Bucket: 'crash-bucket' });
  await s3.putBucketVersioning({ Bucket: 'crash-bucket', VersioningConfiguration: { Status: 'Enabled' } });
  await s3.putObject({ Bucket: 'crash-bucket', Key: 'source.zip', Body: 'not really a zip' });
  const roleArn = `arn:aws:iam::${ACCOUNT}:role/both`;
  await iam.createRole({
    RoleName: 'both',
    AssumeRolePolicyDocument: allow({
      Principal: { Service: ['codepipeline.amazonaws.com', 'events.amazonaws.com'] },
      Action: 'sts:AssumeRole',
    }),
  });
  const PolicyDocument = allow({ Action: ['s3:*', 'codepipeline:*'], Resource: '*' });
  await iam.putRolePolicy({ RoleName: 'both', PolicyName: 'all', PolicyDocument });
  const type = (category: 'Source' | 'Approval', provider: string) =>
    ({ category, owner: 'AWS', provider, version: '1' }) as const;
  await codepipeline.createPipeline({
    pipeline: {
      name: 'p',
      roleArn,
      artifactStore: { type: 'S3', location: 'crash-bucket' },
      stages: [
        {
          name: 'Source',
          actions: [
            {
              name: 'Source',
              actionTypeId: type('Source', 'S3'),
              configuration: {
                S3Bucket: 'crash-bucket',
                S3ObjectKey: 'source.zip',
                PollForSourceChanges: 'false',
              },
              outputArtifacts: [{ name: 'Source' }],
            },
          ],
        },
        { name: 'Wait', actions: [{ name: 'Wait', actionTypeId: type('Approval', 'Manual') }] },
      ],
    },
  });
  await events.putRule({ Name: 'orders', EventPattern: '{"source": ["shop"]}' });
  await events.putTargets({
    Rule: 'orders',
    Targets: [
      { Id: 'queue', Arn: QUEUE_ARN },
      { Id: 'pipeline', Arn: `arn:aws:codepipeline:${REGION}:${ACCOUNT}:p`, RoleArn: roleArn },
    ],
  });
}
