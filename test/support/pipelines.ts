/**
 * Pipelines for scenario tests, through the official clients. Most of their actions are manual approvals: they run as
 * long as the test wants, succeed when it approves and fail when it rejects.
 */

import {
  CodePipeline,
  type ActionDeclaration,
  type ActionExecutionDetail,
  type PipelineDeclaration,
  type StageDeclaration,
  type StageState,
} from '@aws-sdk/client-codepipeline';
import { IAM } from '@aws-sdk/client-iam';
import { S3 } from '@aws-sdk/client-s3';
import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';
import type { TestHouse } from './house.ts';
import type { MovableClock } from './movable-clock.ts';
import { until } from './until.ts';

const WITHIN_MS = 20_000;
export const ROLE_ARN = 'arn:aws:iam::123456789012:role/pipeline';

export interface Pipelines {
  readonly codepipeline: CodePipeline;
  readonly s3: S3;
  readonly iam: IAM;
  /** Makes the pipeline, with a source stage `S1` before the given stages, and gives its first execution. */
  create(
    name: string,
    stages: readonly StageDeclaration[],
    more?: Partial<PipelineDeclaration>,
  ): Promise<string>;
  start(name: string): Promise<string>;
  status(name: string, executionId: string): Promise<string | undefined>;
  /** Resolves when the execution has the status. */
  reached(name: string, executionId: string, status: string): Promise<void>;
  stage(name: string, stage: string): Promise<StageState>;
  /** Resolves when the execution is the latest that entered the stage. */
  entered(name: string, stage: string, executionId: string): Promise<StageState>;
  /** Resolves when the execution waits in front of the stage. */
  arrived(name: string, stage: string, executionId: string): Promise<StageState>;
  /** Newest first. */
  actions(name: string, executionId?: string): Promise<readonly ActionExecutionDetail[]>;
  /** Resolves with the running run of this action in this execution. */
  running(name: string, executionId: string, action: string): Promise<ActionExecutionDetail>;
  /** Answers the approval once it is asked. */
  answer(name: string, executionId: string, action: string, status: 'Approved' | 'Rejected'): Promise<void>;
  /** After the server's clock was moved: what is signed has to be signed at that time. */
  follow(clock: MovableClock): void;
  close(): void;
}

export function sourceAction(name = 'Fetch', more: Partial<ActionDeclaration> = {}): ActionDeclaration {
  return {
    name,
    actionTypeId: { category: 'Source', owner: 'AWS', provider: 'S3', version: '1' },
    configuration: { S3Bucket: 'source', S3ObjectKey: 'site.zip', PollForSourceChanges: 'false' },
    outputArtifacts: [{ name: 'Site' }],
    ...more,
  };
}

export function approval(name: string, more: Partial<ActionDeclaration> = {}): ActionDeclaration {
  return {
    name,
    actionTypeId: { category: 'Approval', owner: 'AWS', provider: 'Manual', version: '1' },
    ...more,
  };
}

/** A stage of approvals that run side by side. */
export function stageOf(name: string, ...actions: readonly string[]): StageDeclaration {
  return { name, actions: actions.map((action) => approval(action)) };
}

/** A condition whose one rule compares two texts: it is met if they are equal. */
export function check(result: 'FAIL' | 'SKIP' | 'ROLLBACK' | undefined, left: string, right: string) {
  const rule = {
    name: 'Check',
    ruleTypeId: { category: 'Rule', owner: 'AWS', provider: 'VariableCheck', version: '1' },
    configuration: { Variable: left, Value: right, Operator: 'EQ' },
  } as const;
  return { conditions: [{ ...(result ? { result } : {}), rules: [rule] }] };
}

export async function createPipelines(
  house: Pick<TestHouse, 'endpoint' | 'region' | 'credentials'>,
): Promise<Pipelines> {
  const { endpoint, region, credentials } = house;
  const options = { endpoint, region, credentials, maxAttempts: 1 };
  let codepipeline = new CodePipeline(options);
  let s3 = new S3({ ...options, forcePathStyle: true });
  let iam = new IAM(options);
  await furnish(s3, iam);
  const close = () => {
    for (const client of [codepipeline, s3, iam]) client.destroy();
  };

  const stage = async (name: string, stageName: string): Promise<StageState> => {
    const { stageStates = [] } = await codepipeline.getPipelineState({ name });
    const found = stageStates.find((candidate) => candidate.stageName === stageName);
    assert.ok(found, `stage ${stageName}`);
    return found;
  };
  const status = async (pipelineName: string, pipelineExecutionId: string) =>
    (await codepipeline.getPipelineExecution({ pipelineName, pipelineExecutionId })).pipelineExecution
      ?.status;
  const actions = async (pipelineName: string, pipelineExecutionId?: string) =>
    (
      await codepipeline.listActionExecutions({
        pipelineName,
        ...(pipelineExecutionId === undefined ? {} : { filter: { pipelineExecutionId } }),
      })
    ).actionExecutionDetails ?? [];
  const running = (name: string, executionId: string, action: string) =>
    until(`${action} of ${executionId} runs`, WITHIN_MS, async () =>
      (await actions(name, executionId)).find(
        (run) => run.actionName === action && run.status === 'InProgress',
      ),
    );

  return {
    get codepipeline() {
      return codepipeline;
    },
    get s3() {
      return s3;
    },
    get iam() {
      return iam;
    },
    async create(name, stages, more = {}) {
      const pipeline: PipelineDeclaration = {
        name,
        roleArn: ROLE_ARN,
        artifactStore: { type: 'S3', location: 'artifacts' },
        stages: [{ name: 'S1', actions: [sourceAction()] }, ...stages],
        ...more,
      };
      await codepipeline.createPipeline({ pipeline });
      const { pipelineExecutionSummaries: [first] = [] } = await codepipeline.listPipelineExecutions({
        pipelineName: name,
      });
      assert.ok(first?.pipelineExecutionId);
      return first.pipelineExecutionId;
    },
    async start(name) {
      const { pipelineExecutionId } = await codepipeline.startPipelineExecution({ name });
      assert.ok(pipelineExecutionId);
      return pipelineExecutionId;
    },
    status,
    async reached(name, executionId, wanted) {
      let last: string | undefined;
      await until(`${executionId} of ${name} is ${wanted}`, WITHIN_MS, async () => {
        last = await status(name, executionId);
        return last === wanted ? true : undefined;
      }).catch((error: unknown) => {
        throw new Error(`it is ${last}`, { cause: error });
      });
    },
    stage,
    entered: (name, stageName, executionId) =>
      until(`${executionId} enters ${stageName}`, WITHIN_MS, async () => {
        const found = await stage(name, stageName);
        return found.latestExecution?.pipelineExecutionId === executionId ? found : undefined;
      }),
    arrived: (name, stageName, executionId) =>
      until(`${executionId} arrives at ${stageName}`, WITHIN_MS, async () => {
        const found = await stage(name, stageName);
        const ids = (found.inboundExecutions ?? []).map((inbound) => inbound.pipelineExecutionId);
        return ids.includes(executionId) ? found : undefined;
      }),
    actions,
    running,
    async answer(pipelineName, executionId, actionName, answer) {
      const run = await running(pipelineName, executionId, actionName);
      await codepipeline.putApprovalResult({
        pipelineName,
        stageName: run.stageName,
        actionName,
        result: { status: answer, summary: 'by the test' },
        token: run.output?.executionResult?.externalExecutionId,
      });
    },
    follow({ aheadMs: systemClockOffset }) {
      close();
      codepipeline = new CodePipeline({ ...options, systemClockOffset });
      s3 = new S3({ ...options, systemClockOffset, forcePathStyle: true });
      iam = new IAM({ ...options, systemClockOffset });
    },
    close,
  };
}

async function furnish(s3: S3, iam: IAM): Promise<void> {
  for (const Bucket of ['source', 'artifacts', 'site']) await s3.createBucket({ Bucket });
  await s3.putBucketVersioning({ Bucket: 'source', VersioningConfiguration: { Status: 'Enabled' } });
  await s3.putObject({ Bucket: 'source', Key: 'site.zip', Body: await zipOf({ 'index.html': 'one' }) });
  await iam.createRole({
    RoleName: 'pipeline',
    AssumeRolePolicyDocument: policy({
      Principal: { Service: ['codepipeline.amazonaws.com', 'codebuild.amazonaws.com'] },
      Action: 'sts:AssumeRole',
    }),
  });
  await iam.putRolePolicy({
    RoleName: 'pipeline',
    PolicyName: 'all',
    PolicyDocument: policy({ Action: '*', Resource: '*' }),
  });
}

function policy(statement: object): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] });
}

export function zipOf(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [path, text] of Object.entries(files)) zip.addBuffer(Buffer.from(text), path);
  zip.end();
  return buffer(zip.outputStream);
}
