/**
 * The story of a release in a whole house, with the real machines of its rooms: a commit starts a pipeline, which
 * fetches it under its role and deploys it to a bucket. What the world shows is all of it that clients can see, without
 * ids and times. Everything before the commit is prepared once and copied for each telling.
 */

import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { createSlipway } from '#slipway';
import type { Slipway } from '#slipway';
import type { HouseStory } from './house-tellings.ts';

const REPOSITORY = 'web';
const PIPELINE = 'release';
const STORY_MS_MAX = 60_000;
const POLL_MS = 10;

export function openHouse(
  directory: string,
  beforeWrite?: (n: number) => void,
  clock?: Clock,
): Promise<Slipway> {
  return createSlipway({
    directory,
    host: '127.0.0.1',
    port: 0,
    account: '123456789012',
    region: 'us-east-1',
    runtime: 'process',
    environment: {},
    log: silentLog,
    beforeWrite,
    ...(clock && { clock }),
  });
}

/** Makes everything that the story needs, and lets the first commit travel. */
export async function prepare(directory: string): Promise<void> {
  const slipway = await openHouse(directory);
  const { root } = slipway;
  for (const Bucket of ['artifacts', 'site']) await root.send('s3:CreateBucket', { Bucket });
  await root.send('codecommit:CreateRepository', { repositoryName: REPOSITORY });
  await createRole(slipway);
  await commit(slipway, 'one', undefined);
  await createPipeline(slipway);
  await followTo(slipway, 1);
  await slipway.close(STORY_MS_MAX);
}

/** Commits, unless an earlier life did, and waits until the release has arrived. Returns what the world shows. */
export async function release(slipway: Slipway): Promise<unknown> {
  const head = await headOf(slipway);
  const { commit: last } = await slipway.root.send('codecommit:GetCommit', {
    repositoryName: REPOSITORY,
    commitId: head,
  });
  if (last?.message?.trim() !== 'two') await commit(slipway, 'two', head);
  await followTo(slipway, 2);
  return await look(slipway);
}

export async function headOf({ root }: Slipway): Promise<string> {
  const where = { repositoryName: REPOSITORY, branchName: 'main' };
  const { branch } = await root.send('codecommit:GetBranch', where);
  return branch?.commitId ?? '';
}

export async function commit(
  slipway: Slipway,
  text: string,
  parentCommitId: string | undefined,
): Promise<void> {
  await slipway.root.send('codecommit:PutFile', {
    repositoryName: REPOSITORY,
    branchName: 'main',
    filePath: 'index.html',
    fileContent: Buffer.from(text),
    commitMessage: text,
    parentCommitId,
    name: 'Ann',
    email: 'ann@example.com',
  });
}

export async function followTo(slipway: Slipway, count: number): Promise<void> {
  const until = Date.now() + STORY_MS_MAX;
  for (;;) {
    const executions = await executionsOf(slipway);
    const hasEnded = executions.every(({ status }) => status !== 'InProgress');
    if (executions.length >= count && hasEnded) break;
    if (Date.now() > until) throw new Error(`the release does not arrive: ${JSON.stringify(executions)}`);
    await pause(POLL_MS);
  }
  await slipway.house.engine.idle();
}

async function executionsOf({ root }: Slipway) {
  const answer = await root.send('codepipeline:ListPipelineExecutions', { pipelineName: PIPELINE });
  return answer.pipelineExecutionSummaries ?? [];
}

export async function look(slipway: Slipway): Promise<unknown> {
  const { root } = slipway;
  const keysOf = async (Bucket: string) =>
    ((await root.send('s3:ListObjectsV2', { Bucket })).Contents ?? []).map(({ Key, Size }) => ({
      Key,
      Size,
    }));
  const { actionExecutionDetails = [] } = await root.send('codepipeline:ListActionExecutions', {
    pipelineName: PIPELINE,
  });
  return {
    executions: (await executionsOf(slipway)).map(({ status, trigger, sourceRevisions }) => ({
      status,
      trigger: trigger?.triggerType,
      revision: sourceRevisions?.[0]?.revisionSummary,
    })),
    // The two deployments of a stage run at the same time, and either may be the first.
    actions: actionExecutionDetails
      .map(({ actionName, status, output }) =>
        [actionName, status, output?.outputVariables?.['CommitMessage'] ?? ''].join(' '),
      )
      .sort(),
    artifacts: (await keysOf('artifacts')).length,
    site: await keysOf('site'),
  };
}

async function createRole({ root }: Slipway): Promise<void> {
  const policy = (statement: object) =>
    JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] });
  await root.send('iam:CreateRole', {
    RoleName: 'pipeline',
    AssumeRolePolicyDocument: policy({
      Principal: { Service: 'codepipeline.amazonaws.com' },
      Action: 'sts:AssumeRole',
    }),
  });
  await root.send('iam:PutRolePolicy', {
    RoleName: 'pipeline',
    PolicyName: 'pipeline',
    PolicyDocument: policy({ Action: ['codecommit:*', 's3:GetObject', 's3:PutObject'], Resource: '*' }),
  });
}

async function createPipeline({ root }: Slipway): Promise<void> {
  const source = { category: 'Source', owner: 'AWS', provider: 'CodeCommit', version: '1' } as const;
  const deploy = { category: 'Deploy', owner: 'AWS', provider: 'S3', version: '1' } as const;
  await root.send('codepipeline:CreatePipeline', {
    pipeline: {
      name: PIPELINE,
      roleArn: 'arn:aws:iam::123456789012:role/pipeline',
      artifactStore: { type: 'S3', location: 'artifacts' },
      stages: [
        {
          name: 'Source',
          actions: [
            {
              name: 'Checkout',
              actionTypeId: source,
              configuration: {
                RepositoryName: REPOSITORY,
                BranchName: 'main',
              },
              outputArtifacts: [{ name: 'Code' }],
              namespace: 'Commit',
            },
          ],
        },
        {
          name: 'Deploy',
          actions: ['Publish', 'Archive'].map((name) => ({
            name,
            actionTypeId: deploy,
            configuration: {
              BucketName: 'site',
              Extract: 'true',
              ObjectKey: `${name}/#{Commit.CommitMessage}`,
            },
            inputArtifacts: [{ name: 'Code' }],
          })),
        },
      ],
    },
  });
}

export const story: HouseStory = { open: openHouse, prepare, live: release };
