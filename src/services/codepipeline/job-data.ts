/**
 * What a worker is given: the action's configuration with its secrets in clear, where its artifacts are, and
 * credentials of the pipeline's role that are good for these artifacts and nothing else.
 */

import type { Artifact, AWSSessionCredentials, JobData } from '@aws-sdk/client-codepipeline';
import { present } from '#base/assert.ts';
import { isOpen } from '#core/job/decide.ts';
import type { Job, Work } from '#core/job/state.ts';
import type { NamedArtifact } from '#core/pipeline/state.ts';
import type { PolicyDocument, Statement } from '#core/policy/document.ts';
import type { House } from '#services/service.ts';
import { failureOf } from './actions/failure.ts';
import type { JobRoom } from './job-machine.ts';
import { pipelineArn } from './room.ts';
import { maskConfiguration, unsealConfiguration } from './secrets.ts';
import { openSession } from './session.ts';

/** Everything, with fresh credentials; for a job that is over, without what only a worker needs. */
export async function jobData(house: House, work: Work, job: Job): Promise<JobData> {
  const isWorked = isOpen(job.status);
  const { continuationToken } = job;
  return {
    actionTypeId: { ...work.actionType } as JobData['actionTypeId'],
    actionConfiguration: {
      configuration: isWorked
        ? unsealConfiguration(house, work.configuration)
        : maskConfiguration(work.configuration),
    },
    pipelineContext: {
      pipelineName: work.pipeline,
      stage: { name: work.stage },
      action: { name: work.action, actionExecutionId: work.actionExecutionId },
      pipelineArn: pipelineArn(house, work.pipeline),
      pipelineExecutionId: work.executionId,
    },
    inputArtifacts: work.inputs.map(viewArtifact),
    outputArtifacts: work.outputs.map((artifact) => viewArtifact({ ...artifact, ...revisionOf(work) })),
    ...(isWorked ? { artifactCredentials: await artifactCredentials(house, work) } : {}),
    ...(continuationToken === undefined ? {} : { continuationToken }),
    ...(work.encryptionKey === undefined ? {} : { encryptionKey: { id: work.encryptionKey, type: 'KMS' } }),
  };
}

/**
 * For a job that was just taken: a role that does not allow what the worker needs fails the action, and there is
 * nothing to hand out. Other failures are thrown; the job is offered again when nobody acknowledges it.
 */
export async function jobDataOrRefusal(
  { house, jobs }: JobRoom,
  work: Work,
  job: Job,
): Promise<JobData | undefined> {
  try {
    return await jobData(house, work, job);
  } catch (error) {
    const failure = failureOf(error);
    const event = { type: 'JobRefused', jobId: job.id, ...failure } as const;
    await house.engine.send(jobs, work.actionExecutionId, event);
    return undefined;
  }
}

async function artifactCredentials(house: House, work: Work): Promise<AWSSessionCredentials> {
  const policy = artifactPolicy(work, house.region);
  const { credentials } = await openSession(house, work, policy);
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  return { accessKeyId, secretAccessKey, sessionToken: present(sessionToken, 'the token of a session') };
}

const PUT_ACTIONS = ['s3:PutObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'];

/** What the role allows besides is not for the worker: these objects, and their encryption by way of S3. */
export function artifactPolicy(
  { inputs, outputs, encryptionKey }: Pick<Work, 'inputs' | 'outputs' | 'encryptionKey'>,
  region: string,
): PolicyDocument {
  const keys = encryptionKey?.includes(':key/') ? [encryptionKey] : ['*'];
  const throughStore = {
    operator: 'StringEquals',
    key: 'kms:ViaService',
    values: [`s3.${region}.amazonaws.com`],
  };
  const statements: Statement[] = [
    ...allow(['s3:GetObject', 's3:GetObjectVersion'], inputs.map(objectArn)),
    ...allow(PUT_ACTIONS, outputs.map(objectArn)),
    ...allow(['kms:Decrypt', 'kms:GenerateDataKey'], keys).map((statement) => ({
      ...statement,
      conditions: [throughStore],
    })),
  ];
  return { version: '2012-10-17', statements };
}

function allow(actions: readonly string[], resources: readonly string[]): Statement[] {
  return resources.length === 0 ? [] : [{ effect: 'Allow', actions, resources, conditions: [] }];
}

/** No artifact's key has a wildcard in it; its names allow none. */
function objectArn({ bucket, key }: NamedArtifact): string {
  return `arn:aws:s3:::${bucket}/${key}`;
}

/** Tells a custom source which revision is wanted. */
function revisionOf({ revisionId }: Work): Pick<NamedArtifact, 'revisionId'> {
  return revisionId === undefined ? {} : { revisionId };
}

function viewArtifact({ name, bucket, key, revisionId }: NamedArtifact): Artifact {
  return {
    name,
    ...(revisionId === undefined ? {} : { revision: revisionId }),
    location: { type: 'S3', s3Location: { bucketName: bucket, objectKey: key } },
  };
}
