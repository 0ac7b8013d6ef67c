/**
 * A worker of custom actions as the public Jenkins plugin is one: it polls for the jobs of one project, acknowledges,
 * asks for fresh credentials, fetches the inputs with them, works, uploads the outputs encrypted and in parts, and
 * reports once.
 */

import {
  type ActionTypeId,
  type Artifact,
  CodePipeline,
  type ExecutionDetails,
  type FailureDetails,
  type Job,
} from '@aws-sdk/client-codepipeline';
import { S3 } from '@aws-sdk/client-s3';
import { present } from '#base/assert.ts';

export interface WorkerOptions {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly actionTypeId: ActionTypeId;
  readonly queryParam?: Record<string, string>;
  readonly systemClockOffset?: number;
}

export interface Work {
  readonly job: Job;
  /** By artifact name. */
  readonly inputs: Readonly<Record<string, Uint8Array>>;
}

export type WorkResult =
  | { readonly outputs: Readonly<Record<string, Uint8Array>>; readonly details?: ExecutionDetails }
  | { readonly failure: FailureDetails };

export interface Worker {
  poll(): Promise<Job | undefined>;
  /** The whole way with one job; answers false if there was none, or another worker took it. */
  workOnce(work: (given: Work) => WorkResult): Promise<boolean>;
  /** A store that may do what the job's credentials allow. */
  storeOf(job: Job): S3;
  readonly codepipeline: CodePipeline;
  close(): void;
}

export function createWorker(options: WorkerOptions): Worker {
  const { actionTypeId, queryParam, ...connection } = options;
  const codepipeline = new CodePipeline({ ...connection, maxAttempts: 1 });
  const stores: S3[] = [];

  const storeOf = (job: Job): S3 => {
    const credentials = present(job.data?.artifactCredentials, 'artifact credentials');
    const { accessKeyId = '', secretAccessKey = '', sessionToken = '' } = credentials;
    const store = new S3({
      ...connection,
      credentials: { accessKeyId, secretAccessKey, sessionToken },
      forcePathStyle: true,
      // As clients did before there were checksums in trailers.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      maxAttempts: 1,
    });
    stores.push(store);
    return store;
  };

  const worker: Worker = {
    codepipeline,
    storeOf,
    async poll() {
      const { jobs = [] } = await codepipeline.pollForJobs({ actionTypeId, queryParam, maxBatchSize: 1 });
      return jobs[0];
    },
    async workOnce(work) {
      const job = await worker.poll();
      if (!job) return false;
      const { status } = await codepipeline.acknowledgeJob({ jobId: job.id, nonce: job.nonce });
      if (status !== 'InProgress') return false;
      const { jobDetails } = await codepipeline.getJobDetails({ jobId: job.id });
      const store = storeOf({ data: jobDetails?.data });
      const inputs = Object.fromEntries(
        await Promise.all(
          (job.data?.inputArtifacts ?? []).map(async (artifact) => {
            const { Body } = await store.getObject(placeOf(artifact));
            return [artifact.name ?? '', await present(Body, 'body').transformToByteArray()] as const;
          }),
        ),
      );
      const result = work({ job, inputs });
      if ('failure' in result) {
        await codepipeline.putJobFailureResult({ jobId: job.id, failureDetails: result.failure });
        return true;
      }
      const key = job.data?.encryptionKey?.id;
      for (const artifact of job.data?.outputArtifacts ?? []) {
        const body = present(result.outputs[artifact.name ?? ''], `output ${artifact.name}`);
        await upload(store, placeOf(artifact), body, key);
      }
      await codepipeline.putJobSuccessResult({ jobId: job.id, executionDetails: result.details });
      return true;
    },
    close() {
      for (const client of [codepipeline, ...stores]) client.destroy();
    },
  };
  return worker;
}

export function placeOf({ location }: Artifact): Place {
  const { bucketName = '', objectKey = '' } = location?.s3Location ?? {};
  return { Bucket: bucketName, Key: objectKey };
}

/** In parts, however small it is. */
async function upload(store: S3, place: Place, body: Uint8Array, key: string | undefined): Promise<void> {
  const { UploadId } = await store.createMultipartUpload({
    ...place,
    ContentType: 'application/zip',
    ServerSideEncryption: 'aws:kms',
    ...(key === undefined ? {} : { SSEKMSKeyId: key }),
  });
  const upload = { ...place, UploadId };
  const { ETag } = await store.uploadPart({ ...upload, PartNumber: 1, Body: body });
  await store.completeMultipartUpload({ ...upload, MultipartUpload: { Parts: [{ ETag, PartNumber: 1 }] } });
}

interface Place {
  readonly Bucket: string;
  readonly Key: string;
}
