/**
 * Key policies: the one a new key gets, those of the services' own keys, and whether a policy would lock its maker out.
 * See "Default key policy" and "AWS managed keys" in the KMS Developer Guide. Pure.
 */

import type { PolicyDocument } from '#core/policy/document.ts';
import { evaluate } from '#core/policy/evaluate.ts';
import type { Principal } from '#core/policy/principal.ts';

/** Hands the decision to the account's identity policies. */
export function defaultKeyPolicy(account: string): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Id: 'key-default-1',
    Statement: [
      {
        Sid: 'Enable IAM User Permissions',
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${account}:root` },
        Action: 'kms:*',
        Resource: '*',
      },
    ],
  });
}

/** Services whose own keys are made at their first use, with the names that their key policies show. */
const SERVICE_TITLES: Readonly<Record<string, string>> = {
  codecommit: 'CodeCommit',
  lambda: 'Lambda',
  s3: 'S3',
  secretsmanager: 'Secrets Manager',
  sns: 'SNS',
  sqs: 'SQS',
  ssm: 'SSM',
};

/** `s3` of `alias/aws/s3`; `undefined` when there is no such key. */
export function serviceOfAlias(alias: string): string | undefined {
  const name = /^alias\/aws\/([a-z0-9]+)$/.exec(alias)?.[1];
  return name !== undefined && Object.hasOwn(SERVICE_TITLES, name) ? name : undefined;
}

/** Everybody in the account may use the service's key, but only through the service; nobody may change it. */
export function managedKeyPolicy(service: string, account: string, region: string): string {
  const title = SERVICE_TITLES[service] ?? service;
  return JSON.stringify({
    Version: '2012-10-17',
    Id: `auto-${service}-1`,
    Statement: [
      {
        Sid: `Allow access through ${title} for all principals in the account that are authorized to use ${title}`,
        Effect: 'Allow',
        Principal: { AWS: '*' },
        Action: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:DescribeKey'],
        Resource: '*',
        Condition: {
          StringEquals: {
            'kms:CallerAccount': account,
            'kms:ViaService': `${service}.${region}.amazonaws.com`,
          },
        },
      },
      {
        Sid: 'Allow direct access to key metadata to the account',
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${account}:root` },
        Action: ['kms:Describe*', 'kms:Get*', 'kms:List*'],
        Resource: '*',
      },
    ],
  });
}

const EVERYTHING: PolicyDocument = {
  version: '2012-10-17',
  statements: [{ effect: 'Allow', actions: ['*'], resources: ['*'], conditions: [] }],
};

/** Whether whoever puts this policy could put another one later, as far as the policy says. */
export function keepsControl(policy: PolicyDocument, principal: Principal, arn: string): boolean {
  const verdict = evaluate({
    principal,
    action: 'kms:PutKeyPolicy',
    resource: arn,
    context: principal.type === 'anonymous' ? {} : { 'kms:CallerAccount': principal.account },
    identity: [EVERYTHING],
    resourcePolicy: policy,
  });
  return verdict.decision === 'allow';
}
