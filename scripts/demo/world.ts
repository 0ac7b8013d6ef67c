/**
 * What the demo needs in the account: roles, a bucket, a repository with a git credential, a build project, hosts with
 * their own users, a deployment group and a pipeline. Made with the official clients, as any user would make it.
 */

import { CodeBuild } from '@aws-sdk/client-codebuild';
import { CodeCommit } from '@aws-sdk/client-codecommit';
import { CodeDeploy } from '@aws-sdk/client-codedeploy';
import { CodePipeline } from '@aws-sdk/client-codepipeline';
import { IAM } from '@aws-sdk/client-iam';
import { S3 } from '@aws-sdk/client-s3';
import { STS } from '@aws-sdk/client-sts';

export interface Connection {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** How often a client tries; more than usual where the server is being killed. */
  readonly maxAttempts?: number;
}

export function connect(connection: Connection) {
  const options = {
    endpoint: connection.endpoint,
    region: connection.region,
    maxAttempts: connection.maxAttempts ?? 3,
    credentials: { accessKeyId: connection.accessKeyId, secretAccessKey: connection.secretAccessKey },
  };
  return {
    codebuild: new CodeBuild(options),
    codecommit: new CodeCommit(options),
    codedeploy: new CodeDeploy(options),
    codepipeline: new CodePipeline(options),
    iam: new IAM(options),
    s3: new S3({ ...options, forcePathStyle: true }),
    sts: new STS(options),
  };
}

export type Clients = ReturnType<typeof connect>;

export interface HostCredentials {
  readonly name: string;
  readonly arn: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export const NAMES = {
  repository: 'hello',
  bucket: 'hello-artifacts',
  project: 'hello-build',
  application: 'hello',
  group: 'hosts',
  pipeline: 'hello',
} as const;

export async function accountOf(clients: Clients): Promise<string> {
  return (await clients.sts.getCallerIdentity({})).Account ?? '';
}

/** A role that one service may assume, with the given actions on everything the demo makes. */
async function createRole(clients: Clients, name: string, service: string, actions: readonly string[]) {
  const { Role } = await clients.iam.createRole({
    RoleName: name,
    AssumeRolePolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Principal: { Service: `${service}.amazonaws.com` }, Action: 'sts:AssumeRole' },
      ],
    }),
  });
  await clients.iam.putRolePolicy({
    RoleName: name,
    PolicyName: 'work',
    PolicyDocument: policy(actions),
  });
  return Role?.Arn ?? '';
}

function policy(actions: readonly string[]): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }],
  });
}

export async function createRoles(clients: Clients) {
  const artifacts = [
    's3:GetObject',
    's3:GetObjectVersion',
    's3:PutObject',
    's3:GetBucketVersioning',
    's3:GetBucketLocation',
  ];
  const [pipeline, build, deploy] = await Promise.all([
    createRole(clients, 'hello-pipeline', 'codepipeline', [
      ...artifacts,
      'codecommit:GetRepository',
      'codecommit:GetBranch',
      'codecommit:GetCommit',
      'codecommit:UploadArchive',
      'codecommit:GetUploadArchiveStatus',
      'codecommit:CancelUploadArchive',
      'codebuild:StartBuild',
      'codebuild:BatchGetBuilds',
      'codedeploy:CreateDeployment',
      'codedeploy:GetDeployment',
      'codedeploy:GetDeploymentConfig',
      'codedeploy:GetApplication',
      'codedeploy:GetApplicationRevision',
      'codedeploy:RegisterApplicationRevision',
    ]),
    createRole(clients, 'hello-build', 'codebuild', [
      ...artifacts,
      'logs:CreateLogGroup',
      'logs:CreateLogStream',
      'logs:PutLogEvents',
    ]),
    createRole(clients, 'hello-deploy', 'codedeploy', [...artifacts, 'tag:GetResources']),
  ]);
  return { pipeline, build, deploy };
}

/** A repository, and a git user who may pull and push. */
export async function createRepository(clients: Clients) {
  const { repositoryMetadata } = await clients.codecommit.createRepository({
    repositoryName: NAMES.repository,
  });
  await clients.iam.createUser({ UserName: 'developer' });
  await clients.iam.putUserPolicy({
    UserName: 'developer',
    PolicyName: 'git',
    PolicyDocument: policy(['codecommit:GitPull', 'codecommit:GitPush']),
  });
  const { ServiceSpecificCredential: credential } = await clients.iam.createServiceSpecificCredential({
    UserName: 'developer',
    ServiceName: 'codecommit.amazonaws.com',
  });
  return {
    url: repositoryMetadata?.cloneUrlHttp ?? '',
    userName: credential?.ServiceUserName ?? '',
    password: credential?.ServicePassword ?? '',
  };
}

export async function createBuildProject(clients: Clients, roleArn: string): Promise<void> {
  await clients.codebuild.createProject({
    name: NAMES.project,
    source: { type: 'CODEPIPELINE' },
    artifacts: { type: 'CODEPIPELINE' },
    serviceRole: roleArn,
    environment: {
      type: 'LINUX_CONTAINER',
      image: 'aws/codebuild/standard:7.0',
      computeType: 'BUILD_GENERAL1_SMALL',
    },
  });
}

/** Hosts with users of their own, registered and tagged, and the group that deploys to them one at a time. */
export async function createHosts(clients: Clients, names: readonly string[], deployRoleArn: string) {
  const hosts = await Promise.all(
    names.map(async (name): Promise<HostCredentials> => {
      const { User } = await clients.iam.createUser({ UserName: name });
      await clients.iam.putUserPolicy({
        UserName: name,
        PolicyName: 'revisions',
        PolicyDocument: policy(['s3:GetObject', 's3:GetObjectVersion']),
      });
      const { AccessKey } = await clients.iam.createAccessKey({ UserName: name });
      const arn = User?.Arn ?? '';
      await clients.codedeploy.registerOnPremisesInstance({ instanceName: name, iamUserArn: arn });
      return {
        name,
        arn,
        accessKeyId: AccessKey?.AccessKeyId ?? '',
        secretAccessKey: AccessKey?.SecretAccessKey ?? '',
      };
    }),
  );
  await clients.codedeploy.addTagsToOnPremisesInstances({
    instanceNames: [...names],
    tags: [{ Key: 'role', Value: 'hello' }],
  });
  await clients.codedeploy.createApplication({
    applicationName: NAMES.application,
    computePlatform: 'Server',
  });
  await clients.codedeploy.createDeploymentGroup({
    applicationName: NAMES.application,
    deploymentGroupName: NAMES.group,
    serviceRoleArn: deployRoleArn,
    deploymentConfigName: 'CodeDeployDefault.OneAtATime',
    onPremisesInstanceTagFilters: [{ Key: 'role', Value: 'hello', Type: 'KEY_AND_VALUE' }],
    autoRollbackConfiguration: { enabled: true, events: ['DEPLOYMENT_FAILURE'] },
  });
  return hosts;
}

export async function createPipeline(clients: Clients, roleArn: string): Promise<void> {
  const type = (category: 'Source' | 'Build' | 'Approval' | 'Deploy', provider: string) =>
    ({ category, owner: 'AWS', provider, version: '1' }) as const;
  await clients.codepipeline.createPipeline({
    pipeline: {
      name: NAMES.pipeline,
      roleArn,
      artifactStore: { type: 'S3', location: NAMES.bucket },
      stages: [
        {
          name: 'Source',
          actions: [
            {
              name: 'Commit',
              actionTypeId: type('Source', 'CodeCommit'),
              configuration: {
                RepositoryName: NAMES.repository,
                BranchName: 'main',
              },
              outputArtifacts: [{ name: 'SourceOutput' }],
              namespace: 'Source',
            },
          ],
        },
        {
          name: 'Build',
          actions: [
            {
              name: 'BuildAndTest',
              actionTypeId: type('Build', 'CodeBuild'),
              configuration: { ProjectName: NAMES.project },
              inputArtifacts: [{ name: 'SourceOutput' }],
              outputArtifacts: [{ name: 'Release' }],
              namespace: 'Build',
            },
          ],
        },
        {
          name: 'Approve',
          actions: [
            {
              name: 'Release',
              actionTypeId: type('Approval', 'Manual'),
              configuration: { CustomData: 'Release #{Build.RELEASE}: #{Source.CommitMessage}' },
            },
          ],
        },
        {
          name: 'Deploy',
          actions: [
            {
              name: 'Hosts',
              actionTypeId: type('Deploy', 'CodeDeploy'),
              configuration: { ApplicationName: NAMES.application, DeploymentGroupName: NAMES.group },
              inputArtifacts: [{ name: 'Release' }],
            },
          ],
        },
      ],
    },
  });
}
