/**
 * What stands in the house of a local run: a role, two buckets, the secrets, and one project that builds the folders of
 * this machine as a project of a server builds its sources. Made by the calls that anybody would make.
 */

import { isFault } from '#base/fault.ts';
import { REPORT_FORMATS, reportTypeOf } from '#core/report/report.ts';
import type { Caller } from '#services/service.ts';
import type { RunPlan } from './run-options.ts';

export const BUCKETS = { artifacts: 'slipway-run-artifacts', reports: 'slipway-run-reports' } as const;
const ROLE = 'slipway-run';
/** What a build of this house may do in it; nothing of yours is there. */
const ACTIONS = [
  'logs:*',
  's3:*',
  'kms:*',
  'codebuild:CreateReportGroup',
  'codebuild:CreateReport',
  'codebuild:UpdateReport',
  'codebuild:BatchPutTestCases',
  'codebuild:BatchPutCodeCoverages',
  'ssm:GetParameters',
  'secretsmanager:GetSecretValue',
];

/** Two buckets, a role, the secrets, the report groups and the project. */
export async function furnish(root: Caller, plan: RunPlan): Promise<void> {
  for (const Bucket of Object.values(BUCKETS)) await root.send('s3:CreateBucket', { Bucket });
  await root.send('iam:CreateRole', {
    RoleName: ROLE,
    AssumeRolePolicyDocument: policyOf({
      Effect: 'Allow',
      Principal: { Service: 'codebuild.amazonaws.com' },
      Action: 'sts:AssumeRole',
    }),
  });
  await root.send('iam:PutRolePolicy', {
    RoleName: ROLE,
    PolicyName: 'build',
    PolicyDocument: policyOf({ Effect: 'Allow', Action: ACTIONS, Resource: '*' }),
  });
  for (const { name, value, type } of plan.variables) {
    if (type === 'PARAMETER_STORE') {
      await root.send('ssm:PutParameter', {
        Name: secretName(name),
        Value: value,
        Type: 'SecureString',
        Tier: 'Advanced',
      });
    } else if (type === 'SECRETS_MANAGER') {
      await root.send('secretsmanager:CreateSecret', { Name: secretName(name), SecretString: value });
    }
  }
  if (plan.reports !== undefined) await createReportGroups(root, plan);
  await createProject(root, plan);
}

function secretName(variable: string): string {
  return `/slipway-run/${variable}`;
}

/** Made before the build, which would make them too, so that the raw files are kept. */
async function createReportGroups(root: Caller, { projectName, spec }: RunPlan): Promise<void> {
  const groups = [
    ...(spec?.reports ?? []).map(({ name, format }) => ({
      name: name.startsWith('arn:') ? name.slice(name.lastIndexOf('/') + 1) : `${projectName}-${name}`,
      format,
    })),
    ...REPORT_FORMATS.map((format) => ({ name: `${projectName}-${format}-AutoDiscovered`, format })),
  ];
  for (const { name, format } of groups) {
    const making = root.send('codebuild:CreateReportGroup', {
      name,
      type: reportTypeOf(format),
      exportConfig: {
        exportConfigType: 'S3',
        s3Destination: {
          bucket: BUCKETS.reports,
          path: name,
          packaging: 'NONE',
          encryptionDisabled: true,
        },
      },
    });
    await making.catch((error: unknown) => {
      // A name that cannot be is for the build to tell.
      if (!isFault(error)) throw error;
    });
  }
}

async function createProject(root: Caller, plan: RunPlan): Promise<void> {
  const artifact = (name: string) => ({
    type: 'S3' as const,
    location: BUCKETS.artifacts,
    name: `${name}.zip`,
    packaging: 'ZIP' as const,
    encryptionDisabled: true,
  });
  await root.send('codebuild:CreateProject', {
    name: plan.projectName,
    serviceRole: ROLE,
    source: { type: 'S3', location: locationOf(), buildspec: plan.buildspec },
    secondarySources: plan.secondary.map(({ identifier }) => ({
      type: 'S3',
      location: locationOf(identifier),
      sourceIdentifier: identifier,
    })),
    // Collected also when nobody keeps them, so that a wrong pattern fails here as it would on a server.
    artifacts: plan.spec?.artifacts ? artifact('artifacts') : { type: 'NO_ARTIFACTS' },
    secondaryArtifacts: Object.keys(plan.spec?.secondaryArtifacts ?? {}).map((identifier) => ({
      ...artifact(identifier),
      artifactIdentifier: identifier,
    })),
    environment: {
      type: process.arch === 'arm64' ? 'ARM_CONTAINER' : 'LINUX_CONTAINER',
      image: plan.image,
      computeType: plan.computeType as 'BUILD_GENERAL1_SMALL',
      privilegedMode: plan.privileged,
      environmentVariables: plan.variables.map(({ name, value, type }) => ({
        name,
        value: type === 'PLAINTEXT' ? value : secretName(name),
        type,
      })),
    },
    timeoutInMinutes: plan.timeoutMinutes,
  });
}

function policyOf(statement: object): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
}

/** What stands for the folder of a source; an ID is never empty. */
export function locationOf(identifier = ''): string {
  return `slipway-run/${identifier}/`;
}
