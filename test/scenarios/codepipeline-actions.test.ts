/** What built-in actions do, told through the official clients against a real server: scenarios 56 to 71 of the actions. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ActionDeclaration, ActionExecutionDetail } from '@aws-sdk/client-codepipeline';
import { connectBuilds, createBuildRole, type BuildClients } from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { approval, createPipelines, type Pipelines } from '#test/support/pipelines.ts';

let house: TestHouse;
let pipelines: Pipelines;
let builds: BuildClients;

before(async () => {
  house = await createTestHouse();
  pipelines = await createPipelines(house);
  builds = connectBuilds(house);
  await createBuildRole(builds.iam);
});
after(async () => {
  builds.close();
  pipelines.close();
  await house.close();
});

function action(
  name: string,
  [category, provider]: readonly [string, string],
  more: Partial<ActionDeclaration> = {},
): ActionDeclaration {
  const actionTypeId = {
    category,
    owner: 'AWS',
    provider,
    version: '1',
  } as ActionDeclaration['actionTypeId'];
  return { name, actionTypeId, ...more };
}

const COMMANDS = ['Compute', 'Commands'] as const;
const SITE = [{ name: 'Site' }];

async function runOf(name: string, executionId: string, actionName: string): Promise<ActionExecutionDetail> {
  const run = (await pipelines.actions(name, executionId)).find((each) => each.actionName === actionName);
  assert.ok(run, `a run of ${actionName}`);
  return run;
}

async function messagesIn(logGroupName: string, logStreamName: string): Promise<string[]> {
  const { events = [] } = await builds.logs.getLogEvents({
    logGroupName,
    logStreamName,
    startFromHead: true,
  });
  return events.map(({ message = '' }) => message.replace(/\n$/, ''));
}

test('scenario 69: commands run in one place, leave variables and files, and their log', async () => {
  const first = await pipelines.create('commands', [
    {
      name: 'S2',
      actions: [
        action('Run', COMMANDS, {
          inputArtifacts: SITE,
          outputArtifacts: [{ name: 'Out', files: ['made/*'] }],
          commands: ['mkdir made && cd made', 'WORD=$(cat ../index.html)', 'echo "$WORD $GREETING" > a.txt'],
          outputVariables: ['WORD', 'CODEBUILD_INITIATOR'],
          environmentVariables: [{ name: 'GREETING', value: 'of #{codepipeline.PipelineExecutionId}' }],
          namespace: 'Ran',
        }),
      ],
    },
    {
      name: 'S3',
      actions: [
        action('Put', ['Deploy', 'S3'], {
          inputArtifacts: [{ name: 'Out' }],
          configuration: { BucketName: 'site', Extract: 'true', ObjectKey: '#{Ran.WORD}' },
        }),
      ],
    },
  ]);
  await pipelines.reached('commands', first, 'Succeeded');
  const run = await runOf('commands', first, 'Run');
  assert.deepEqual(run.output?.outputVariables, {
    WORD: 'one',
    CODEBUILD_INITIATOR: 'codepipeline/commands',
  });
  const { Body } = await pipelines.s3.getObject({ Bucket: 'site', Key: 'one/made/a.txt' });
  assert.equal(await Body?.transformToString(), `one of ${first}\n`);
  const log = await messagesIn('/aws/codepipeline/commands', run.actionExecutionId ?? '');
  assert.ok(
    log.some((line) => line.includes('Running command WORD=$(cat ../index.html)')),
    log.join('\n'),
  );
  const stream = `log-group:/aws/codepipeline/commands:log-stream:${run.actionExecutionId}`;
  assert.equal(run.output?.executionResult?.logStreamARN, `arn:aws:logs:us-east-1:123456789012:${stream}`);
  assert.match(
    run.output?.executionResult?.externalExecutionId ?? '',
    /^codepipeline\.commands:[0-9a-f-]{36}$/,
  );
  assert.deepEqual((await builds.codebuild.listBuilds({})).ids, []);
});
