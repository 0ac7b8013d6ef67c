/**
 * The same road with the unmodified AWS CLI alone: a definition file as the AWS guide prints them (CodeCommit, CodeBuild,
 * CodeDeploy; nothing changed but the role), git with the CLI's own credential helper, and the CLI's waiter at the end.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { type Host, startHost } from '#scripts/demo/hosts.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { cliSkip, runCli } from '#test/support/other-clients.ts';
import { until } from '#test/support/until.ts';

const ACCOUNT = '123456789012';
const WAIT_MS = 60_000;
const HELPER = '!f() { test "$1" = get && aws codecommit credential-helper get --ignore-host-check; }; f';

const DEFINITION = {
  pipeline: {
    roleArn: `arn:aws:iam::${ACCOUNT}:role/CodePipeline_Service`,
    stages: [
      {
        name: 'Source',
        actions: [
          {
            inputArtifacts: [],
            name: 'Source',
            actionTypeId: { category: 'Source', owner: 'AWS', version: '1', provider: 'CodeCommit' },
            outputArtifacts: [{ name: 'MyApp' }],
            configuration: {
              BranchName: 'main',
              RepositoryName: 'MyDemoRepo',
            },
            runOrder: 1,
          },
        ],
      },
      {
        name: 'Build',
        actions: [
          {
            inputArtifacts: [{ name: 'MyApp' }],
            name: 'Build',
            actionTypeId: { category: 'Build', owner: 'AWS', version: '1', provider: 'CodeBuild' },
            outputArtifacts: [{ name: 'MyAppBuild' }],
            configuration: { ProjectName: 'MyDemoBuild' },
            runOrder: 1,
          },
        ],
      },
      {
        name: 'Deploy',
        actions: [
          {
            inputArtifacts: [{ name: 'MyAppBuild' }],
            name: 'Deploy',
            actionTypeId: { category: 'Deploy', owner: 'AWS', version: '1', provider: 'CodeDeploy' },
            outputArtifacts: [],
            configuration: { ApplicationName: 'MyDemoApplication', DeploymentGroupName: 'MyDemoGroup' },
            runOrder: 1,
          },
        ],
      },
    ],
    artifactStore: { type: 'S3', location: 'codepipeline-us-east-1-demo' },
    name: 'MyFirstPipeline',
    version: 1,
  },
};

describe('the AWS CLI alone', { skip: cliSkip }, () => {
  let house: TestHouse;
  let host: Host | undefined;
  before(async () => {
    house = await createTestHouse();
  });
  after(async () => {
    await host?.stop();
    await house?.close();
  });

  /** Words are split at spaces; `values` stand for the `?` in the command, whatever they hold. */
  async function aws<Answer = Record<string, never>>(
    command: string,
    ...values: readonly string[]
  ): Promise<Answer> {
    const rest = [...values];
    const words = command.split(' ').map((word) => (word === '?' ? (rest.shift() ?? '') : word));
    const { code, stdout, stderr } = await runCli(house.endpoint, house.credentials, ...words);
    assert.equal(code, 0, `aws ${command}: ${stderr}`);
    return (stdout.trim().startsWith('{') ? JSON.parse(stdout) : {}) as Answer;
  }

  const document = (statement: object) =>
    JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] });

  async function createRole(name: string, service: string): Promise<void> {
    const trust = document({ Principal: { Service: `${service}.amazonaws.com` }, Action: 'sts:AssumeRole' });
    await aws(`iam create-role --role-name ${name} --assume-role-policy-document ?`, trust);
    const actions = ['s3:*', 'codecommit:*', 'codebuild:*', 'codedeploy:*', 'logs:*'];
    await aws(
      `iam put-role-policy --role-name ${name} --policy-name work --policy-document ?`,
      document({ Action: actions, Resource: '*' }),
    );
  }

  async function createHost(): Promise<Host> {
    const { User } = await aws<{ User: { Arn: string } }>('iam create-user --user-name web-1');
    await aws(
      'iam put-user-policy --user-name web-1 --policy-name revisions --policy-document ?',
      document({ Action: ['s3:GetObject', 's3:GetObjectVersion'], Resource: '*' }),
    );
    const { AccessKey } = await aws<{ AccessKey: { AccessKeyId: string; SecretAccessKey: string } }>(
      'iam create-access-key --user-name web-1',
    );
    await aws(`deploy register-on-premises-instance --instance-name web-1 --iam-user-arn ${User.Arn}`);
    await aws('deploy add-tags-to-on-premises-instances --instance-names web-1 --tags Key=stage,Value=demo');
    const credentials = {
      name: 'web-1',
      arn: User.Arn,
      accessKeyId: AccessKey.AccessKeyId,
      secretAccessKey: AccessKey.SecretAccessKey,
    };
    return startHost(credentials, house.endpoint, house.region, join(house.directory, 'web-1'));
  }

  test('the documented definition is accepted verbatim but for its role, and a push runs it to the host', async () => {
    await createRole('CodePipeline_Service', 'codepipeline');
    await createRole('CodeBuild_Service', 'codebuild');
    await createRole('CodeDeploy_Service', 'codedeploy');
    await aws('s3 mb s3://codepipeline-us-east-1-demo');
    await aws('codecommit create-repository --repository-name MyDemoRepo');
    await aws(
      'codebuild create-project --name MyDemoBuild --source type=CODEPIPELINE --artifacts type=CODEPIPELINE ' +
        '--environment type=LINUX_CONTAINER,image=aws/codebuild/standard:7.0,computeType=BUILD_GENERAL1_SMALL ' +
        `--service-role arn:aws:iam::${ACCOUNT}:role/CodeBuild_Service`,
    );
    await aws('deploy create-application --application-name MyDemoApplication --compute-platform Server');
    await aws(
      'deploy create-deployment-group --application-name MyDemoApplication --deployment-group-name MyDemoGroup ' +
        `--service-role-arn arn:aws:iam::${ACCOUNT}:role/CodeDeploy_Service ` +
        '--on-premises-instance-tag-filters Key=stage,Value=demo,Type=KEY_AND_VALUE',
    );
    host = await createHost();

    const file = join(house.directory, 'MyFirstPipeline.json');
    writeFileSync(file, JSON.stringify(DEFINITION));
    await aws(`codepipeline create-pipeline --cli-input-json file://${file}`);
    const stored = await aws<typeof DEFINITION>('codepipeline get-pipeline --name MyFirstPipeline');
    assert.deepEqual(stored.pipeline, {
      ...DEFINITION.pipeline,
      executionMode: 'SUPERSEDED',
      pipelineType: 'V1',
    });

    const first = await endedExecution(undefined);
    assert.equal(first.status, 'Failed', 'the first run finds no branch');
    await push();
    const second = await endedExecution(first.pipelineExecutionId);
    assert.equal(second.status, 'Succeeded');
    assert.match(await host.call(['/opt/hello/hello']), /^hello from web-1, release 1\.0-[0-9a-f]{7}$/);

    const { deployments } = await aws<{ deployments: string[] }>(
      'deploy list-deployments --application-name MyDemoApplication --deployment-group-name MyDemoGroup',
    );
    await aws(`deploy wait deployment-successful --deployment-id ${deployments[0]}`);
  });

  interface Execution {
    readonly pipelineExecutionId: string;
    readonly status: string;
  }

  function endedExecution(before: string | undefined): Promise<Execution> {
    return until(`an execution after ${before}`, WAIT_MS, async () => {
      const { pipelineExecutionSummaries } = await aws<{ pipelineExecutionSummaries: Execution[] }>(
        'codepipeline list-pipeline-executions --pipeline-name MyFirstPipeline --max-items 1',
      );
      const [newest] = pipelineExecutionSummaries;
      return newest && newest.pipelineExecutionId !== before && newest.status !== 'InProgress'
        ? newest
        : undefined;
    });
  }

  async function push(): Promise<void> {
    const clone = join(house.directory, 'clone');
    cpSync(resolve(import.meta.dirname, '../../scripts/demo/sample'), clone, { recursive: true });
    const git = (...words: string[]) =>
      promisify(execFile)('git', ['-C', clone, ...words], { env: house.environment });
    await git('init', '--quiet', '--initial-branch=main');
    await git('config', 'credential.helper', HELPER);
    await git('config', 'credential.UseHttpPath', 'true');
    await git('add', '.');
    await git(
      '-c',
      'user.name=a',
      '-c',
      'user.email=a@example.com',
      'commit',
      '--quiet',
      '--message',
      'First',
    );
    await git('push', '--quiet', `${house.endpoint}/v1/repos/MyDemoRepo`, 'main');
  }
});
