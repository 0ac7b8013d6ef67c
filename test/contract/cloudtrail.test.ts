/** CloudTrail's history through the official client: who did what, found again, and no secret in it. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CloudTrail, type Event, type LookupEventsCommandInput } from '@aws-sdk/client-cloudtrail';
import { CodeCommit } from '@aws-sdk/client-codecommit';
import { IAM } from '@aws-sdk/client-iam';
import { S3 } from '@aws-sdk/client-s3';
import { STS } from '@aws-sdk/client-sts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

let house: TestHouse;
let cloudtrail: CloudTrail;
let iam: IAM;
before(async () => {
  house = await createTestHouse();
  cloudtrail = new CloudTrail(settings());
  iam = new IAM(settings());
});
after(async () => {
  await house.close();
});

function settings(credentials: object = house.credentials) {
  return {
    endpoint: house.endpoint,
    region: house.region,
    credentials: credentials as TestHouse['credentials'],
    maxAttempts: 1,
    forcePathStyle: true,
  };
}

async function lookup(
  key: string,
  value: string,
  more: LookupEventsCommandInput = {},
): Promise<readonly Event[]> {
  const { Events: events = [] } = await cloudtrail.lookupEvents({
    LookupAttributes: [{ AttributeKey: key as 'EventName', AttributeValue: value }],
    ...more,
  });
  return events;
}

function recordOf(event: Event | undefined): Readonly<Record<string, unknown>> {
  return JSON.parse(event?.CloudTrailEvent ?? '{}') as Record<string, unknown>;
}

async function createUser(name: string, statements: readonly object[]) {
  await iam.createUser({ UserName: name });
  if (statements.length > 0)
    await iam.putUserPolicy({
      UserName: name,
      PolicyName: 'own',
      PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: statements }),
    });
  const { AccessKey: key } = await iam.createAccessKey({ UserName: name });
  return { accessKeyId: key?.AccessKeyId ?? '', secretAccessKey: key?.SecretAccessKey ?? '' };
}

test('a call of a user stands in the history as soon as it is answered', async () => {
  const key = await createUser('ann', [{ Effect: 'Allow', Action: 'codecommit:*', Resource: '*' }]);
  const codecommit = new CodeCommit(settings(key));
  await codecommit.createRepository({ repositoryName: 'shop', repositoryDescription: 'A shop' });
  const [event, ...others] = await lookup('EventName', 'CreateRepository');
  assert.deepEqual(others, []);
  const record = recordOf(event);
  const { User: user } = await iam.getUser({ UserName: 'ann' });
  const response = record['responseElements'] as { repositoryMetadata: { repositoryName: string } };
  assert.deepEqual(record, {
    eventVersion: '1.11',
    userIdentity: {
      type: 'IAMUser',
      principalId: user?.UserId,
      arn: 'arn:aws:iam::123456789012:user/ann',
      accountId: '123456789012',
      accessKeyId: key.accessKeyId,
      userName: 'ann',
    },
    eventTime: record['eventTime'],
    eventSource: 'codecommit.amazonaws.com',
    eventName: 'CreateRepository',
    awsRegion: 'us-east-1',
    sourceIPAddress: '127.0.0.1',
    userAgent: record['userAgent'],
    requestParameters: { repositoryName: 'shop', repositoryDescription: 'A shop' },
    responseElements: response,
    requestID: record['requestID'],
    eventID: event?.EventId,
    readOnly: false,
    resources: [
      {
        accountId: '123456789012',
        type: 'AWS::CodeCommit::Repository',
        ARN: 'arn:aws:codecommit:us-east-1:123456789012:shop',
      },
    ],
    eventType: 'AwsApiCall',
    managementEvent: true,
    recipientAccountId: '123456789012',
    eventCategory: 'Management',
  });
  assert.match(String(record['eventTime']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.match(String(record['userAgent']), /aws-sdk-js/);
  assert.equal(response.repositoryMetadata.repositoryName, 'shop');
  assert.deepEqual(
    { ...event, CloudTrailEvent: '', EventId: '', EventTime: '' },
    {
      EventId: '',
      EventName: 'CreateRepository',
      ReadOnly: 'false',
      AccessKeyId: key.accessKeyId,
      EventTime: '',
      EventSource: 'codecommit.amazonaws.com',
      Username: 'ann',
      Resources: [{ ResourceType: 'AWS::CodeCommit::Repository', ResourceName: 'shop' }],
      CloudTrailEvent: '',
    },
  );
});

test('denied and invalid calls stand in the history with their errors', async () => {
  const key = await createUser('bob', []);
  const codecommit = new CodeCommit(settings(key));
  await assert.rejects(codecommit.deleteRepository({ repositoryName: 'shop' }), {
    name: 'AccessDeniedException',
  });
  const [denied] = await lookup('Username', 'bob');
  const record = recordOf(denied);
  assert.equal(record['eventName'], 'DeleteRepository');
  assert.equal(record['errorCode'], 'AccessDenied');
  assert.match(
    String(record['errorMessage']),
    /^User: arn:aws:iam::123456789012:user\/bob is not authorized to perform: codecommit:DeleteRepository on resource:/,
  );
  assert.deepEqual(record['requestParameters'], { repositoryName: 'shop' });
  assert.equal(record['responseElements'], null);
  await assert.rejects(new CodeCommit(settings()).getRepository({ repositoryName: 'no such name!' }));
  const [invalid] = await lookup('EventName', 'GetRepository');
  assert.equal(recordOf(invalid)['errorCode'], 'InvalidRepositoryNameException');
  assert.equal(recordOf(invalid)['readOnly'], true);
});

test('a call that nobody proved to have made leaves no record', async () => {
  const codecommit = new CodeCommit(settings({ ...house.credentials, secretAccessKey: 'wrong' }));
  await assert.rejects(codecommit.deleteRepository({ repositoryName: 'unproven' }));
  assert.deepEqual(await lookup('ResourceName', 'unproven'), []);
});

test('a session is told with its role, and a service with its name', async () => {
  const trust = {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { AWS: house.account }, Action: 'sts:AssumeRole' }],
  };
  const { Role: role } = await iam.createRole({
    RoleName: 'reader',
    AssumeRolePolicyDocument: JSON.stringify(trust),
  });
  const key = await createUser('carl', [{ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' }]);
  const { Credentials: session } = await new STS(settings(key)).assumeRole({
    RoleArn: role?.Arn ?? '',
    RoleSessionName: 'evening',
  });
  const [assumed] = (await lookup('Username', 'carl')).filter(({ EventName: name }) => name === 'AssumeRole');
  assert.equal(recordOf(assumed)['readOnly'], true);
  const credentials = {
    accessKeyId: session?.AccessKeyId ?? '',
    secretAccessKey: session?.SecretAccessKey ?? '',
    sessionToken: session?.SessionToken ?? '',
  };
  await assert.rejects(new CodeCommit(settings(credentials)).listRepositories({}));
  const [event] = await lookup('Username', 'evening');
  assert.deepEqual(recordOf(event)['userIdentity'], {
    type: 'AssumedRole',
    principalId: `${role?.RoleId}:evening`,
    arn: 'arn:aws:sts::123456789012:assumed-role/reader/evening',
    accountId: '123456789012',
    accessKeyId: credentials.accessKeyId,
    sessionContext: {
      sessionIssuer: {
        type: 'Role',
        principalId: role?.RoleId,
        arn: 'arn:aws:iam::123456789012:role/reader',
        accountId: '123456789012',
        userName: 'reader',
      },
      attributes: {
        creationDate: (
          recordOf(event)['userIdentity'] as { sessionContext: { attributes: { creationDate: string } } }
        ).sessionContext.attributes.creationDate,
        mfaAuthenticated: 'false',
      },
    },
  });
  const inner = house.slipway.house.asService('codepipeline');
  await assert.rejects(inner.send('codecommit:DeleteRepository', { repositoryName: 'shop' }));
  const deletions = await lookup('EventName', 'DeleteRepository');
  const record = recordOf(deletions[0]);
  assert.deepEqual(record['userIdentity'], { type: 'AWSService', invokedBy: 'codepipeline.amazonaws.com' });
  assert.equal(record['sourceIPAddress'], 'codepipeline.amazonaws.com');
  assert.equal(record['userAgent'], 'codepipeline.amazonaws.com');
});

test('no secret of an answer or a request stands in the history', async () => {
  const key = await createUser('dora', []);
  const password = await iam.createServiceSpecificCredential({
    UserName: 'dora',
    ServiceName: 'codecommit.amazonaws.com',
  });
  const secrets = [key.secretAccessKey, password.ServiceSpecificCredential?.ServicePassword ?? ''];
  for (const secret of secrets) assert.ok(secret.length > 10);
  const { Events: events = [] } = await cloudtrail.lookupEvents({});
  const text = JSON.stringify(events);
  assert.match(text, /CreateServiceSpecificCredential/);
  for (const secret of secrets) assert.equal(text.includes(secret), false);
  const [created] = await lookup('EventName', 'CreateAccessKey');
  const { accessKey } = recordOf(created)['responseElements'] as { accessKey: Record<string, string> };
  assert.equal(accessKey['accessKeyId'], key.accessKeyId);
  assert.equal(accessKey['secretAccessKey'], 'HIDDEN_DUE_TO_SECURITY_REASONS');
});

test('objects are data: only the bucket is told', async () => {
  const s3 = new S3(settings());
  await s3.createBucket({ Bucket: 'data-events' });
  await s3.putObject({ Bucket: 'data-events', Key: 'a', Body: 'a' });
  await s3.getObject({ Bucket: 'data-events', Key: 'a' });
  const names = (await lookup('EventSource', 's3.amazonaws.com')).map(({ EventName: name }) => name);
  assert.deepEqual(names, ['CreateBucket']);
  const [bucket] = await lookup('ResourceName', 'data-events');
  assert.deepEqual(recordOf(bucket)['requestParameters'], { bucketName: 'data-events' });
  assert.equal((await lookup('ResourceName', 'arn:aws:s3:::data-events')).length, 1);
  assert.ok((await lookup('ResourceType', 'AWS::S3::Bucket')).length >= 1);
});

test('the history is read in pages, newest first, within a time range', async () => {
  const from = new Date();
  const codecommit = new CodeCommit(settings());
  for (let index = 0; index < 7; index++) await codecommit.listBranches({ repositoryName: 'shop' });
  const seen: string[] = [];
  let token: string | undefined;
  let pages = 0;
  do {
    const page = await cloudtrail.lookupEvents({
      LookupAttributes: [{ AttributeKey: 'EventName', AttributeValue: 'ListBranches' }],
      StartTime: from,
      MaxResults: 3,
      ...(token !== undefined && { NextToken: token }),
    });
    const times = (page.Events ?? []).map(({ EventTime: time }) => time?.getTime() ?? 0);
    assert.deepEqual(
      times,
      [...times].sort((a, b) => b - a),
    );
    seen.push(...(page.Events ?? []).map(({ EventId: id }) => id ?? ''));
    token = page.NextToken;
    pages++;
  } while (token !== undefined);
  assert.deepEqual({ events: new Set(seen).size, pages }, { events: 7, pages: 3 });
  assert.deepEqual(
    await lookup('EventName', 'ListBranches', { EndTime: new Date(from.getTime() - 60_000) }),
    [],
  );
  assert.equal((await lookup('EventId', seen[3] ?? '')).length, 1);
  assert.ok((await lookup('ReadOnly', 'false', { MaxResults: 1 })).length === 1);
});

test('questions that cannot be answered are refused', async () => {
  const refuses = (input: LookupEventsCommandInput, name: string) =>
    assert.rejects(cloudtrail.lookupEvents(input), { name });
  await refuses({ StartTime: new Date(2), EndTime: new Date(1) }, 'InvalidTimeRangeException');
  await refuses({ NextToken: 'made-up' }, 'InvalidNextTokenException');
  const attribute = { AttributeKey: 'EventName', AttributeValue: 'x' } as const;
  await refuses({ LookupAttributes: [attribute, attribute] }, 'InvalidLookupAttributesException');
  await assert.rejects(cloudtrail.createEventDataStore({ Name: 'lake' }), {
    name: 'UnsupportedOperationException',
  });
});

test('the history outlives the server, and a quiet read too when it ends in order', async () => {
  const codecommit = new CodeCommit(settings());
  await codecommit.getBranch({ repositoryName: 'shop', branchName: 'none' }).catch(() => {});
  await house.restart();
  cloudtrail = new CloudTrail(settings());
  assert.equal((await lookup('EventName', 'GetBranch')).length, 1);
  assert.equal((await lookup('EventName', 'CreateRepository')).length, 1);
});
