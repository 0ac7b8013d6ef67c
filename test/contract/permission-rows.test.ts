/**
 * Every operation asks for a permission of its own. For each handler in the maps of all rooms, a user without policies is
 * told which action on which resource was missing; that sentence must name the action that AWS documents for the
 * operation, and a resource wherever the operation names one. Calls inside the house take the same way, and each of them
 * is shown to come to a decision.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { parseArn } from '#base/arn.ts';
import { isFault } from '#base/fault.ts';
import type { Principal } from '#core/policy/principal.ts';
import type { Permission } from '#services/service.ts';
import type { OperationId } from '#services/clients.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { leastInput } from '#test/support/least-input.ts';
import { loadModel } from '#wire/model.ts';

/** Open to whoever has credentials, or answered per key or per host; `no-policies.test.ts` has them one by one. */
const ELSEWHERE = new Set([
  ...['sts:GetCallerIdentity', 'sts:GetSessionToken', 'sns:ConfirmSubscription', 'sns:Unsubscribe'],
  ...['s3:DeleteObjects', 'sts:AssumeRoleWithWebIdentity'],
]);
const HOST_COMMANDS = 'codedeploy-commands:';

/** Where the action has another name than the operation, from the Service Authorization Reference. */
const ACTIONS: Readonly<Record<string, string>> = {
  'codestar-notifications:ListTagsForResource': 'codestar-notifications:ListTagsforResource',
  'kms:ReEncrypt': 'kms:ReEncryptTo',
  'sns:PublishBatch': 'sns:Publish',
  'sqs:ChangeMessageVisibilityBatch': 'sqs:ChangeMessageVisibility',
  'sqs:DeleteMessageBatch': 'sqs:DeleteMessage',
  'sqs:SendMessageBatch': 'sqs:SendMessage',
  's3:CompleteMultipartUpload': 's3:PutObject',
  's3:CopyObject': 's3:GetObject',
  's3:CreateMultipartUpload': 's3:PutObject',
  's3:DeleteBucketEncryption': 's3:PutEncryptionConfiguration',
  's3:DeleteBucketLifecycle': 's3:PutLifecycleConfiguration',
  's3:DeleteBucketOwnershipControls': 's3:PutBucketOwnershipControls',
  's3:DeleteBucketTagging': 's3:PutBucketTagging',
  's3:DeletePublicAccessBlock': 's3:PutBucketPublicAccessBlock',
  's3:GetBucketAccelerateConfiguration': 's3:GetAccelerateConfiguration',
  's3:GetBucketCors': 's3:GetBucketCORS',
  's3:PutBucketCors': 's3:PutBucketCORS',
  's3:DeleteBucketCors': 's3:PutBucketCORS',
  's3:GetBucketEncryption': 's3:GetEncryptionConfiguration',
  's3:GetBucketLifecycleConfiguration': 's3:GetLifecycleConfiguration',
  's3:GetBucketNotificationConfiguration': 's3:GetBucketNotification',
  's3:GetBucketReplication': 's3:GetReplicationConfiguration',
  's3:GetObjectAttributes': 's3:GetObject',
  's3:GetObjectLockConfiguration': 's3:GetBucketObjectLockConfiguration',
  's3:GetPublicAccessBlock': 's3:GetBucketPublicAccessBlock',
  's3:HeadBucket': 's3:ListBucket',
  's3:HeadObject': 's3:GetObject',
  's3:ListBuckets': 's3:ListAllMyBuckets',
  's3:ListMultipartUploads': 's3:ListBucketMultipartUploads',
  's3:ListObjectVersions': 's3:ListBucketVersions',
  's3:ListObjects': 's3:ListBucket',
  's3:ListObjectsV2': 's3:ListBucket',
  's3:ListParts': 's3:ListMultipartUploadParts',
  's3:PutBucketEncryption': 's3:PutEncryptionConfiguration',
  's3:PutBucketLifecycleConfiguration': 's3:PutLifecycleConfiguration',
  's3:PutBucketNotificationConfiguration': 's3:PutBucketNotification',
  's3:PutPublicAccessBlock': 's3:PutBucketPublicAccessBlock',
  's3:UploadPart': 's3:PutObject',
  's3:UploadPartCopy': 's3:GetObject',
};

/** Operations that must be told something and still have no resource-level permission, from the same reference. */
const WITHOUT_RESOURCE = new Set([
  ...[
    'iam:GetServiceLinkedRoleDeletionStatus',
    'iam:SimulateCustomPolicy',
    'iam:GetContextKeysForCustomPolicy',
    'sts:GetAccessKeyInfo',
  ],
  ...[
    'logs:TestMetricFilter',
    'logs:CancelExportTask',
    'secretsmanager:ValidateResourcePolicy',
    'events:TestEventPattern',
    'events:ListRuleNamesByTarget',
  ],
  ...['cloudwatch:PutMetricData', 'cloudwatch:GetMetricStatistics', 'cloudwatch:GetMetricData'],
  ...['cloudwatch:DescribeAlarmsForMetric', 'cloudwatch:DescribeAlarmContributors'],
  ...['kms:ListRetirableGrants', 'sns:Publish', 'codestar-notifications:DeleteTarget'],
  ...['codebuild:ImportSourceCredentials', 'codebuild:DeleteSourceCredentials'],
  ...['codepipeline:GetActionType', 'codepipeline:AcknowledgeJob', 'codepipeline:GetJobDetails'],
  ...['codepipeline:PutJobSuccessResult', 'codepipeline:PutJobFailureResult'],
  ...['codepipeline:PollForThirdPartyJobs', 'codepipeline:GetThirdPartyJobDetails'],
  ...['codepipeline:AcknowledgeThirdPartyJob', 'codepipeline:PutThirdPartyJobSuccessResult'],
  'codepipeline:PutThirdPartyJobFailureResult',
]);

let house: TestHouse;
let nobody: Principal;
before(async () => {
  house = await createTestHouse();
  const { User: user } = await house.slipway.root.send('iam:CreateUser', { UserName: 'nobody' });
  assert.ok(user?.UserId && user.Arn);
  nobody = { type: 'user', account: house.account, userName: 'nobody', userId: user.UserId, arn: user.Arn };
});
after(() => house.close());

interface Asked {
  readonly id: string;
  readonly action: string;
  readonly resource: string;
}

/** What a user without policies is told to lack, for every operation that somebody here answers. */
async function asked(): Promise<readonly Asked[]> {
  const all: Asked[] = [];
  for (const room of house.slipway.rooms) {
    for (const [name, operation] of Object.entries(room.operations)) {
      const id = `${room.name}:${name}`;
      if (typeof operation !== 'function' || ELSEWHERE.has(id) || id.startsWith(HOST_COMMANDS)) continue;
      const [action, resource] = await refusalOf(id);
      all.push({ id, action, resource });
    }
  }
  return all;
}

async function refusalOf(id: string): Promise<readonly [string, string]> {
  try {
    await house.slipway.house.trust.as(nobody).send(id as OperationId, leastInput(id) as never);
  } catch (error) {
    if (!isFault(error)) throw error;
    const [, action, resource] =
      / is not authorized to perform: (\S+) on resource: (\S+)/.exec(error.message) ?? [];
    return [action ?? error.code, resource ?? error.message];
  }
  return ['nothing', 'answered'];
}

test('every operation asks for its own action', async () => {
  const refused = await asked();
  assert.ok(refused.length > 400, `only ${refused.length} operations`);
  assert.deepEqual(
    refused.filter(({ id, action }) => action !== (ACTIONS[id] ?? id)),
    [],
  );
});

test('every operation that names a resource asks for that resource', async () => {
  const isNameless = (id: string) => {
    const [service = '', operation = ''] = id.split(':');
    return (loadModel(service).operations.get(operation)?.input?.required.size ?? 0) === 0;
  };
  const wrong = (await asked()).filter(({ id, resource }) =>
    resource === '*' ? !isNameless(id) && !WITHOUT_RESOURCE.has(id) : !isOurs(resource, id),
  );
  assert.deepEqual(wrong, []);
});

/** Names that the least input makes up may be no ARNs where an ARN is asked for. */
function isOurs(resource: string, id: string): boolean {
  return (
    parseArn(resource) !== undefined || JSON.stringify(leastInput(id)).includes(JSON.stringify(resource))
  );
}

test('rows add condition keys by names that a policy can hold, and nothing but texts', () => {
  const wrong: string[] = [];
  for (const room of house.slipway.rooms) {
    const rows = Object.entries(room.permissions as Readonly<Record<string, Row>>);
    for (const [name, row] of rows) {
      if (typeof operationOf(room, name) !== 'function') continue;
      const id = `${room.name}:${name}`;
      for (const { action, context = {} } of row(leastInput(id), house)) {
        if (!/^[a-z0-9-]+:[A-Za-z]+$/.test(action)) wrong.push(`${id} asks for ${action}`);
        for (const [key, value] of Object.entries(context)) {
          const texts = typeof value === 'string' ? [value] : value;
          const isRight =
            /^[a-z0-9-]+:[A-Za-z0-9.:/_-]+$/.test(key) && texts.every((text) => typeof text === 'string');
          if (!isRight) wrong.push(`${id} gives ${key} = ${JSON.stringify(value)}`);
        }
      }
    }
  }
  assert.deepEqual(wrong, []);
});

function operationOf(room: TestHouse['slipway']['rooms'][number], name: string): unknown {
  return (room.operations as Readonly<Record<string, unknown>>)[name];
}

type Row = (input: object, scope: TestHouse) => readonly Permission[];

test('no row belongs to an operation that nobody has', () => {
  const wrong = house.slipway.rooms.flatMap((room) =>
    Object.keys(room.permissions)
      .filter((name) => operationOf(room, name) === undefined)
      .map((name) => `${room.name}:${name}`),
  );
  assert.deepEqual(wrong, []);
});
