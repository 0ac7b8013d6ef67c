/**
 * Attacks on secrets: other people's, of other accounts, under keys one may not use, put into another place of the
 * database, deleted ones, and the traces that values could leave.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CloudTrail } from '@aws-sdk/client-cloudtrail';
import { IAM } from '@aws-sdk/client-iam';
import { KMS } from '@aws-sdk/client-kms';
import { SecretsManager } from '@aws-sdk/client-secrets-manager';
import { SSM } from '@aws-sdk/client-ssm';
import { createLog } from '#base/log.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

const UNTIL_MS = 15_000;
const lines: string[] = [];
let house: TestHouse;
let iam: IAM;
let kms: KMS;
let ssm: SSM;
let secrets: SecretsManager;
before(async () => {
  house = await createTestHouse({ log: createLog((line) => void lines.push(line), 'debug') });
  iam = new IAM(settings());
  kms = new KMS(settings());
  ssm = new SSM(settings());
  secrets = new SecretsManager(settings());
});
after(() => house.close());

interface Key {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const settings = (credentials: Key = house.credentials) => ({
  endpoint: house.endpoint,
  region: house.region,
  credentials,
  maxAttempts: 1,
});

let users = 0;
async function createUser(...Statement: readonly object[]) {
  const UserName = `user-${++users}`;
  const { User } = await iam.createUser({ UserName });
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
  if (Statement.length > 0) await iam.putUserPolicy({ UserName, PolicyName: 'own', PolicyDocument });
  const { AccessKey } = await iam.createAccessKey({ UserName });
  const key = {
    accessKeyId: AccessKey?.AccessKeyId ?? '',
    secretAccessKey: AccessKey?.SecretAccessKey ?? '',
  };
  return {
    arn: User?.Arn ?? '',
    ssm: new SSM(settings(key)),
    secrets: new SecretsManager(settings(key)),
    kms: new KMS(settings(key)),
  };
}

const allow = (Action: string | string[], Resource: string | string[] = '*', Condition?: object) => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...(Condition && { Condition }),
});

async function refusal(work: Promise<unknown>): Promise<string> {
  const answer = await work.then(
    () => undefined,
    (error: unknown) => error as Error,
  );
  assert.ok(answer, 'it should have been refused');
  return `${answer.name}: ${answer.message}`;
}

const DENIED = /^AccessDeniedException: /;
const PARAMETERS = 'arn:aws:ssm:us-east-1:123456789012:parameter';
const SECRETS = 'arn:aws:secretsmanager:us-east-1:123456789012:secret';

test('who may read one hierarchy of parameters reaches no other in any spelling', async () => {
  for (const Name of ['/mine/a', '/theirs/a', 'theirs']) {
    await ssm.putParameter({ Name, Value: 'x', Type: 'String' });
  }
  const actions = [
    'ssm:GetParameter*',
    'ssm:PutParameter',
    'ssm:DeleteParameter*',
    'ssm:LabelParameterVersion',
  ];
  const me = await createUser(allow(actions, [`${PARAMETERS}/mine/*`, `${PARAMETERS}/mine`]));
  assert.equal((await me.ssm.getParameter({ Name: '/mine/a' })).Parameter?.Value, 'x');
  const spellings = ['/theirs/a', 'theirs', '/theirs/a:1', `${PARAMETERS}/theirs/a`, '//theirs/a'];
  for (const Name of [...spellings, `${PARAMETERS}/mine/a`.replace('123456789012', '999999999999')]) {
    assert.match(await refusal(me.ssm.getParameter({ Name })), DENIED, Name);
    assert.match(await refusal(me.ssm.getParameters({ Names: ['/mine/a', Name] })), DENIED, Name);
    assert.match(await refusal(me.ssm.deleteParameters({ Names: [Name] })), DENIED, Name);
    assert.match(await refusal(me.ssm.getParameterHistory({ Name })), DENIED, Name);
    const put = me.ssm.putParameter({ Name, Value: 'mine now', Type: 'String', Overwrite: true });
    assert.match(await refusal(put), DENIED, Name);
    assert.match(await refusal(me.ssm.labelParameterVersion({ Name, Labels: ['x'] })), DENIED, Name);
  }
  // Dots are letters here: this is a name below `mine`.
  assert.match(await refusal(me.ssm.getParameter({ Name: '/mine/../theirs/a' })), /^ParameterNotFound: /);
  for (const Path of ['/', '/theirs', '/mineral']) {
    assert.match(await refusal(me.ssm.getParametersByPath({ Path, Recursive: true })), DENIED, Path);
  }
  const below = await me.ssm.getParametersByPath({ Path: '/mine', Recursive: true });
  assert.deepEqual(
    below.Parameters?.map(({ Name }) => Name),
    ['/mine/a'],
  );
});

test('the root of the account reaches no other account either', async () => {
  const foreign = (arn: string) => arn.replace('123456789012', '999999999999');
  assert.match(await refusal(ssm.getParameter({ Name: foreign(`${PARAMETERS}/mine/a`) })), DENIED);
  assert.match(await refusal(secrets.getSecretValue({ SecretId: foreign(`${SECRETS}:x-AbCdEf`) })), DENIED);
  const elsewhere = `${SECRETS}:x-AbCdEf`.replace('us-east-1', 'eu-west-1');
  assert.match(
    await refusal(secrets.getSecretValue({ SecretId: elsewhere })),
    /^ResourceNotFoundException: /,
  );
});

test('a secret’s name does not open those whose names begin with it', async () => {
  for (const Name of ['app', 'app-admin', 'application']) {
    await secrets.createSecret({ Name, SecretString: Name });
  }
  const me = await createUser(allow('secretsmanager:GetSecretValue', `${SECRETS}:app-??????`));
  assert.equal((await me.secrets.getSecretValue({ SecretId: 'app' })).SecretString, 'app');
  for (const SecretId of ['app-admin', 'application', 'nothing']) {
    assert.match(await refusal(me.secrets.getSecretValue({ SecretId })), DENIED, SecretId);
  }
  const { Errors, SecretValues } = await (
    await createUser(
      allow('secretsmanager:GetSecretValue', `${SECRETS}:app-??????`),
      allow('secretsmanager:BatchGetSecretValue'),
    )
  ).secrets.batchGetSecretValue({ SecretIdList: ['app', 'app-admin'] });
  assert.deepEqual(
    SecretValues?.map(({ Name }) => Name),
    ['app'],
  );
  assert.deepEqual(
    Errors?.map(({ ErrorCode }) => ErrorCode),
    ['AccessDeniedException'],
  );
  assert.match(await refusal(me.secrets.describeSecret({ SecretId: 'app' })), DENIED);
  assert.match(await refusal(me.secrets.batchGetSecretValue({ SecretIdList: ['app'] })), DENIED);
});

test('whoever may read a secret, but not use its key, does not read it', async () => {
  const me = await createUser(allow(['ssm:*', 'secretsmanager:*']), allow('kms:*'));
  const closed = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { AWS: 'arn:aws:iam::123456789012:root' },
        Action: 'kms:*',
        Resource: '*',
      },
      { Effect: 'Deny', Principal: { AWS: me.arn }, Action: ['kms:Decrypt', 'kms:Encrypt'], Resource: '*' },
    ],
  });
  const { KeyMetadata } = await kms.createKey({ Policy: closed });
  const KeyId = KeyMetadata?.KeyId ?? '';
  await ssm.putParameter({ Name: '/key/p', Value: 'sealed', Type: 'SecureString', KeyId });
  await secrets.createSecret({ Name: 'key', SecretString: 'sealed', KmsKeyId: KeyId });
  assert.match(await refusal(me.ssm.getParameter({ Name: '/key/p', WithDecryption: true })), /kms:Decrypt/);
  assert.match(
    await refusal(me.ssm.getParameterHistory({ Name: '/key/p', WithDecryption: true })),
    /kms:Decrypt/,
  );
  assert.match(
    await refusal(me.ssm.getParametersByPath({ Path: '/key', WithDecryption: true })),
    /kms:Decrypt/,
  );
  assert.match(
    await refusal(me.secrets.getSecretValue({ SecretId: 'key' })),
    /^AccessDeniedException: Access to KMS/,
  );
  // Giving it another key, or another value with that key, is no way round.
  const rekey = me.secrets.updateSecret({ SecretId: 'key', KmsKeyId: 'alias/aws/secretsmanager' });
  assert.match(await refusal(rekey), /^AccessDeniedException: Access to KMS/);
  const put = me.ssm.putParameter({ Name: '/key/q', Value: 'x', Type: 'SecureString', KeyId });
  assert.match(await refusal(put), /kms:Encrypt/);
  // What is not opened is of no use to whoever takes it to KMS under another name.
  const { Parameter } = await me.ssm.getParameter({ Name: '/key/p' });
  const CiphertextBlob = Buffer.from(Parameter?.Value ?? '', 'base64');
  const EncryptionContext = { PARAMETER_ARN: `${PARAMETERS}/key/q` };
  assert.match(
    await refusal(kms.decrypt({ CiphertextBlob, EncryptionContext })),
    /^InvalidCiphertextException/,
  );
});

test('the default keys are used through their services only', async () => {
  await ssm.putParameter({ Name: '/default', Value: 'sealed', Type: 'SecureString' });
  const me = await createUser(allow('ssm:GetParameter'), allow('kms:*'));
  assert.equal(
    (await me.ssm.getParameter({ Name: '/default', WithDecryption: true })).Parameter?.Value,
    'sealed',
  );
  const { Parameter } = await me.ssm.getParameter({ Name: '/default' });
  const decrypt = me.kms.decrypt({
    CiphertextBlob: Buffer.from(Parameter?.Value ?? '', 'base64'),
    EncryptionContext: { PARAMETER_ARN: `${PARAMETERS}/default` },
  });
  assert.match(await refusal(decrypt), DENIED);
});

type Rows = Record<string, Record<string, string | number | null>>;

test('values that were put into the place of others in the database do not open', async () => {
  const { database } = house.slipway.house;
  const change = (table: string, set: Rows[string], where: Rows[string]) =>
    database.transaction(async (transaction) => {
      let query = transaction.withTables<Rows>().updateTable(table).set(set);
      for (const [column, value] of Object.entries(where)) query = query.where(column, '=', value);
      await query.execute();
    });
  const all = (table: string) => database.read.withTables<Rows>().selectFrom(table).selectAll().execute();
  for (const name of ['/swap/a', '/swap/b']) {
    await ssm.putParameter({ Name: name, Value: `of ${name}`, Type: 'String' });
  }
  await ssm.putParameter({ Name: '/swap/a', Value: 'newer', Overwrite: true });
  const parameters = await all('ssm_parameter');
  const idOf = (name: string) => parameters.find((row) => row['name'] === name)?.['parameter_id'] ?? '';
  const versions = await all('ssm_version');
  const valueOf = (id: string | number, version: number) =>
    versions.find((row) => row['parameter_id'] === id && row['version'] === version)?.['value'] ?? '';
  const [a, b] = [idOf('/swap/a'), idOf('/swap/b')];
  await change('ssm_version', { value: valueOf(a, 2) }, { parameter_id: b });
  assert.match(await refusal(ssm.getParameter({ Name: '/swap/b' })), /^InternalFailure/);
  await change('ssm_version', { value: valueOf(a, 1) }, { parameter_id: a, version: 2 });
  assert.match(await refusal(ssm.getParameter({ Name: '/swap/a' })), /^InternalFailure/);

  for (const Name of ['swap/a', 'swap/b']) await secrets.createSecret({ Name, SecretString: `of ${Name}` });
  const made = await all('secretsmanager_version');
  const secretRows = await all('secretsmanager_secret');
  const arnOf = (name: string) => secretRows.find((row) => row['name'] === name)?.['arn'] ?? '';
  const rowOf = (name: string) => made.find((row) => row['arn'] === arnOf(name)) ?? {};
  const foreign = rowOf('swap/a');
  const swap = { data_key: foreign['data_key'] ?? '', sealed: foreign['sealed'] ?? '' };
  await change('secretsmanager_version', swap, { arn: arnOf('swap/b') });
  const refused = await refusal(secrets.getSecretValue({ SecretId: 'swap/b' }));
  assert.match(refused, /^DecryptionFailure: .*InvalidCiphertextException/);
});

test('a policy of a secret lets in, and keeps out, whom it names', async () => {
  const guest = await createUser();
  const member = await createUser(allow('secretsmanager:*'));
  const { ARN } = await secrets.createSecret({ Name: 'policed', SecretString: 'x' });
  const statement = (Effect: string, AWS: string) => ({
    Effect,
    Principal: { AWS },
    Action: 'secretsmanager:GetSecretValue',
    Resource: '*',
  });
  const ResourcePolicy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [statement('Allow', guest.arn), statement('Deny', member.arn)],
  });
  await secrets.putResourcePolicy({ SecretId: 'policed', ResourcePolicy });
  assert.equal((await guest.secrets.getSecretValue({ SecretId: ARN })).SecretString, 'x');
  assert.equal((await guest.secrets.getSecretValue({ SecretId: 'policed' })).SecretString, 'x');
  assert.match(
    await refusal(guest.secrets.putSecretValue({ SecretId: 'policed', SecretString: 'y' })),
    DENIED,
  );
  assert.match(await refusal(guest.secrets.deleteResourcePolicy({ SecretId: 'policed' })), DENIED);
  assert.match(
    await refusal(member.secrets.getSecretValue({ SecretId: 'policed' })),
    /explicit deny in a resource-based policy/,
  );
  // The policy is of this secret, not of its name.
  await secrets.deleteSecret({ SecretId: 'policed', ForceDeleteWithoutRecovery: true });
  await secrets.createSecret({ Name: 'policed', SecretString: 'another' });
  assert.match(await refusal(guest.secrets.getSecretValue({ SecretId: 'policed' })), DENIED);
  assert.equal((await member.secrets.getSecretValue({ SecretId: 'policed' })).SecretString, 'another');
});

test('condition keys narrow: stages, tags, names, days and force', async () => {
  await secrets.createSecret({ Name: 'narrow', SecretString: 'one', Tags: [{ Key: 'team', Value: 'shop' }] });
  await secrets.putSecretValue({ SecretId: 'narrow', SecretString: 'two' });
  const when = (operator: string, key: string, value: string) => ({ [operator]: { [key]: value } });
  const get = 'secretsmanager:GetSecretValue';
  const staged = await createUser(
    allow(get, '*', when('StringEquals', 'secretsmanager:VersionStage', 'AWSCURRENT')),
  );
  assert.equal((await staged.secrets.getSecretValue({ SecretId: 'narrow' })).SecretString, 'two');
  const previous = { SecretId: 'narrow', VersionStage: 'AWSPREVIOUS' };
  assert.match(await refusal(staged.secrets.getSecretValue(previous)), DENIED);
  const { VersionIdsToStages = {} } = await secrets.describeSecret({ SecretId: 'narrow' });
  for (const VersionId of Object.keys(VersionIdsToStages)) {
    assert.match(await refusal(staged.secrets.getSecretValue({ SecretId: 'narrow', VersionId })), DENIED);
  }
  const tagged = await createUser(
    allow(['ssm:GetParameter', get], '*', when('StringEquals', 'aws:ResourceTag/team', 'shop')),
  );
  await ssm.putParameter({
    Name: 'ours',
    Value: 'x',
    Type: 'String',
    Tags: [{ Key: 'team', Value: 'shop' }],
  });
  await ssm.putParameter({ Name: 'others', Value: 'x', Type: 'String' });
  assert.equal((await tagged.secrets.getSecretValue({ SecretId: 'narrow' })).SecretString, 'two');
  assert.equal((await tagged.ssm.getParameter({ Name: 'ours' })).Parameter?.Value, 'x');
  for (const Name of ['others', 'none'])
    assert.match(await refusal(tagged.ssm.getParameter({ Name })), DENIED);
  const gentle = await createUser(
    allow('secretsmanager:DeleteSecret', '*', {
      NumericGreaterThanEquals: { 'secretsmanager:RecoveryWindowInDays': '10' },
      Bool: { 'secretsmanager:ForceDeleteWithoutRecovery': 'false' },
    }),
    allow('ssm:PutParameter', '*', when('StringEquals', 'ssm:Overwrite', 'false')),
  );
  const remove = (more: object) => gentle.secrets.deleteSecret({ SecretId: 'narrow', ...more });
  assert.match(await refusal(remove({ ForceDeleteWithoutRecovery: true })), DENIED);
  assert.match(await refusal(remove({ RecoveryWindowInDays: 7 })), DENIED);
  await remove({ RecoveryWindowInDays: 10 });
  const put = { Name: 'new', Value: 'x', Type: 'String' } as const;
  assert.match(await refusal(gentle.ssm.putParameter({ ...put, Overwrite: true })), DENIED);
  await gentle.ssm.putParameter(put);
});

test('a parameter that stands for a secret is no way round the right to read it', async () => {
  await secrets.createSecret({ Name: 'referred', SecretString: 'x' });
  const Name = '/aws/reference/secretsmanager/referred';
  const all = allow('ssm:*');
  const reader = await createUser(all);
  const read = { Name, WithDecryption: true };
  assert.match(await refusal(reader.ssm.getParameter(read)), /secretsmanager:GetSecretValue/);
  const other = await createUser(
    allow('secretsmanager:*'),
    allow('ssm:GetParameter', `${PARAMETERS}/mine/*`),
  );
  assert.match(await refusal(other.ssm.getParameter(read)), /ssm:GetParameter/);
  const both = await createUser(all, allow('secretsmanager:GetSecretValue'));
  assert.equal((await both.ssm.getParameter(read)).Parameter?.Value, 'x');
});

test('a deleted secret gives nothing away, not even by its versions', async () => {
  const ids = { ClientRequestToken: '00000000-0000-0000-0000-000000000001' };
  await secrets.createSecret({ Name: 'dead', SecretString: 'x', ...ids });
  await secrets.deleteSecret({ SecretId: 'dead' });
  const marked = /^InvalidRequestException: .*marked for deletion/;
  const on = { SecretId: 'dead' };
  const VersionId = ids.ClientRequestToken;
  for (const work of [
    () => secrets.getSecretValue({ ...on, VersionId }),
    () => secrets.getSecretValue({ ...on, VersionStage: 'AWSCURRENT' }),
    () => secrets.updateSecretVersionStage({ ...on, VersionStage: 'x', MoveToVersionId: VersionId }),
    () =>
      secrets.putResourcePolicy({
        ...on,
        ResourcePolicy:
          '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}',
      }),
    () => secrets.tagResource({ ...on, Tags: [{ Key: 'a', Value: 'b' }] }),
  ]) {
    assert.match(await refusal(work()), marked);
  }
  const { Errors } = await secrets.batchGetSecretValue({ SecretIdList: ['dead'] });
  assert.equal(Errors?.[0]?.ErrorCode, 'InvalidRequestException');
});

test('hostile patterns and policies take no time', async () => {
  const started = performance.now();
  const value = 'a'.repeat(4000);
  for (const AllowedPattern of ['(a+)+$', '(a|a)*b', '(a*)*b']) {
    await refusal(ssm.putParameter({ Name: 'hostile', Value: `${value}!`, Type: 'String', AllowedPattern }));
  }
  const deep = '['.repeat(2000) + ']'.repeat(2000);
  await refusal(
    ssm.putParameter({ Name: 'hostile', Value: 'a', Type: 'String', Tier: 'Advanced', Policies: deep }),
  );
  assert.ok(performance.now() - started < 10_000);
});

test('no value stands in the log, in records, or in refusals', async () => {
  const needle = 'needle-of-the-records';
  const values = ['a', 'b', 'c', 'd', 'e', 'f'].map((each) => `${needle}-${each}`);
  const [a = '', b = '', c = '', d = '', e = '', f = ''] = values;
  const texts = [
    ssm.putParameter({ Name: '/log/p', Value: a, Type: 'SecureString' }),
    ssm.putParameter({ Name: 'aws-wrong', Value: b, Type: 'String' }),
    ssm.putParameter({ Name: '/log/q', Value: c, Type: 'String', AllowedPattern: '[0-9]+' }),
    ssm.putParameter({ Name: '/log/q', Value: `${d}{{x}}`, Type: 'String' }),
    secrets.createSecret({ Name: 'log', SecretString: e }),
    secrets.createSecret({ Name: 'a b', SecretString: f }),
    secrets.createSecret({ Name: 'large', SecretString: `${needle}${'x'.repeat(70_000)}` }),
    secrets.putSecretValue({ SecretId: 'none', SecretString: f }),
    ssm.putParameter({ Name: '/log/r', Value: f, Type: 'Wrong' as 'String' }),
  ];
  const settled = await Promise.allSettled(texts);
  const refusals = settled.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []));
  assert.equal(refusals.length, 7);
  await ssm.getParameter({ Name: '/log/p', WithDecryption: true });
  await secrets.getSecretValue({ SecretId: 'log' });
  const { RandomPassword = '' } = await secrets.getRandomPassword({});
  const trail = new CloudTrail(settings());
  const records = await until('the records', UNTIL_MS, async () => {
    const { Events = [] } = await trail.lookupEvents({});
    const names = Events.map(({ EventName }) => EventName);
    return names.includes('GetSecretValue') && names.includes('CreateSecret') ? Events : undefined;
  });
  const everything = [...refusals, ...lines, JSON.stringify(records)].join('\n');
  assert.ok(!everything.includes(needle));
  assert.ok(!everything.includes(RandomPassword));
  assert.ok(everything.includes('HIDDEN_DUE_TO_SECURITY_REASONS'));
});
