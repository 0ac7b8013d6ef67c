/** The type and the name by which CloudTrail knows a resource, read from its ARN. */

import { parseArn } from '#base/arn.ts';

export interface TrailResource {
  /** `AWS::CodePipeline::Pipeline` */
  readonly type: string;
  readonly name: string;
}

type Read = (resource: string) => TrailResource | undefined;

const READERS: Readonly<Record<string, Read>> = {
  cloudtrail: (resource) => after(resource, 'trail/', 'AWS::CloudTrail::Trail'),
  codebuild: (resource) =>
    after(resource, 'project/', 'AWS::CodeBuild::Project') ??
    after(resource, 'build/', 'AWS::CodeBuild::Build'),
  codecommit: (resource) => ({ type: 'AWS::CodeCommit::Repository', name: resource }),
  codedeploy: (resource) =>
    after(resource, 'application:', 'AWS::CodeDeploy::Application') ??
    after(resource, 'deploymentgroup:', 'AWS::CodeDeploy::DeploymentGroup') ??
    after(resource, 'deploymentconfig:', 'AWS::CodeDeploy::DeploymentConfig'),
  codepipeline: (resource) =>
    after(resource, 'webhook:', 'AWS::CodePipeline::Webhook') ??
    after(resource, 'actiontype:', 'AWS::CodePipeline::CustomActionType') ?? {
      type: 'AWS::CodePipeline::Pipeline',
      // Stages and actions have ARNs below their pipeline's.
      name: resource.split('/')[0] ?? '',
    },
  events: (resource) =>
    after(resource, 'rule/', 'AWS::Events::Rule') ?? after(resource, 'event-bus/', 'AWS::Events::EventBus'),
  iam: (resource) =>
    below(resource, 'role/', 'AWS::IAM::Role') ??
    below(resource, 'user/', 'AWS::IAM::User') ??
    below(resource, 'group/', 'AWS::IAM::Group') ??
    below(resource, 'policy/', 'AWS::IAM::Policy'),
  kms: (resource) => after(resource, 'key/', 'AWS::KMS::Key') ?? after(resource, 'alias/', 'AWS::KMS::Alias'),
  logs: (resource) => {
    const [kind, name = ''] = resource.split(':');
    return kind === 'log-group' ? { type: 'AWS::Logs::LogGroup', name } : undefined;
  },
  s3: (resource) =>
    resource.includes('/')
      ? { type: 'AWS::S3::Object', name: resource }
      : { type: 'AWS::S3::Bucket', name: resource },
  sns: (resource) => ({ type: 'AWS::SNS::Topic', name: resource.split(':')[0] ?? '' }),
  sqs: (resource) => ({ type: 'AWS::SQS::Queue', name: resource }),
};

/** `undefined` for patterns, for whole services, and for kinds that have no type of their own. */
export function resourceOf(arn: string): TrailResource | undefined {
  const parsed = parseArn(arn);
  if (!parsed || parsed.resource.includes('*')) return undefined;
  const read = Object.hasOwn(READERS, parsed.service) ? READERS[parsed.service] : undefined;
  const found = read?.(parsed.resource);
  return found && found.name !== '' ? found : undefined;
}

function after(resource: string, prefix: string, type: string): TrailResource | undefined {
  return resource.startsWith(prefix) ? { type, name: resource.slice(prefix.length) } : undefined;
}

/** Without the path that IAM's names may have. */
function below(resource: string, prefix: string, type: string): TrailResource | undefined {
  return resource.startsWith(prefix) ? { type, name: resource.split('/').at(-1) ?? '' } : undefined;
}
