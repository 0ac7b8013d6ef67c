/** Custom actions for tests: a type, an action of that type, and the first steps of a worker. */

import type {
  ActionDeclaration,
  ActionExecutionDetail,
  CreateCustomActionTypeInput,
  Job,
} from '@aws-sdk/client-codepipeline';
import type { Pipelines } from './pipelines.ts';
import { until } from './until.ts';

export const WITHIN_MS = 20_000;

export function typeOf(provider: string, change: Partial<CreateCustomActionTypeInput> = {}) {
  return {
    category: 'Build',
    provider,
    version: '1',
    configurationProperties: [
      { name: 'Target', required: true, key: true, secret: false },
      { name: 'Password', required: false, key: false, secret: true },
    ],
    inputArtifactDetails: { minimumCount: 0, maximumCount: 5 },
    outputArtifactDetails: { minimumCount: 0, maximumCount: 5 },
    ...change,
  } satisfies CreateCustomActionTypeInput;
}

export function idOf(provider: string) {
  return { category: 'Build', owner: 'Custom', provider, version: '1' } as const;
}

/** Named `Work`, with the source as input and one output. */
export function customAction(provider: string, change: Partial<ActionDeclaration> = {}): ActionDeclaration {
  return {
    name: 'Work',
    actionTypeId: idOf(provider),
    configuration: { Target: 'all' },
    inputArtifacts: [{ name: 'Site' }],
    outputArtifacts: [{ name: 'Built' }],
    ...change,
  };
}

export function polled({ codepipeline }: Pipelines, provider: string): Promise<Job> {
  return until(`a job of ${provider}`, WITHIN_MS, async () => {
    const { jobs = [] } = await codepipeline.pollForJobs({ actionTypeId: idOf(provider) });
    return jobs[0];
  });
}

export async function acknowledged(pipelines: Pipelines, provider: string): Promise<Job> {
  const job = await polled(pipelines, provider);
  await pipelines.codepipeline.acknowledgeJob({ jobId: job.id, nonce: job.nonce });
  return job;
}

/** The run of the action `Work`, once it is over. */
export function ended(pipelines: Pipelines, name: string, execution: string): Promise<ActionExecutionDetail> {
  return until(`the end of Work in ${name}`, WITHIN_MS, async () =>
    (await pipelines.actions(name, execution)).find(
      (run) => run.actionName === 'Work' && run.status !== 'InProgress',
    ),
  );
}
