/** Secrets Manager as the official JS client sees it: values, versions, stages, keys, deletion, policies, lists. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { KMS } from '@aws-sdk/client-kms';
import { SecretsManager, type ListSecretsCommandInput } from '@aws-sdk/client-secrets-manager';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';
import { until } from '#test/support/until.ts';

const DAY_MS = 86_400_000;
const UNTIL_MS = 15_000;
const clock = createMovableClock();
let house: TestHouse;
let secrets: SecretsManager;
before(async () => {
  house = await createTestHouse({ clock });
  secrets = new SecretsManager(settings());
});
after(() => house.close());

const settings = () => ({
  endpoint: house.endpoint,
  region: house.region,
  credentials: house.credentials,
  maxAttempts: 1,
  systemClockOffset: clock.aheadMs,
});

const token = (n: number) => `00000000-0000-0000-0000-${String(n).padStart(12, '0')}`;
const create = (Name: string, SecretString?: string, n?: number) =>
  secrets.createSecret({ Name, SecretString, ...(n !== undefined && { ClientRequestToken: token(n) }) });
const put = (SecretId: string, SecretString: string, n: number, VersionStages?: string[]) =>
  secrets.putSecretValue({ SecretId, SecretString, ClientRequestToken: token(n), VersionStages });
const valueOf = async (SecretId: string, VersionStage?: string, VersionId?: string) =>
  (await secrets.getSecretValue({ SecretId, VersionStage, VersionId })).SecretString;
const stagesOf = async (SecretId: string) => (await secrets.describeSecret({ SecretId })).VersionIdsToStages;

async function refusal(work: Promise<unknown>): Promise<string> {
  const answer = await work.then(
    () => undefined,
    (error: unknown) => error as Error,
  );
  assert.ok(answer, 'it should have been refused');
  return `${answer.name}: ${answer.message}`;
}

const NOT_FOUND = /^ResourceNotFoundException: Secrets Manager can't find the specified secret\.$/;
const MARKED =
  /^InvalidRequestException: You can't perform this operation on the secret because it was marked for deletion\.$/;

test('a secret is created and read by name, by ARN and by an ARN without its end', async () => {
  const { ARN = '', Name, VersionId } = await create('shop/db', 'first', 1);
  assert.match(ARN, /^arn:aws:secretsmanager:us-east-1:123456789012:secret:shop\/db-[A-Za-z0-9]{6}$/);
  assert.deepEqual([Name, VersionId], ['shop/db', token(1)]);
  for (const id of ['shop/db', ARN, ARN.slice(0, -7)]) assert.equal(await valueOf(id), 'first');
  const { $metadata: _, CreatedDate, ...rest } = await secrets.getSecretValue({ SecretId: ARN });
  assert.ok(CreatedDate);
  assert.deepEqual(rest, {
    ARN,
    Name: 'shop/db',
    VersionId: token(1),
    SecretString: 'first',
    VersionStages: ['AWSCURRENT'],
  });
  assert.match(await refusal(valueOf('shop')), NOT_FOUND);
  assert.match(await refusal(valueOf(`${ARN}x`)), NOT_FOUND);
  const bytes = new Uint8Array([0, 255, 1]);
  await secrets.createSecret({ Name: 'bytes', SecretBinary: bytes });
  const binary = await secrets.getSecretValue({ SecretId: 'bytes' });
  assert.deepEqual([binary.SecretBinary, binary.SecretString], [bytes, undefined]);
});

test('a name that ends like an ARN is still itself', async () => {
  const { ARN = '' } = await create('end', 'of end');
  await create(`end-${ARN.slice(-6)}`, 'of the longer name');
  assert.equal(await valueOf(ARN), 'of end');
  assert.equal(await valueOf(`end-${ARN.slice(-6)}`), 'of the longer name');
});

test('requests with the same token are one request, with another value they are refused', async () => {
  const { ARN } = await create('once', 'a', 1);
  assert.equal((await create('once', 'a', 1)).ARN, ARN);
  assert.match(await refusal(create('once', 'b', 1)), /^ResourceExistsException: /);
  assert.match(
    await refusal(create('once', 'a', 2)),
    /^ResourceExistsException: The operation failed because the secret once already exists\.$/,
  );
  await put('once', 'b', 3);
  await put('once', 'c', 4);
  await put('once', 'b', 3);
  assert.equal(await valueOf('once'), 'c');
  assert.match(
    await refusal(put('once', 'x', 3)),
    /^ResourceExistsException: You can't use ClientRequestToken/,
  );
  const short = secrets.putSecretValue({ SecretId: 'once', SecretString: 'a', ClientRequestToken: 'short' });
  assert.match(await refusal(short), /^(?:InvalidParameter|Validation)Exception: /);
});

test('a request that comes many times at once is done once', async () => {
  const created = await Promise.all(Array.from({ length: 8 }, () => create('crowd', 'a', 1)));
  assert.equal(new Set(created.map(({ ARN }) => ARN)).size, 1);
  await Promise.all(Array.from({ length: 8 }, () => put('crowd', 'b', 2)));
  await Promise.all([3, 4, 5, 6].map((n) => put('crowd', String(n), n)));
  const { Versions = [] } = await secrets.listSecretVersionIds({
    SecretId: 'crowd',
    IncludeDeprecated: true,
  });
  assert.equal(Versions.length, 6);
  const stages = Versions.flatMap(({ VersionStages = [] }) => VersionStages);
  assert.deepEqual(stages.sort(), ['AWSCURRENT', 'AWSPREVIOUS']);
});

test('labels move with new versions: current, previous and those of one’s own', async () => {
  await create('staged', 'one', 1);
  await put('staged', 'two', 2);
  await put('staged', 'three', 3, ['AWSPENDING', 'mine']);
  assert.deepEqual(await stagesOf('staged'), {
    [token(1)]: ['AWSPREVIOUS'],
    [token(2)]: ['AWSCURRENT'],
    [token(3)]: ['AWSPENDING', 'mine'],
  });
  assert.equal(await valueOf('staged'), 'two');
  assert.equal(await valueOf('staged', 'AWSPREVIOUS'), 'one');
  assert.equal(await valueOf('staged', 'mine'), 'three');
  const promote = (from?: number, to?: number, VersionStage = 'AWSCURRENT') =>
    secrets.updateSecretVersionStage({
      SecretId: 'staged',
      VersionStage,
      ...(from !== undefined && { RemoveFromVersionId: token(from) }),
      ...(to !== undefined && { MoveToVersionId: token(to) }),
    });
  assert.match(await refusal(promote(undefined, 3)), /^InvalidParameterException: .*RemoveFromVersionId/);
  assert.match(await refusal(promote(1, 3)), /^InvalidParameterException: .*not attached to version/);
  assert.match(await refusal(promote(2)), /^InvalidParameterException: .*can't be completely removed/);
  assert.match(await refusal(promote(2, 9)), /^ResourceNotFoundException: /);
  assert.match(await refusal(promote()), /^InvalidParameterException: /);
  await promote(2, 3);
  await promote(3, undefined, 'AWSPENDING');
  assert.deepEqual(await stagesOf('staged'), {
    [token(2)]: ['AWSPREVIOUS'],
    [token(3)]: ['AWSCURRENT', 'mine'],
  });
  assert.equal(await valueOf('staged'), 'three');
  assert.equal(await valueOf('staged', undefined, token(1)), 'one');
  assert.match(
    await refusal(valueOf('staged', 'AWSPENDING')),
    /^ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: AWSPENDING$/,
  );
  assert.match(await refusal(valueOf('staged', 'AWSCURRENT', token(1))), /^ResourceNotFoundException: /);
  const listed = await secrets.listSecretVersionIds({ SecretId: 'staged' });
  assert.equal(listed.Versions?.length, 2);
  const all = await secrets.listSecretVersionIds({
    SecretId: 'staged',
    IncludeDeprecated: true,
    MaxResults: 2,
  });
  const more = await secrets.listSecretVersionIds({
    SecretId: 'staged',
    IncludeDeprecated: true,
    NextToken: all.NextToken,
  });
  assert.deepEqual([all.Versions?.length, more.Versions?.length], [2, 1]);
  const foreign = secrets.listSecretVersionIds({ SecretId: 'once', NextToken: all.NextToken });
  assert.match(await refusal(foreign), /^InvalidNextTokenException: /);
});

test('a secret without a value gets its first one as current, whatever its labels', async () => {
  const created = await create('empty');
  assert.equal(created.VersionId, undefined);
  assert.match(await refusal(valueOf('empty')), /^ResourceNotFoundException: .*staging label: AWSCURRENT$/);
  assert.equal(await stagesOf('empty'), undefined);
  const first = await put('empty', 'a', 1, ['mine']);
  assert.deepEqual(first.VersionStages, ['AWSCURRENT', 'mine']);
});

test('updates change description, key and value together', async () => {
  const kms = new KMS(settings());
  const { KeyMetadata } = await kms.createKey({});
  await create('updated', 'one', 1);
  await put('updated', 'two', 2);
  await secrets.updateSecret({ SecretId: 'updated', Description: 'described', KmsKeyId: KeyMetadata?.Arn });
  const described = await secrets.describeSecret({ SecretId: 'updated' });
  assert.deepEqual([described.Description, described.KmsKeyId], ['described', KeyMetadata?.Arn]);
  assert.deepEqual([await valueOf('updated'), await valueOf('updated', 'AWSPREVIOUS')], ['two', 'one']);
  await kms.disableKey({ KeyId: KeyMetadata?.KeyId });
  assert.match(await refusal(valueOf('updated')), /^DecryptionFailure: .*DisabledException/);
  assert.match(await refusal(valueOf('updated', 'AWSPREVIOUS')), /^DecryptionFailure: /);
  assert.match(await refusal(put('updated', 'x', 9)), /^EncryptionFailure: .*DisabledException/);
  await kms.enableKey({ KeyId: KeyMetadata?.KeyId });
  const { VersionId } = await secrets.updateSecret({
    SecretId: 'updated',
    SecretString: 'three',
    KmsKeyId: '',
    ClientRequestToken: token(3),
  });
  assert.equal(VersionId, token(3));
  await kms.disableKey({ KeyId: KeyMetadata?.KeyId });
  assert.deepEqual([await valueOf('updated'), await valueOf('updated', 'AWSPREVIOUS')], ['three', 'two']);
  const missing = secrets.createSecret({ Name: 'nokey', SecretString: 'a', KmsKeyId: 'alias/none' });
  assert.match(await refusal(missing), /^EncryptionFailure: /);
  assert.match(await refusal(valueOf('nokey')), NOT_FOUND);
});

test('what a request may not be is refused', async () => {
  await create('bounds', 'a', 1);
  const cases: readonly (readonly [() => Promise<unknown>, RegExp])[] = [
    [() => create('a b', 'x'), /^InvalidParameterException: Invalid name/],
    [() => create('arn:x', 'x'), /^InvalidParameterException: Invalid name|^AccessDeniedException/],
    [
      () => secrets.createSecret({ Name: 'both', SecretString: 'a', SecretBinary: new Uint8Array([1]) }),
      /^InvalidParameterException: You can't specify both/,
    ],
    [() => create('large', 'x'.repeat(65_537)), /^(?:InvalidParameter|Validation)Exception: /],
    [() => create('wide', 'ä'.repeat(40_000)), /^InvalidParameterException: .*65536 bytes/],
    [
      () => secrets.putSecretValue({ SecretId: 'bounds' }),
      /^InvalidParameterException: You must provide either/,
    ],
    [
      () => secrets.createSecret({ Name: 'r', AddReplicaRegions: [{ Region: 'eu-west-1' }] }),
      /^InvalidParameterException: There is one region/,
    ],
    [
      () => secrets.createSecret({ Name: 't', Tags: [{ Key: 'aws:x', Value: '' }] }),
      /^InvalidParameterException: Tag keys/,
    ],
    [
      () =>
        put(
          'bounds',
          'b',
          2,
          Array.from({ length: 20 }, (_, i) => `l${i}`),
        ).then(() =>
          secrets.updateSecretVersionStage({
            SecretId: 'bounds',
            VersionStage: 'one-more',
            MoveToVersionId: token(2),
          }),
        ),
      /^LimitExceededException: /,
    ],
    [() => secrets.rotateSecret({ SecretId: 'bounds' }), /^UnsupportedOperationException: .*Lambda/],
  ];
  for (const [work, expected] of cases) assert.match(await refusal(work()), expected);
});

test('a deleted secret can come back for some days, and is gone after them', async () => {
  const { ARN } = await create('leaving', 'a', 1);
  const remove = (more: object) => secrets.deleteSecret({ SecretId: 'leaving', ...more });
  assert.match(await refusal(remove({ RecoveryWindowInDays: 6 })), /^InvalidParameterException: .*7 and 30/);
  assert.match(
    await refusal(remove({ RecoveryWindowInDays: 7, ForceDeleteWithoutRecovery: true })),
    /^InvalidParameterException: You can't use ForceDeleteWithoutRecovery in conjunction/,
  );
  const { DeletionDate } = await remove({ RecoveryWindowInDays: 7 });
  assert.ok(Math.abs((DeletionDate?.getTime() ?? 0) - clock.now() - 7 * DAY_MS) < 60_000);
  for (const work of [
    valueOf('leaving'),
    put('leaving', 'b', 2),
    secrets.updateSecret({ SecretId: 'leaving' }),
  ]) {
    assert.match(await refusal(work), MARKED);
  }
  assert.match(
    await refusal(create('leaving', 'b')),
    /^InvalidRequestException: .*already scheduled for deletion/,
  );
  assert.match(await refusal(remove({})), /^InvalidRequestException: .*currently marked deleted/);
  assert.ok((await secrets.describeSecret({ SecretId: 'leaving' })).DeletedDate);
  const names = async (input: ListSecretsCommandInput) =>
    (await secrets.listSecrets(input)).SecretList?.map(({ Name }) => Name) ?? [];
  assert.ok(!(await names({})).includes('leaving'));
  assert.ok((await names({ IncludePlannedDeletion: true })).includes('leaving'));
  await secrets.restoreSecret({ SecretId: 'leaving' });
  assert.equal(await valueOf('leaving'), 'a');
  await remove({ RecoveryWindowInDays: 7 });
  clock.advance(7 * DAY_MS + 1000);
  secrets = new SecretsManager(settings());
  assert.match(await refusal(secrets.describeSecret({ SecretId: 'leaving' })), NOT_FOUND);
  assert.match(await refusal(secrets.restoreSecret({ SecretId: ARN })), NOT_FOUND);
  const again = await create('leaving', 'b');
  assert.notEqual(again.ARN, ARN);
  assert.match(await refusal(valueOf(ARN ?? '')), NOT_FOUND);
  await secrets.deleteSecret({ SecretId: 'leaving', ForceDeleteWithoutRecovery: true });
  assert.match(await refusal(valueOf('leaving')), NOT_FOUND);
  await secrets.deleteSecret({ SecretId: 'leaving', ForceDeleteWithoutRecovery: true });
  await create('swept', 'a');
  await secrets.deleteSecret({ SecretId: 'swept' });
  clock.advance(31 * DAY_MS);
  secrets = new SecretsManager(settings());
  await until('the rows to be swept', UNTIL_MS, async () => {
    clock.advance(60_000);
    const { read } = house.slipway.house.database;
    const rows = await read
      .withTables<{ secretsmanager_secret: { name: string } }>()
      .selectFrom('secretsmanager_secret')
      .select('name')
      .where('name', '=', 'swept')
      .execute();
    return rows.length === 0 ? true : undefined;
  });
  secrets = new SecretsManager(settings());
});

test('secrets are listed by filters and in four orders, page by page', async () => {
  for (const [name, description] of [
    ['list/a', 'Payment of the shop'],
    ['list/b', 'Keys'],
    ['list/c', 'payroll keys'],
  ] as const) {
    const Tags = [{ Key: 'team', Value: name.slice(-1) }];
    await secrets.createSecret({ Name: name, Description: description, SecretString: name, Tags });
  }
  const names = async (input: ListSecretsCommandInput) =>
    (await secrets.listSecrets(input)).SecretList?.map(({ Name }) => Name).join(' ');
  type Filter = NonNullable<ListSecretsCommandInput['Filters']>[number];
  const all: Filter = { Key: 'name', Values: ['list/'] };
  const find = (...Filters: Filter[]) =>
    names({ Filters: [all, ...Filters], SortBy: 'name', SortOrder: 'asc' });
  assert.equal(await find(), 'list/a list/b list/c');
  assert.equal(await names({ Filters: [all] }), 'list/c list/b list/a');
  assert.equal(await find({ Key: 'description', Values: ['pay'] }), 'list/a list/c');
  assert.equal(await find({ Key: 'description', Values: ['KEYS'] }), 'list/b list/c');
  assert.equal(await find({ Key: 'tag-value', Values: ['b', 'c'] }), 'list/b list/c');
  assert.equal(await find({ Key: 'tag-value', Values: ['!b'] }), 'list/a list/c');
  assert.equal(await find({ Key: 'tag-key', Values: ['te'] }), 'list/a list/b list/c');
  assert.equal(await find({ Key: 'all', Values: ['payment'] }), 'list/a');
  assert.equal(await find({ Key: 'owning-service', Values: ['x'] }), '');
  const Filters = [all];
  const first = await secrets.listSecrets({ Filters, MaxResults: 2 });
  const second = await secrets.listSecrets({ Filters, MaxResults: 2, NextToken: first.NextToken });
  assert.deepEqual(
    [...(first.SecretList ?? []), ...(second.SecretList ?? [])].map(({ Name }) => Name),
    ['list/c', 'list/b', 'list/a'],
  );
  assert.equal(second.NextToken, undefined);
  assert.match(
    await refusal(secrets.listSecrets({ MaxResults: 2, NextToken: first.NextToken })),
    /^InvalidNextTokenException: /,
  );
  const batch = await secrets.batchGetSecretValue({ Filters, MaxResults: 2 });
  assert.deepEqual(
    batch.SecretValues?.map(({ SecretString }) => SecretString),
    ['list/c', 'list/b'],
  );
  const mixed = await secrets.batchGetSecretValue({ SecretIdList: ['list/a', 'none'] });
  assert.deepEqual(
    [
      mixed.SecretValues?.map(({ Name }) => Name),
      mixed.Errors?.map(({ SecretId, ErrorCode }) => [SecretId, ErrorCode]),
    ],
    [['list/a'], [['none', 'ResourceNotFoundException']]],
  );
  assert.match(await refusal(secrets.batchGetSecretValue({})), /^InvalidParameterException: /);
});

test('tags are put and taken away, and the day of the last reading is kept', async () => {
  await create('tagged', 'a');
  await secrets.tagResource({
    SecretId: 'tagged',
    Tags: [
      { Key: 'a', Value: '1' },
      { Key: 'b', Value: '2' },
    ],
  });
  await secrets.untagResource({ SecretId: 'tagged', TagKeys: ['a'] });
  await valueOf('tagged');
  const { Tags, LastAccessedDate } = await secrets.describeSecret({ SecretId: 'tagged' });
  assert.deepEqual(Tags, [{ Key: 'b', Value: '2' }]);
  assert.equal((LastAccessedDate?.getTime() ?? 1) % DAY_MS, 0);
});

test('random passwords are what was asked for', async () => {
  const password = async (input: object) => (await secrets.getRandomPassword(input)).RandomPassword ?? '';
  assert.match(await password({}), /^(?=.*[A-Z])(?=.*[a-z])(?=.*\d)(?=.*[^A-Za-z0-9]).{32}$/);
  assert.match(await password({ PasswordLength: 100, ExcludePunctuation: true }), /^[A-Za-z0-9]{100}$/);
  const digits = { ExcludePunctuation: true, ExcludeUppercase: true, ExcludeLowercase: true };
  assert.match(await password({ ...digits, ExcludeCharacters: '02468', PasswordLength: 9 }), /^[13579]{9}$/);
  assert.match(await refusal(password({ ...digits, ExcludeNumbers: true })), /^InvalidRequestException: /);
  assert.match(await refusal(password({ PasswordLength: 3 })), /^InvalidRequestException: /);
  assert.notEqual(await password({}), await password({}));
});

test('resource policies are put, tried out and taken away', async () => {
  await create('policed', 'a');
  const policy = (Principal: unknown, Condition?: object) =>
    JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal, Action: 'secretsmanager:*', Resource: '*', Condition }],
    });
  const own = policy({ AWS: 'arn:aws:iam::123456789012:root' });
  const putPolicy = (ResourcePolicy: string, BlockPublicPolicy?: boolean) =>
    secrets.putResourcePolicy({ SecretId: 'policed', ResourcePolicy, BlockPublicPolicy });
  assert.equal((await secrets.getResourcePolicy({ SecretId: 'policed' })).ResourcePolicy, undefined);
  await putPolicy(own, true);
  assert.equal((await secrets.getResourcePolicy({ SecretId: 'policed' })).ResourcePolicy, own);
  assert.match(await refusal(putPolicy(policy('*'), true)), /^PublicPolicyException: /);
  assert.match(await refusal(putPolicy('{')), /^MalformedPolicyDocumentException: /);
  const passed = async (ResourcePolicy: string) =>
    (await secrets.validateResourcePolicy({ ResourcePolicy })).PolicyValidationPassed;
  const bound = { StringEquals: { 'aws:PrincipalAccount': '123456789012' } };
  assert.deepEqual(
    [await passed(own), await passed(policy('*')), await passed(policy('*', bound)), await passed('{')],
    [true, false, true, false],
  );
  await secrets.deleteResourcePolicy({ SecretId: 'policed' });
  assert.equal((await secrets.getResourcePolicy({ SecretId: 'policed' })).ResourcePolicy, undefined);
});

test('no value is in the data directory in clear, and values survive a restart', async () => {
  const needle = 'needle-in-a-secret-0001';
  await create('hidden', needle, 1);
  await secrets.createSecret({ Name: 'hidden-bytes', SecretBinary: Buffer.from(`${needle}-b`) });
  await refusal(put('hidden', `${needle}-refused`, 1));
  await house.restart();
  secrets = new SecretsManager(settings());
  assert.equal(await valueOf('hidden'), needle);
  for (const file of readdirSync(join(house.directory, 'data'), { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    const content = readFileSync(join(file.parentPath, file.name)).toString('latin1');
    assert.ok(!content.includes(needle), `${file.name} holds the secret`);
    assert.ok(!content.includes(Buffer.from(needle).toString('base64').slice(0, 24)), file.name);
  }
});
