/**
 * Actions in other regions. This house serves one region, and holds the buckets of every region: actions that need
 * nothing but buckets work anywhere, the others are refused. Artifacts from another region's store are first copied to
 * the store of the action's region, under the pipeline's role and that store's key.
 * AWS: "Add a cross-Region action in CodePipeline".
 */

import type { EvaluateRule, StartAction } from '#core/pipeline/orders.ts';
import type { NamedArtifact } from '#core/pipeline/state.ts';
import { openSession } from '#services/codepipeline/session.ts';
import type { House } from '#services/service.ts';
import { ActionRefused } from './action.ts';
import { encryptionOf } from './artifacts.ts';

/** By `category/provider`. */
const ANYWHERE = ['Approval/Manual', 'Deploy/S3', 'Source/S3'];

export function requireRegion(house: House, { action, actionType, region }: StartAction): void {
  const { category, provider } = actionType;
  if (region === undefined || region === house.region || ANYWHERE.includes(`${category}/${provider}`)) return;
  throw new ActionRefused(
    'ConfigurationError',
    `This Slipway serves ${house.region} only: the action ${action} of ${provider} cannot run in ${region}`,
  );
}

/** The order with its inputs where the action can reach them; repeating it copies the same to the same place. */
export async function bringInputs<Order extends StartAction | EvaluateRule>(
  house: House,
  order: Order,
): Promise<Order> {
  const { pipeline, roleArn, inputs, artifactBucket } = order;
  if (inputs.every(({ bucket }) => bucket === artifactBucket)) return order;
  const { send } = await openSession(house, { pipeline, roleArn });
  const brought: NamedArtifact[] = [];
  for (const input of inputs) {
    if (input.bucket !== artifactBucket) {
      await send('s3:CopyObject', {
        Bucket: artifactBucket,
        Key: input.key,
        CopySource: `${input.bucket}/${input.key.split('/').map(encodeURIComponent).join('/')}`,
        ...encryptionOf(order),
      });
    }
    brought.push({ ...input, bucket: artifactBucket });
  }
  return { ...order, inputs: brought };
}
