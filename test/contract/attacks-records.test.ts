/**
 * Whoever reads the history learns no secret from it: secrets of every room, given or answered, in calls that succeed,
 * are denied, are not supported or make no sense.
 */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { Caller } from '#services/service.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createPipelines, ROLE_ARN, sourceAction, stageOf } from '#test/support/pipelines.ts';

let house: TestHouse;
before(async () => {
  house = await createTestHouse();
  (await createPipelines(house)).close();
});
after(() => house.close());

/** Each a text that stands nowhere else. */
const secrets: string[] = [];
function secret(): string {
  const text = `S3cret${randomBytes(12).toString('hex')}`;
  secrets.push(text);
  return text;
}

/** In every form in which it could stand in a record. */
function formsOf(text: string): readonly string[] {
  return [text, Buffer.from(text).toString('base64').replace(/=+$/, ''), Buffer.from(text).toString('hex')];
}

/** Sends, whatever comes of it; gives what was answered. */
async function attempt(caller: Caller, id: Parameters<Caller['send']>[0], input: object): Promise<object> {
  try {
    return await caller.send(id, input as never);
  } catch {
    return {};
  }
}

function texts(value: unknown, found: string[] = []): readonly string[] {
  if (typeof value === 'string') found.push(value);
  else if (value instanceof Uint8Array) found.push(Buffer.from(value).toString('latin1'));
  else if (typeof value === 'object' && value !== null)
    for (const item of Object.values(value)) texts(item, found);
  return found;
}

function declaration(name: string, configuration: Readonly<Record<string, string>>) {
  const fetch = sourceAction('Fetch', {
    actionTypeId: { category: 'Source', owner: 'ThirdParty', provider: 'GitHub', version: '1' },
    configuration: { Owner: 'o', Repo: 'r', Branch: 'b', ...configuration },
  });
  const artifactStore = { type: 'S3', location: 'artifacts' };
  return {
    name,
    roleArn: ROLE_ARN,
    artifactStore,
    stages: [{ name: 'S1', actions: [fetch] }, stageOf('S2', 'A')],
  };
}

/** Calls that carry secrets in. */
function giving(keyId: string): readonly (readonly [Parameters<Caller['send']>[0], object])[] {
  const webhook = (more: object) => ({
    webhook: {
      name: 'hook',
      targetPipeline: 'p',
      targetAction: 'Fetch',
      filters: [{ jsonPath: '$.ref', matchEquals: 'refs/heads/{Branch}' }],
      authentication: 'GITHUB_HMAC',
      authenticationConfiguration: { SecretToken: secret() },
      ...more,
    },
  });
  return [
    ['codepipeline:CreatePipeline', { pipeline: declaration('p', { OAuthToken: secret() }) }],
    ['codepipeline:UpdatePipeline', { pipeline: declaration('p', { OAuthToken: secret() }) }],
    ['codepipeline:UpdatePipeline', { pipeline: declaration('p', { OAuthToken: secret().repeat(3_000) }) }],
    ['codepipeline:UpdatePipeline', { pipeline: declaration('not a name', { OAuthToken: secret() }) }],
    ['codepipeline:PutWebhook', webhook({})],
    ['codepipeline:PutWebhook', webhook({ name: 'not a name!', targetPipeline: undefined })],
    [
      'codepipeline:PutApprovalResult',
      {
        pipelineName: 'p',
        stageName: 'S2',
        actionName: 'A',
        token: secret(),
        result: { status: 'Approved', summary: 's' },
      },
    ],
    [
      'codebuild:ImportSourceCredentials',
      { token: secret(), serverType: 'GITHUB', authType: 'PERSONAL_ACCESS_TOKEN' },
    ],
    [
      'codebuild:StartBuild',
      { projectName: 'x', environmentVariablesOverride: [{ name: 'A', value: secret() }] },
    ],
    ['iam:CreateLoginProfile', { UserName: 'ann', Password: secret() }],
    ['iam:ChangePassword', { OldPassword: secret(), NewPassword: secret() }],
    [
      'iam:UploadServerCertificate',
      { ServerCertificateName: 'c', CertificateBody: 'b', PrivateKey: secret() },
    ],
    ['kms:Encrypt', { KeyId: keyId, Plaintext: Buffer.from(secret()) }],
    [
      'kms:ImportKeyMaterial',
      { KeyId: keyId, ImportToken: Buffer.from(secret()), EncryptedKeyMaterial: Buffer.from(secret()) },
    ],
    [
      'events:CreateConnection',
      {
        Name: 'c',
        AuthorizationType: 'API_KEY',
        AuthParameters: { ApiKeyAuthParameters: { ApiKeyName: 'n', ApiKeyValue: secret() } },
      },
    ],
    [
      'events:CreateConnection',
      {
        Name: 'c',
        AuthorizationType: 'BASIC',
        AuthParameters: { BasicAuthParameters: { Username: 'u', Password: secret() } },
      },
    ],
    ['sns:ConfirmSubscription', { TopicArn: 'arn:aws:sns:us-east-1:123456789012:t', Token: secret() }],
    [
      'sts:AssumeRoleWithWebIdentity',
      { RoleArn: ROLE_ARN, RoleSessionName: 's', WebIdentityToken: secret() },
    ],
    ['s3:CreateBucket', { Bucket: 'fresh', CreateBucketConfiguration: {} }],
  ];
}

/** Calls that give secrets out; their answers are read for them. */
const TAKING: readonly (readonly [Parameters<Caller['send']>[0], object, readonly string[]])[] = [
  ['iam:CreateAccessKey', { UserName: 'ann' }, ['SecretAccessKey']],
  [
    'iam:CreateServiceSpecificCredential',
    { UserName: 'ann', ServiceName: 'codecommit.amazonaws.com' },
    ['ServicePassword'],
  ],
  ['sts:GetSessionToken', {}, ['SecretAccessKey', 'SessionToken']],
  ['kms:GenerateDataKey', { KeyId: 'alias/records', KeySpec: 'AES_256' }, ['Plaintext']],
];

function membersOf(answer: unknown, names: readonly string[], found: string[] = []): readonly string[] {
  if (typeof answer !== 'object' || answer === null || answer instanceof Uint8Array) return found;
  for (const [name, item] of Object.entries(answer as Record<string, unknown>)) {
    if (!names.includes(name)) membersOf(item, names, found);
    else if (item instanceof Uint8Array) found.push(Buffer.from(item).toString('base64').replace(/=+$/, ''));
    else found.push(String(item));
  }
  return found;
}

async function wholeHistory(): Promise<readonly string[]> {
  const found: string[] = [];
  let token: string | undefined;
  do {
    const page = await house.slipway.root.send('cloudtrail:LookupEvents', { NextToken: token });
    found.push(...(page.Events ?? []).map((event) => JSON.stringify(event)));
    token = page.NextToken;
  } while (token !== undefined);
  return found;
}

test('no secret of any room stands in any record, whatever became of the call', async () => {
  const { root, house: inside } = house.slipway;
  await root.send('iam:CreateUser', { UserName: 'ann' });
  const { KeyMetadata: key } = await root.send('kms:CreateKey', {});
  const keyId = key?.KeyId ?? '';
  await root.send('kms:CreateAlias', { AliasName: 'alias/records', TargetKeyId: keyId });
  const plaintext = secret();
  const { CiphertextBlob: sealed } = await root.send('kms:Encrypt', {
    KeyId: keyId,
    Plaintext: Buffer.from(plaintext),
  });
  await root.send('kms:Decrypt', { CiphertextBlob: sealed });

  const stranger = inside.asService('stranger');
  let calls = 0;
  for (const caller of [root, stranger]) {
    for (const [id, input] of giving(keyId)) {
      await attempt(caller, id, input);
      calls++;
    }
  }
  for (const [id, input, names] of TAKING) {
    const answer = await root.send(id, input as never);
    const taken = membersOf(answer, names);
    assert.equal(taken.length, names.length, id);
    secrets.push(...taken);
    calls++;
  }

  const assume = { service: 'codepipeline', roleArn: ROLE_ARN, sessionName: 'session' };
  const { credentials } = await inside.assumeRole(assume);
  secrets.push(credentials.secretAccessKey, credentials.sessionToken ?? '');

  const history = await wholeHistory();
  assert.ok(history.length >= calls, `${history.length} records of ${calls} calls`);
  assert.ok(secrets.length > 40);
  const leaks = secrets.flatMap((text) =>
    history
      .filter((record) => formsOf(text).some((form) => record.includes(form)))
      .map((record) => [text, record]),
  );
  assert.deepEqual(leaks, []);
  assert.ok(texts(history).every((record) => !record.includes('BEGIN PRIVATE KEY')));
});

test('a property that only its action type calls secret is masked as well', async () => {
  const { root } = house.slipway;
  const pin = secret();
  await root.send('codepipeline:CreateCustomActionType', {
    category: 'Build',
    provider: 'Vault',
    version: '1',
    configurationProperties: [{ name: 'Pin', required: true, key: false, secret: true }],
    inputArtifactDetails: { minimumCount: 0, maximumCount: 1 },
    outputArtifactDetails: { minimumCount: 0, maximumCount: 1 },
  });
  const actionTypeId = { category: 'Build', owner: 'Custom', provider: 'Vault', version: '1' } as const;
  const open = { name: 'Open', actionTypeId, configuration: { Pin: pin } };
  await root.send('codepipeline:CreatePipeline', {
    pipeline: {
      name: 'vault',
      roleArn: ROLE_ARN,
      artifactStore: { type: 'S3', location: 'artifacts' },
      stages: [
        { name: 'S1', actions: [sourceAction()] },
        { name: 'S2', actions: [open] },
      ],
    },
  });
  const leaks = (await wholeHistory()).filter((record) => record.includes(pin));
  assert.deepEqual(leaks, []);
});
