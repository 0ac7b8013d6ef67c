/** Jobs when two nodes share PostgreSQL: whichever node a worker asks, each job is given to one poll. */

import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { silentLog } from '#base/log.ts';
import { createSlipway, type Slipway } from '#slipway';
import { postgresSkip, startPostgres, type Cluster } from '#test/support/postgres.ts';
import { until } from '#test/support/until.ts';

const SOURCE = { category: 'Source', owner: 'Custom', provider: 'Depot', version: '1' } as const;
const JOBS = 20;
const WITHIN_MS = 30_000;

describe('on two nodes', { skip: postgresSkip }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-jobs-nodes-'));
  let cluster: Cluster;
  let nodes: readonly [Slipway, Slipway];
  before(async () => {
    cluster = await startPostgres();
    const databaseUrl = await cluster.createDatabase();
    const open = (name: string) =>
      createSlipway({
        directory: join(directory, name),
        host: '127.0.0.1',
        port: 0,
        databaseUrl,
        account: '123456789012',
        region: 'us-east-1',
        runtime: 'process',
        environment: {},
        log: silentLog,
      });
    const one = await open('one');
    mkdirSync(join(directory, 'two'), { mode: 0o700 });
    for (const file of ['master.key', 'keyring.json', 'credentials']) {
      copyFileSync(join(directory, 'one', file), join(directory, 'two', file));
    }
    nodes = [one, await open('two')];
  });
  after(async () => {
    for (const node of nodes) await node.close(1_000);
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  test('each of twenty jobs is given to one poll, and its result is taken on either node', async () => {
    const [{ root }, other] = nodes;
    const allow = (statement: object) =>
      JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] });
    await root.send('iam:CreateRole', {
      RoleName: 'pipeline',
      AssumeRolePolicyDocument: allow({
        Principal: { Service: 'codepipeline.amazonaws.com' },
        Action: 'sts:AssumeRole',
      }),
    });
    const { category, provider, version } = SOURCE;
    const none = { minimumCount: 0, maximumCount: 0 };
    const details = { inputArtifactDetails: none, outputArtifactDetails: none };
    await root.send('codepipeline:CreateCustomActionType', { category, provider, version, ...details });
    const ask = { category: 'Approval', owner: 'AWS', provider: 'Manual', version: '1' } as const;
    await root.send('codepipeline:CreatePipeline', {
      pipeline: {
        name: 'many',
        roleArn: 'arn:aws:iam::123456789012:role/pipeline',
        artifactStore: { type: 'S3', location: 'artifacts' },
        stages: [
          {
            name: 'Sources',
            actions: Array.from({ length: JOBS }, (_, i) => ({ name: `Fetch${i}`, actionTypeId: SOURCE })),
          },
          { name: 'Review', actions: [{ name: 'Ask', actionTypeId: ask }] },
        ],
      },
    });

    const taken = new Map<string, string>();
    await until('all jobs are taken', WITHIN_MS, async () => {
      const polls = nodes.flatMap((node) =>
        Array.from({ length: 5 }, () =>
          node.root.send('codepipeline:PollForJobs', { actionTypeId: SOURCE, maxBatchSize: 3 }),
        ),
      );
      for (const { jobs = [] } of await Promise.all(polls)) {
        for (const { id = '', nonce = '' } of jobs) {
          assert.ok(!taken.has(id), `job ${id} is given twice`);
          taken.set(id, nonce);
        }
      }
      return taken.size === JOBS || undefined;
    });
    for (const [jobId, nonce] of taken) {
      await other.root.send('codepipeline:AcknowledgeJob', { jobId, nonce });
      await root.send('codepipeline:PutJobSuccessResult', { jobId });
    }
    await until('the next stage', WITHIN_MS, async () => {
      const { stageStates = [] } = await other.root.send('codepipeline:GetPipelineState', { name: 'many' });
      return stageStates[1]?.latestExecution?.status === 'InProgress' || undefined;
    });
  });
});
