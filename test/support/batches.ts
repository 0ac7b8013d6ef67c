/** What tests of batch builds share: the role of batches, projects that have one, and ways to run a batch. */

import type {
  BuildBatch,
  BuildGroup,
  CreateProjectInput,
  ProjectBuildBatchConfig,
  StartBuildBatchInput,
} from '@aws-sdk/client-codebuild';
import type { IAM } from '@aws-sdk/client-iam';
import type { BuildClients } from './builds.ts';
import { until } from './until.ts';

export const BATCH_ROLE = 'arn:aws:iam::123456789012:role/batch';
const BATCH_MS_MAX = 90_000;

export interface BatchClients {
  createProject(name: string, buildspec: string, more?: Partial<CreateProjectInput>): Promise<void>;
  start(projectName: string, more?: Partial<StartBuildBatchInput>): Promise<BuildBatch>;
  get(id: string | undefined): Promise<BuildBatch>;
  /** The batch once it is complete. */
  ended(id: string | undefined): Promise<BuildBatch>;
  run(projectName: string, more?: Partial<StartBuildBatchInput>): Promise<BuildBatch>;
}

export function connectBatches({ codebuild, createProject }: BuildClients): BatchClients {
  const clients: BatchClients = {
    createProject: (name, buildspec, more = {}) =>
      createProject(name, buildspec, { buildBatchConfig: { serviceRole: BATCH_ROLE }, ...more }),
    async start(projectName, more = {}) {
      const { buildBatch } = await codebuild.startBuildBatch({ projectName, ...more });
      if (!buildBatch) throw new Error('StartBuildBatch answered no batch');
      return buildBatch;
    },
    async get(id) {
      const { buildBatches } = await codebuild.batchGetBuildBatches({ ids: [id ?? ''] });
      const batch = buildBatches?.[0];
      if (!batch) throw new Error(`there is no batch ${id}`);
      return batch;
    },
    ended: (id) =>
      until(`the end of batch ${id}`, BATCH_MS_MAX, async () => {
        const batch = await clients.get(id);
        return batch.complete ? batch : undefined;
      }),
    run: async (projectName, more) => clients.ended((await clients.start(projectName, more)).id),
  };
  return clients;
}

/** With what AWS documents for the role of batches. */
export async function createBatchRole(
  iam: IAM,
  actions: readonly string[] = ['codebuild:StartBuild', 'codebuild:StopBuild', 'codebuild:RetryBuild'],
): Promise<void> {
  const allow = (statement: object) =>
    JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] });
  await iam.createRole({
    RoleName: 'batch',
    AssumeRolePolicyDocument: allow({
      Principal: { Service: 'codebuild.amazonaws.com' },
      Action: 'sts:AssumeRole',
    }),
  });
  await iam.putRolePolicy({
    RoleName: 'batch',
    PolicyName: 'work',
    PolicyDocument: allow({ Action: actions, Resource: '*' }),
  });
}

export const withConfig = (config: ProjectBuildBatchConfig): Partial<CreateProjectInput> => ({
  buildBatchConfig: { serviceRole: BATCH_ROLE, ...config },
});

export function batchPhases(batch: BuildBatch): string[] {
  return (batch.phases ?? []).map(
    (phase) => `${phase.phaseType}${phase.phaseStatus ? `=${phase.phaseStatus}` : ''}`,
  );
}

/** `name=STATUS` of each group but the first, which reads the batch section. */
export function groupStatuses(batch: BuildBatch): string[] {
  return (batch.buildGroups ?? [])
    .slice(1)
    .map(
      ({ identifier, currentBuildSummary }) => `${identifier}=${currentBuildSummary?.buildStatus ?? 'none'}`,
    );
}

export function groupNamed(batch: BuildBatch, identifier: string): BuildGroup {
  const group = batch.buildGroups?.find((each) => each.identifier === identifier);
  if (!group) throw new Error(`the batch has no ${identifier}`);
  return group;
}

/** The id of its present build. */
export function buildIdOf(batch: BuildBatch, identifier: string): string {
  return groupNamed(batch, identifier).currentBuildSummary?.arn?.split(':build/')[1] ?? '';
}

export function batchContext(batch: BuildBatch): string | undefined {
  const contexts = (batch.phases ?? []).flatMap((phase) => phase.contexts ?? []);
  const context = contexts.find((each) => each.statusCode);
  return context && `${context.statusCode}: ${context.message}`;
}
