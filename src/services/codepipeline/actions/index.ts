/**
 * The built-in actions by type. An action of the catalogue whose service this house does not carry is refused when it
 * runs, in words that say so; it never succeeds. What workers do is in `custom.ts`.
 */

import type { ActionTypeId } from '#core/pipeline/definition/declaration.ts';
import { ActionRefused, type Action } from './action.ts';
import { approval } from './approval.ts';
import { codebuild } from './codebuild.ts';
import { codedeploy } from './codedeploy.ts';
import { commands } from './commands.ts';
import { s3Deploy } from './deploy-s3.ts';
import { pipelineInvoke } from './invoke-pipeline.ts';
import { codecommitSource } from './source-codecommit.ts';
import { s3Source } from './source-s3.ts';

/** By `category/owner/provider`. */
const ACTIONS: Readonly<Record<string, Action>> = {
  'Approval/AWS/Manual': approval,
  'Build/AWS/CodeBuild': codebuild,
  'Compute/AWS/Commands': commands,
  'Deploy/AWS/CodeDeploy': codedeploy,
  'Deploy/AWS/S3': s3Deploy,
  'Invoke/AWS/CodePipeline': pipelineInvoke,
  'Source/AWS/CodeCommit': codecommitSource,
  'Source/AWS/S3': s3Source,
  'Test/AWS/CodeBuild': codebuild,
};

/** What AWS calls the services behind the providers that are declared here and not carried. */
const NOT_CARRIED: Readonly<Record<string, string>> = {
  'Build/AWS/ECRBuildAndPublish': 'Amazon ECR',
  'Deploy/AWS/AppConfig': 'AWS AppConfig',
  'Deploy/AWS/CloudFormation': 'AWS CloudFormation',
  'Deploy/AWS/CloudFormationStackInstances': 'AWS CloudFormation StackSets',
  'Deploy/AWS/CloudFormationStackSet': 'AWS CloudFormation StackSets',
  'Deploy/AWS/CodeDeployToECS': 'Amazon ECS',
  'Deploy/AWS/EC2': 'Amazon EC2',
  'Deploy/AWS/ECS': 'Amazon ECS',
  'Deploy/AWS/EKS': 'Amazon EKS',
  'Deploy/AWS/ElasticBeanstalk': 'AWS Elastic Beanstalk',
  'Deploy/AWS/Lambda': 'AWS Lambda',
  'Deploy/AWS/ServiceCatalog': 'AWS Service Catalog',
  'Invoke/AWS/Lambda': 'AWS Lambda',
  'Invoke/AWS/StepFunctions': 'AWS Step Functions',
  'Source/AWS/CodeStarSourceConnection': 'AWS CodeConnections',
  'Source/AWS/ECR': 'Amazon ECR',
  'Source/ThirdParty/GitHub': 'GitHub',
  'Test/AWS/DeviceFarm': 'AWS Device Farm',
};

export function builtInAction(id: ActionTypeId): Action {
  const name = nameOf(id);
  return ACTIONS[name] ?? refusing(NOT_CARRIED[name] ?? id.provider);
}

/** The service that an action of this type needs and this house does not carry. */
export function serviceNotCarried(id: ActionTypeId): string | undefined {
  return NOT_CARRIED[nameOf(id)];
}

function nameOf({ category, owner, provider }: ActionTypeId): string {
  return `${category}/${owner}/${provider}`;
}

function refusing(service: string): Action {
  return {
    async start(_acting, { action }) {
      const message = `This Slipway does not carry ${service} yet: the action ${action} cannot run`;
      return Promise.reject(new ActionRefused('ConfigurationError', message));
    },
  };
}
