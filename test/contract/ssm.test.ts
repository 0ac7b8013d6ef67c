/** Parameter Store as the official JS client sees it: values, versions, labels, hierarchies, tiers, filters, policies. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { EventBridge } from '@aws-sdk/client-eventbridge';
import { KMS } from '@aws-sdk/client-kms';
import { SecretsManager } from '@aws-sdk/client-secrets-manager';
import { SQS } from '@aws-sdk/client-sqs';
import { SSM, type PutParameterCommandInput } from '@aws-sdk/client-ssm';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';
import { botoSkip, cliSkip, runBoto, runCli } from '#test/support/other-clients.ts';
import { until } from '#test/support/until.ts';

const UNTIL_MS = 15_000;
const clock = createMovableClock();
let house: TestHouse;
let ssm: SSM;
before(async () => {
  house = await createTestHouse({ clock });
  ssm = new SSM(settings());
});
after(() => house.close());

const settings = () => ({
  endpoint: house.endpoint,
  region: house.region,
  credentials: house.credentials,
  maxAttempts: 1,
  systemClockOffset: clock.aheadMs,
});

const put = (Name: string, Value: string, more: Partial<PutParameterCommandInput> = {}) =>
  ssm.putParameter({ Name, Value, Type: 'String', ...more });
const overwrite = (Name: string, Value: string) => ssm.putParameter({ Name, Value, Overwrite: true });
const valueOf = async (Name: string, WithDecryption = false) =>
  (await ssm.getParameter({ Name, WithDecryption })).Parameter?.Value;

async function refusal(work: Promise<unknown>): Promise<string> {
  const answer = await work.then(
    () => undefined,
    (error: unknown) => error as Error,
  );
  assert.ok(answer, 'it should have been refused');
  return `${answer.name}: ${answer.message}`;
}

test('a parameter is put, read by name and by ARN, overwritten only on demand, and deleted', async () => {
  assert.deepEqual(unwrap(await put('/first/one', 'a')), { Version: 1, Tier: 'Standard' });
  const { Parameter } = await ssm.getParameter({ Name: '/first/one' });
  const { LastModifiedDate, ...rest } = Parameter ?? {};
  assert.ok(LastModifiedDate && Math.abs(LastModifiedDate.getTime() - Date.now()) < 60_000);
  const ARN = 'arn:aws:ssm:us-east-1:123456789012:parameter/first/one';
  assert.deepEqual(rest, {
    Name: '/first/one',
    Type: 'String',
    Value: 'a',
    Version: 1,
    ARN,
    DataType: 'text',
  });
  assert.equal(await valueOf(ARN), 'a');
  assert.match(
    await refusal(put('/first/one', 'b')),
    /^ParameterAlreadyExists: The parameter already exists\. To overwrite this value, set the overwrite option/,
  );
  assert.equal((await overwrite('/first/one', 'b')).Version, 2);
  assert.equal(await valueOf('/first/one'), 'b');
  assert.deepEqual(unwrap(await ssm.deleteParameter({ Name: '/first/one' })), {});
  for (const work of [ssm.getParameter({ Name: ARN }), ssm.deleteParameter({ Name: '/first/one' })]) {
    assert.match(await refusal(work), /^ParameterNotFound: /);
  }
  assert.equal((await put('/first/one', 'again')).Version, 1);
});

function unwrap<Output extends object>(output: Output): Omit<Output, '$metadata'> {
  const { $metadata: _, ...rest } = output as Output & { $metadata: unknown };
  return rest as Omit<Output, '$metadata'>;
}

test('names, values, types and tiers are checked as on AWS', async () => {
  const cases: readonly (readonly [() => Promise<unknown>, RegExp])[] = [
    [() => put('aws-x', 'a'), /^ValidationException: .*can't be prefixed with "aws" or "ssm"/],
    [() => put('/SSMx/y', 'a'), /^ValidationException: .*can't be prefixed/],
    [() => put('a/b', 'a'), /^ValidationException: .*fully qualified name/],
    [() => put('/a b', 'a'), /^ValidationException: /],
    [() => put(`/${'a/'.repeat(15)}b`, 'a'), /^ValidationException: .*15 levels/],
    [() => put(`/${'a'.repeat(1000)}`, 'a'), /^ValidationException: .*1011 characters/],
    [() => put('empty', ''), /^ValidationException: /],
    [() => put('nested', 'x {{ssm:y}}'), /^ValidationException: .*can't nest another parameter/],
    [() => put('list', 'a,,b', { Type: 'StringList' }), /^ValidationException: /],
    [
      () => ssm.putParameter({ Name: 'untyped', Value: 'a' }),
      /^ValidationException: A parameter type is required/,
    ],
    [() => put('image', 'x', { DataType: 'aws:ec2:image' }), /^ValidationException: /],
    [
      () => put('typed', 'x', { DataType: 'aws:other' }),
      /^ValidationException: .*data type is not supported/,
    ],
    [
      () => put('big', 'x'.repeat(4097)),
      /^ValidationException: Standard tier parameters support a maximum parameter value of 4096/,
    ],
    [() => put('big', 'x'.repeat(8193), { Tier: 'Advanced' }), /^ValidationException: Advanced tier .* 8192/],
    [() => put('key', 'x', { KeyId: 'alias/aws/ssm' }), /^ValidationException: KeyId is only/],
    [
      () => put('pattern', 'x1', { AllowedPattern: '[a-z]+' }),
      /^ParameterPatternMismatchException: .*\[a-z\]\+$/,
    ],
    [() => put('pattern', 'x1', { AllowedPattern: '(' }), /^InvalidAllowedPatternException: /],
    [() => put('typed', 'x', { Type: 'Other' as 'String' }), /^ValidationException: .*enum value set/],
  ];
  for (const [work, expected] of cases) assert.match(await refusal(work()), expected);
  assert.equal((await put('image', 'ami-12345678', { DataType: 'aws:ec2:image' })).Version, 1);
  assert.equal((await put('wide', 'x'.repeat(4097), { Tier: 'Intelligent-Tiering' })).Tier, 'Advanced');
  const down = ssm.putParameter({ Name: 'wide', Value: 'x', Tier: 'Standard', Overwrite: true });
  assert.match(await refusal(down), /^ValidationException: .*can't downgrade/);
  await put('/typed/one', 'x');
  const retyped = put('/typed/one', 'x', { Type: 'SecureString', Overwrite: true });
  assert.match(await refusal(retyped), /^HierarchyTypeMismatchException: /);
});

test('versions and labels select values, labels move, and the history shows all', async () => {
  await put('/v/p', 'one', { Description: 'first', AllowedPattern: '[a-z]+' });
  await overwrite('/v/p', 'two');
  await overwrite('/v/p', 'three');
  const label = (Labels: string[], ParameterVersion?: number) =>
    ssm.labelParameterVersion({ Name: '/v/p', Labels, ...(ParameterVersion && { ParameterVersion }) });
  const labelled = await label(['prod', 'aws-x', '1x'], 1);
  assert.deepEqual(unwrap(labelled), { InvalidLabels: ['aws-x', '1x'], ParameterVersion: 1 });
  await label(['beta']);
  assert.equal(await valueOf('/v/p:prod'), 'one');
  assert.equal(await valueOf('/v/p:2'), 'two');
  assert.equal(await valueOf('arn:aws:ssm:us-east-1:123456789012:parameter/v/p:beta'), 'three');
  assert.equal((await ssm.getParameter({ Name: '/v/p:prod' })).Parameter?.Selector, ':prod');
  await label(['prod'], 2);
  assert.equal(await valueOf('/v/p:prod'), 'two');
  assert.match(await refusal(valueOf('/v/p:9')), /^ParameterVersionNotFound: .*version 9 of \/v\/p/);
  assert.match(await refusal(valueOf('/v/p:none')), /^ParameterVersionNotFound: .*label none/);
  assert.match(await refusal(label(['x'], 9)), /^ParameterVersionNotFound: /);
  const many = Array.from({ length: 10 }, (_, i) => `l${i}`);
  assert.match(await refusal(label(many, 2)), /^ParameterVersionLabelLimitExceeded: /);
  const { Parameters = [] } = await ssm.getParameterHistory({ Name: '/v/p' });
  assert.deepEqual(
    Parameters.map(({ Version, Value, Labels, Description }) => [Version, Value, Labels, Description]),
    [
      [1, 'one', [], 'first'],
      [2, 'two', ['prod'], 'first'],
      [3, 'three', ['beta'], 'first'],
    ],
  );
  assert.match(Parameters[0]?.LastModifiedUser ?? '', /:root$/);
  const page = await ssm.getParameterHistory({ Name: '/v/p', MaxResults: 2 });
  const next = await ssm.getParameterHistory({ Name: '/v/p', MaxResults: 2, NextToken: page.NextToken });
  assert.deepEqual([page.Parameters?.length, next.Parameters?.length, next.NextToken], [2, 1, undefined]);
  const removed = await ssm.unlabelParameterVersion({
    Name: '/v/p',
    ParameterVersion: 2,
    Labels: ['prod', 'beta'],
  });
  assert.deepEqual(unwrap(removed), { RemovedLabels: ['prod'], InvalidLabels: ['beta'] });
  assert.match(await refusal(valueOf('/v/p:prod')), /^ParameterVersionNotFound: /);
});

test('a hundred versions are kept, and a labelled one is not pushed out', async () => {
  await put('many', '1');
  await ssm.labelParameterVersion({ Name: 'many', Labels: ['kept'] });
  for (let n = 2; n <= 100; n++) await overwrite('many', String(n));
  assert.match(
    await refusal(overwrite('many', '101')),
    /^ParameterMaxVersionLimitExceeded: .*Version 1, the oldest/,
  );
  await ssm.labelParameterVersion({ Name: 'many', Labels: ['kept'], ParameterVersion: 2 });
  await overwrite('many', '101');
  assert.match(await refusal(valueOf('many:1')), /^ParameterVersionNotFound: /);
  assert.equal(await valueOf('many:kept'), '2');
});

test('of many who come at once each makes a version of its own, or hears of the others', async () => {
  const all = Array.from({ length: 10 }, (_, i) => String(i));
  const made = await Promise.allSettled(all.map((value) => put('crowd', value)));
  assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 1);
  const reasons = made.flatMap((each) => (each.status === 'rejected' ? [(each.reason as Error).name] : []));
  assert.deepEqual([...new Set(reasons)], ['ParameterAlreadyExists']);
  const versions = await Promise.all(all.map((value) => overwrite('crowd', value)));
  assert.deepEqual(
    versions.map(({ Version = 0 }) => Version).sort((a, b) => a - b),
    all.map((_, i) => i + 2),
  );
});

test('hierarchies are read page by page, one level or all, with filters', async () => {
  for (const name of ['/h/a', '/h/b', '/h/c/d', '/h/c/e', '/ha', '/h0']) await put(name, name);
  await put('/h/s', 'secret', { Type: 'SecureString' });
  const names = async (input: object) => {
    const { Parameters, NextToken } = await ssm.getParametersByPath({ Path: '/h', ...input });
    return [Parameters?.map(({ Name }) => Name).join(' '), NextToken] as const;
  };
  assert.deepEqual(await names({}), ['/h/a /h/b /h/s', undefined]);
  const [first, NextToken] = await names({ Recursive: true, MaxResults: 3 });
  assert.equal(first, '/h/a /h/b /h/c/d');
  assert.deepEqual(await names({ Recursive: true, MaxResults: 3, NextToken }), ['/h/c/e /h/s', undefined]);
  assert.match(await refusal(names({ NextToken })), /^InvalidNextToken: /);
  const ofType = [{ Key: 'Type', Option: 'Equals', Values: ['SecureString'] }];
  assert.deepEqual(await names({ ParameterFilters: ofType }), ['/h/s', undefined]);
  await ssm.labelParameterVersion({ Name: '/h/a', Labels: ['live'] });
  const live = [{ Key: 'Label', Values: ['live'] }];
  assert.deepEqual(await names({ ParameterFilters: live, Recursive: true }), ['/h/a', undefined]);
  assert.match(
    await refusal(names({ ParameterFilters: [{ Key: 'Name', Values: ['x'] }] })),
    /^InvalidFilterKey: /,
  );
  assert.match(await refusal(names({ Path: 'h' })), /^ValidationException: /);
  const { Parameters } = await ssm.getParametersByPath({ Path: '/h/', WithDecryption: true });
  assert.equal(Parameters?.find(({ Name }) => Name === '/h/s')?.Value, 'secret');
});

test('several are read at once, and what is missing is named', async () => {
  await put('/m/a', 'a');
  await overwrite('/m/a', 'b');
  const { Parameters, InvalidParameters } = await ssm.getParameters({
    Names: ['/m/a', '/m/a:1', '/m/none', '/m/a:7', 'x:y:z'],
  });
  assert.deepEqual(
    Parameters?.map(({ Name, Selector, Value }) => [Name, Selector, Value]),
    [
      ['/m/a', undefined, 'b'],
      ['/m/a', ':1', 'a'],
    ],
  );
  assert.deepEqual(InvalidParameters, ['/m/none', '/m/a:7', 'x:y:z']);
  const deleted = await ssm.deleteParameters({ Names: ['/m/a', '/m/none'] });
  assert.deepEqual(unwrap(deleted), { DeletedParameters: ['/m/a'], InvalidParameters: ['/m/none'] });
});

test('parameters are described with every filter', async () => {
  await put('/d/a', 'a', { Tags: [{ Key: 'team', Value: 'shop' }], Description: 'the a' });
  await put('/d/b/c', 'b', { Tier: 'Advanced' });
  await put('/d/s', 's', { Type: 'SecureString' });
  const find = async (...ParameterFilters: { Key: string; Option?: string; Values?: string[] }[]) =>
    (await ssm.describeParameters({ ParameterFilters })).Parameters?.map(({ Name }) => Name).join(' ');
  const below = { Key: 'Path', Option: 'Recursive', Values: ['/d'] };
  assert.equal(await find(below), '/d/a /d/b/c /d/s');
  assert.equal(await find({ Key: 'Path', Values: ['/d'] }), '/d/a /d/s');
  assert.equal(await find({ Key: 'Name', Option: 'BeginsWith', Values: ['/d/b'] }), '/d/b/c');
  assert.equal(await find({ Key: 'Name', Option: 'Contains', Values: ['d/b'] }), '/d/b/c');
  assert.equal(await find({ Key: 'Name', Values: ['/d/a', '/d/s'] }), '/d/a /d/s');
  assert.equal(await find(below, { Key: 'Type', Values: ['SecureString'] }), '/d/s');
  assert.equal(await find(below, { Key: 'KeyId', Values: ['alias/aws/ssm'] }), '/d/s');
  assert.equal(await find(below, { Key: 'Tier', Values: ['Advanced'] }), '/d/b/c');
  assert.equal(await find({ Key: 'tag:team', Values: ['shop'] }), '/d/a');
  assert.equal(await find({ Key: 'tag:team', Values: ['other'] }), '');
  assert.match(await refusal(find({ Key: 'Label', Values: ['x'] })), /^InvalidFilterKey: /);
  assert.match(
    await refusal(find({ Key: 'Type', Option: 'Recursive', Values: ['x'] })),
    /^InvalidFilterOption: /,
  );
  assert.match(await refusal(find({ Key: 'Type' })), /^InvalidFilterValue: /);
  const older = await ssm.describeParameters({ Filters: [{ Key: 'Name', Values: ['/d/a'] }] });
  const { LastModifiedDate: _, ...described } = older.Parameters?.[0] ?? {};
  assert.deepEqual(described, {
    ARN: 'arn:aws:ssm:us-east-1:123456789012:parameter/d/a',
    Name: '/d/a',
    Type: 'String',
    LastModifiedUser: 'arn:aws:iam::123456789012:root',
    Description: 'the a',
    Version: 1,
    Tier: 'Standard',
    Policies: [],
    DataType: 'text',
  });
  assert.deepEqual((await ssm.describeParameters({ Shared: true })).Parameters, []);
});

test('tags are put, listed and taken away', async () => {
  await put('tagged', 'a', { Tags: [{ Key: 'a', Value: '1' }] });
  const on = { ResourceType: 'Parameter', ResourceId: 'tagged' } as const;
  await ssm.addTagsToResource({ ...on, Tags: [{ Key: 'b', Value: '2' }] });
  await ssm.removeTagsFromResource({ ...on, TagKeys: ['a'] });
  assert.deepEqual((await ssm.listTagsForResource(on)).TagList, [{ Key: 'b', Value: '2' }]);
  assert.match(
    await refusal(ssm.listTagsForResource({ ...on, ResourceId: 'none' })),
    /^InvalidResourceId: The resource ID is not valid/,
  );
  const document = { ResourceType: 'Document', ResourceId: 'x' } as const;
  assert.match(await refusal(ssm.listTagsForResource(document)), /^InvalidResourceType: /);
  const both = put('tagged', 'b', { Overwrite: true, Tags: [{ Key: 'a', Value: '1' }] });
  assert.match(await refusal(both), /^ValidationException: .*tags and overwrite can't be used together/);
});

test('public parameters of AWS are honestly missing', async () => {
  const name = '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64';
  assert.match(await refusal(valueOf(name)), /^ParameterNotFound: .*none of the public parameters/);
  assert.match(
    await refusal(ssm.getParametersByPath({ Path: '/aws/service/global-infrastructure' })),
    /^ParameterNotFound: /,
  );
});

test('secure strings are encrypted by KMS and opened only on demand, also large ones', async () => {
  const kms = new KMS(settings());
  const { KeyMetadata } = await kms.createKey({});
  const large = 'long secret '.repeat(600);
  await put('/s/default', 'under the default key', { Type: 'SecureString' });
  await put('/s/own', 'under a key of ours', { Type: 'SecureString', KeyId: KeyMetadata?.KeyId });
  await put('/s/large', large, { Type: 'SecureString', Tier: 'Advanced' });
  assert.equal(await valueOf('/s/default', true), 'under the default key');
  assert.equal(await valueOf('/s/own', true), 'under a key of ours');
  assert.equal(await valueOf('/s/large', true), large);
  const sealed = Buffer.from((await valueOf('/s/own')) ?? '', 'base64');
  const opened = await kms.decrypt({
    CiphertextBlob: sealed,
    EncryptionContext: { PARAMETER_ARN: 'arn:aws:ssm:us-east-1:123456789012:parameter/s/own' },
  });
  assert.equal(Buffer.from(opened.Plaintext ?? []).toString(), 'under a key of ours');
  const { Keys } = await kms
    .listAliases({})
    .then(({ Aliases }) => ({ Keys: Aliases?.map((a) => a.AliasName) }));
  assert.ok(Keys?.includes('alias/aws/ssm'));
  await kms.disableKey({ KeyId: KeyMetadata?.KeyId });
  assert.match(await refusal(valueOf('/s/own', true)), /^InvalidKeyId: .*DisabledException/);
  const missing = put('/s/x', 'a', { Type: 'SecureString', KeyId: 'alias/none' });
  assert.match(await refusal(missing), /^InvalidKeyId: /);
});

test('a parameter that stands for a secret is read in Secrets Manager', async () => {
  const secrets = new SecretsManager(settings());
  const first = await secrets.createSecret({ Name: 'app/db', SecretString: 'one' });
  await secrets.putSecretValue({ SecretId: 'app/db', SecretString: 'two' });
  const name = '/aws/reference/secretsmanager/app/db';
  assert.equal(await valueOf(name, true), 'two');
  assert.equal(await valueOf(`${name}:AWSPREVIOUS`, true), 'one');
  assert.equal(await valueOf(`${name}:${first.VersionId}`, true), 'one');
  const { Parameter } = await ssm.getParameter({ Name: name, WithDecryption: true });
  const { LastModifiedDate, SourceResult = '{}', ...rest } = Parameter ?? {};
  assert.ok(LastModifiedDate);
  const shown = {
    Name: name,
    Type: 'SecureString',
    Value: 'two',
    Version: 0,
    ARN: first.ARN,
    DataType: 'text',
  };
  assert.deepEqual(rest, shown);
  assert.equal((JSON.parse(SourceResult) as { readonly Name: string }).Name, 'app/db');
  assert.match(await refusal(valueOf(name)), /^ValidationException: WithDecryption flag must be True/);
  assert.match(await refusal(valueOf(`${name}s`, true)), /^ParameterNotFound: /);
  const many = await ssm.getParameters({ Names: [name, `${name}:none`], WithDecryption: true });
  assert.deepEqual([many.Parameters?.length, many.InvalidParameters], [1, [`${name}:none`]]);
  await secrets.deleteSecret({ SecretId: 'app/db', ForceDeleteWithoutRecovery: true });
});

test('no value, of whatever type, is in the data directory in clear', async () => {
  const values = ['plain-needle-0001', 'list-needle-0002,b', 'secure-needle-0003'];
  await put('/n/plain', values[0] ?? '');
  await put('/n/list', values[1] ?? '', { Type: 'StringList' });
  await put('/n/secure', values[2] ?? '', { Type: 'SecureString' });
  await refusal(put('/n/refused', 'refused-needle-0004', { AllowedPattern: '[0-9]+' }));
  await house.restart();
  ssm = new SSM(settings());
  assert.equal(await valueOf('/n/secure', true), values[2]);
  const data = join(house.directory, 'data');
  for (const file of readdirSync(data, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    const content = readFileSync(join(file.parentPath, file.name)).toString('latin1');
    const found = /(?:plain|list|secure|refused)-needle-\d{4}/.exec(content)?.[0];
    assert.equal(found, undefined, `${file.name} holds ${found}`);
    for (const value of values)
      assert.ok(!content.includes(Buffer.from(value).toString('base64')), file.name);
  }
});

test('the AWS CLI and boto3 put and get parameters', { skip: cliSkip || botoSkip }, async () => {
  const cli = (...words: string[]) => runCli(house.endpoint, house.credentials, 'ssm', ...words);
  const given = ['--name', '/cli/p', '--type', 'SecureString', '--value', 'of the cli'];
  assert.equal((await cli('put-parameter', ...given)).stdout.includes('"Version": 1'), true);
  const read = await cli(
    'get-parameter',
    '--name',
    '/cli/p',
    '--with-decryption',
    '--query',
    'Parameter.Value',
  );
  assert.equal(read.stdout.trim(), '"of the cli"');
  const lines = await runBoto(
    house.endpoint,
    house.credentials,
    `
ssm = client('ssm')
attempt(lambda: ssm.put_parameter(Name='/py/p', Value='v', Type='String'))
attempt(lambda: ssm.get_paginator('get_parameters_by_path').paginate(Path='/', Recursive=True).build_full_result())
attempt(lambda: ssm.get_parameter(Name='/none'))
`,
  );
  assert.deepEqual(lines[0]?.ok, { Version: '1', Tier: 'Standard' });
  assert.ok(JSON.stringify(lines[1]?.ok).includes('/py/p'));
  assert.equal(lines[2]?.error, 'ParameterNotFound');
});

test('changes and policies are told to the bus, and an expiration ends the parameter', async () => {
  const events = new EventBridge(settings());
  const sqs = new SQS(settings());
  const { QueueUrl } = await sqs.createQueue({ QueueName: 'told' });
  const Arn = 'arn:aws:sqs:us-east-1:123456789012:told';
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: '*', Action: 'sqs:SendMessage', Resource: Arn }],
  });
  await sqs.setQueueAttributes({ QueueUrl, Attributes: { Policy } });
  await events.putRule({
    Name: 'told',
    EventPattern: JSON.stringify({ 'detail-type': [{ prefix: 'Parameter Store' }] }),
  });
  await events.putTargets({ Rule: 'told', Targets: [{ Id: '1', Arn }] });
  const at = (hours: number) => new Date(clock.now() + hours * 3_600_000).toISOString();
  const policy = (Type: string, Attributes: object) => ({ Type, Version: '1.0', Attributes });
  const Policies = JSON.stringify([
    policy('Expiration', { Timestamp: at(5) }),
    policy('ExpirationNotification', { Before: '3', Unit: 'Hours' }),
    policy('NoChangeNotification', { After: '1', Unit: 'Hours' }),
  ]);
  await put('/e/p', 'a', { Tier: 'Advanced', Policies, Description: 'short' });
  await overwrite('/e/p', 'b');
  await ssm.labelParameterVersion({ Name: '/e/p', Labels: ['x'] });
  const { Parameters } = await ssm.describeParameters({
    ParameterFilters: [{ Key: 'Name', Values: ['/e/p'] }],
  });
  assert.deepEqual(
    Parameters?.[0]?.Policies?.map(({ PolicyType }) => PolicyType),
    ['Expiration', 'ExpirationNotification', 'NoChangeNotification'],
  );
  const details: string[] = [];
  const hear = async (count: number) => {
    await until(`${count} events, so far ${details.join(', ')}`, UNTIL_MS, async () => {
      const client = new SQS(settings());
      const { Messages = [] } = await client.receiveMessage({ QueueUrl, MaxNumberOfMessages: 10 });
      for (const { Body = '', ReceiptHandle } of Messages) {
        const { detail, resources } = JSON.parse(Body) as {
          detail: Record<string, string>;
          resources: string[];
        };
        assert.deepEqual(resources, ['arn:aws:ssm:us-east-1:123456789012:parameter/e/p']);
        assert.ok(!Body.includes('"b"'));
        details.push(detail['operation'] ?? detail['policy-type'] ?? '');
        await client.deleteMessage({ QueueUrl, ReceiptHandle });
      }
      return details.length >= count ? true : undefined;
    });
    return [...details].sort();
  };
  assert.deepEqual(await hear(3), ['Create', 'LabelParameterVersion', 'Update']);
  clock.advance(3_600_000 * 1.5);
  assert.ok((await hear(4)).includes('NoChangeNotification'));
  clock.advance(3_600_000);
  assert.ok((await hear(5)).includes('ExpirationNotification'));
  clock.advance(3_600_000 * 3);
  assert.deepEqual((await hear(7)).slice(0, 3), ['Create', 'Delete', 'Expiration']);
  ssm = new SSM(settings());
  assert.match(await refusal(valueOf('/e/p')), /^ParameterNotFound: /);
  await until('the machine to be forgotten', UNTIL_MS, async () => {
    const { read } = house.slipway.house.database;
    const machines = await read
      .withTables<{ engine_machines: { kind: string; state: string } }>()
      .selectFrom('engine_machines')
      .select('state')
      .where('kind', '=', 'ssm.parameter')
      .execute();
    return machines.every(({ state }) => !String(state).includes('/e/p')) ? true : undefined;
  });
  assert.match(
    await refusal(
      put('/e/q', 'a', { Tier: 'Advanced', Policies: '[{"Type":"X","Version":"1.0","Attributes":{}}]' }),
    ),
    /^InvalidPolicyTypeException: /,
  );
  assert.match(
    await refusal(put('/e/q', 'a', { Policies })),
    /^InvalidPolicyAttributeException: |^ValidationException: /,
  );
});
