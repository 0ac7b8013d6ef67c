/**
 * The CodeDeploy deploy action: registers the input artifact as a revision and deploys it. A deployment carries the
 * action execution's id in its description, under which the codedeploy room starts one deployment only.
 * AWS: "CodeDeploy deploy action reference".
 */

import type { DeploymentInfo, RevisionLocation } from '@aws-sdk/client-codedeploy';
import { present } from '#base/assert.ts';
import type { Action, Outcome } from './action.ts';
import { configured } from './action.ts';

const BUNDLE_TYPES = [
  ['.tar.gz', 'tgz'],
  ['.tgz', 'tgz'],
  ['.tar', 'tar'],
] as const;

export const codedeploy: Action = {
  async start({ caller }, order) {
    const applicationName = configured(order, 'ApplicationName');
    const { bucket, key } = present(order.inputs[0], 'input artifact of a deployment');
    const revision: RevisionLocation = {
      revisionType: 'S3',
      s3Location: { bucket, key, bundleType: bundleTypeOf(key) },
    };
    await caller.send('codedeploy:RegisterApplicationRevision', { applicationName, revision });
    const { deploymentId } = await caller.send('codedeploy:CreateDeployment', {
      applicationName,
      deploymentGroupName: configured(order, 'DeploymentGroupName'),
      revision,
      description: `codepipeline-action:${order.actionExecutionId}`,
    });
    return { type: 'ActionStarted', externalId: present(deploymentId, 'id of a deployment') };
  },

  async poll({ caller }, order) {
    const { deploymentInfo } = await caller.send('codedeploy:GetDeployment', {
      deploymentId: order.externalId,
    });
    return endOf(order.externalId, deploymentInfo);
  },
};

function bundleTypeOf(key: string): 'zip' | 'tgz' | 'tar' {
  return BUNDLE_TYPES.find(([ending]) => key.endsWith(ending))?.[1] ?? 'zip';
}

function endOf(id: string, deployment: DeploymentInfo | undefined): Outcome | undefined {
  switch (deployment?.status) {
    case 'Succeeded':
      return { type: 'ActionSucceeded', outputVariables: {}, summary: 'Deployment Succeeded' };
    case 'Failed':
    case 'Stopped': {
      const reason = deployment.errorInformation?.message;
      return {
        type: 'ActionFailed',
        code: 'JobFailed',
        message: reason ?? `Deployment ${id} failed`,
        summary: `Deployment ${id} failed`,
      };
    }
    default:
      return undefined;
  }
}
