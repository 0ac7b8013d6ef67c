/** Webhooks through the official client, deliveries as GitHub and others send them, and those who try to misuse them. */

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { CloudTrail } from '@aws-sdk/client-cloudtrail';
import {
  CodePipeline,
  type PutWebhookCommandInput,
  type WebhookDefinition,
} from '@aws-sdk/client-codepipeline';
import { createLog } from '#base/log.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';
import { approval, createPipelines, sourceAction, stageOf, type Pipelines } from '#test/support/pipelines.ts';

const SECRET = 'a-long-and-secret-value';
const lines: string[] = [];

let house: TestHouse;
let pipelines: Pipelines;
let codepipeline: CodePipeline;

before(async () => {
  house = await createTestHouse({ log: createLog((line) => lines.push(line), 'debug') });
  pipelines = await createPipelines(house);
  codepipeline = pipelines.codepipeline;
  await pipelines.create('site', [stageOf('S2', 'Review')], { executionMode: 'QUEUED', pipelineType: 'V2' });
});
after(async () => {
  pipelines.close();
  await house.close();
});

function webhook(name: string, more: Partial<WebhookDefinition> = {}): WebhookDefinition {
  return {
    name,
    targetPipeline: 'site',
    targetAction: 'Fetch',
    filters: [{ jsonPath: '$.ref', matchEquals: 'refs/heads/{S3ObjectKey}' }],
    authentication: 'GITHUB_HMAC',
    authenticationConfiguration: { SecretToken: SECRET },
    ...more,
  };
}

async function put(name: string, more: Partial<WebhookDefinition> = {}): Promise<string> {
  const { webhook: made } = await codepipeline.putWebhook({ webhook: webhook(name, more) });
  assert.ok(made?.url);
  return made.url;
}

const OPEN = { authentication: 'UNAUTHENTICATED', authenticationConfiguration: {} } as const;
const BODY = JSON.stringify({ ref: 'refs/heads/site.zip' });

function sign(body: string, secret = SECRET, algorithm = 'sha256'): Record<string, string> {
  const name = algorithm === 'sha256' ? 'x-hub-signature-256' : 'x-hub-signature';
  return { [name]: `${algorithm}=${createHmac(algorithm, secret).update(body).digest('hex')}` };
}

let deliveries = 0;
async function deliver(
  url: string,
  body: string | Buffer = BODY,
  headers: Record<string, string> = {},
): Promise<number> {
  const id = { 'x-github-delivery': `delivery-${++deliveries}` };
  const response = await fetch(url, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...id, ...headers },
  });
  await response.text();
  return response.status;
}

async function executions(pipelineName = 'site') {
  const { pipelineExecutionSummaries = [] } = await codepipeline.listPipelineExecutions({ pipelineName });
  return pipelineExecutionSummaries;
}

/** How many executions this makes. */
async function started(run: () => Promise<unknown>): Promise<number> {
  const before = (await executions()).length;
  await run();
  return (await executions()).length - before;
}

async function find(name: string) {
  const { webhooks = [] } = await codepipeline.listWebhooks({});
  const found = webhooks.find(({ definition }) => definition?.name === name);
  assert.ok(found);
  return found;
}

async function refused(run: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  await assert.rejects(run, (error: Error) => {
    assert.equal(error.name, code);
    assert.match(error.message, message);
    return true;
  });
}

test('a webhook is what was put, without its secret, and an update keeps its URL', async () => {
  const { webhook: made } = await codepipeline.putWebhook({
    webhook: webhook('kept'),
    tags: [{ key: 'team', value: 'web' }],
  });
  const shown = {
    definition: webhook('kept', { authenticationConfiguration: { SecretToken: '****' } }),
    url: made?.url,
    arn: 'arn:aws:codepipeline:us-east-1:123456789012:webhook:kept',
    tags: [{ key: 'team', value: 'web' }],
  };
  assert.deepEqual(made, shown);
  assert.match(made?.url ?? '', new RegExp(`^${house.endpoint}/webhooks/[A-Za-z0-9_-]{43}$`));
  assert.deepEqual(await find('kept'), shown);

  // What was shown can be put again, and the secret stays.
  await codepipeline.putWebhook({ webhook: (await find('kept')).definition });
  const url = await put('kept', { filters: [], authenticationConfiguration: { SecretToken: '****' } });
  assert.equal(url, made?.url);
  assert.equal(await deliver(url, BODY, sign(BODY)), 200);
  assert.deepEqual((await find('kept')).tags, [{ key: 'team', value: 'web' }]);

  await codepipeline.deleteWebhook({ name: 'kept' });
  await codepipeline.deleteWebhook({ name: 'kept' });
  assert.equal(await deliver(url, BODY, sign(BODY)), 404);
  assert.notEqual(await put('kept'), url);
});

test('what cannot be a webhook is refused', async () => {
  const invalid = 'InvalidWebhookAuthenticationParametersException';
  const cases: [Partial<WebhookDefinition>, string, RegExp][] = [
    [{ targetPipeline: 'none' }, 'PipelineNotFoundException', /none/],
    [{ targetAction: 'Review' }, 'ValidationException', /source action/],
    [{ authenticationConfiguration: {} }, invalid, /needs a SecretToken/],
    [{ authenticationConfiguration: { SecretToken: '****' } }, invalid, /masked/],
    [
      { authenticationConfiguration: { SecretToken: 's', AllowedIPRange: '1.2.3.4/8' } },
      invalid,
      /cannot have/,
    ],
    [{ authentication: 'IP' }, invalid, /cannot have a SecretToken/],
    [{ authentication: 'IP', authenticationConfiguration: {} }, invalid, /needs an AllowedIPRange/],
    [{ authentication: 'IP', authenticationConfiguration: { AllowedIPRange: '1.2.3.4' } }, invalid, /CIDR/],
    [{ authentication: 'UNAUTHENTICATED' }, invalid, /cannot have a SecretToken/],
    [{ filters: [{ jsonPath: '$.a[?(@.b)]' }] }, 'InvalidWebhookFilterPatternException', /JSON path/],
    [
      { filters: [{ jsonPath: '$.a', matchEquals: '{Branch}' }] },
      'InvalidWebhookFilterPatternException',
      /'\{Branch\}'/,
    ],
  ];
  for (const [more, code, message] of cases) await refused(put('wrong', more), code, message);
  const many = Array.from({ length: 51 }, (_each, i) => ({ key: `k${i}`, value: '' }));
  const tagged = (tags: PutWebhookCommandInput['tags']) =>
    codepipeline.putWebhook({ webhook: webhook('wrong'), tags });
  await refused(tagged(many), 'TooManyTagsException', /Tag limit/);
  await refused(tagged([{ key: 'aws:x', value: '' }]), 'InvalidTagsException', /system tags/);
});

test('a signed delivery starts the pipeline once, however often it comes', async () => {
  const url = await put('signed');
  const id = { 'x-github-delivery': 'the-same' };
  assert.equal(
    await started(async () => {
      assert.equal(await deliver(url, BODY, { ...sign(BODY), ...id }), 200);
      assert.equal(await deliver(url, BODY, { ...sign(BODY), ...id }), 200);
    }),
    1,
  );
  const [newest] = await executions();
  assert.deepEqual(newest?.trigger, {
    triggerType: 'Webhook',
    triggerDetail: 'arn:aws:codepipeline:us-east-1:123456789012:webhook:signed',
  });
  assert.ok((await find('signed')).lastTriggered);
  assert.equal(await started(() => deliver(url, BODY, sign(BODY, SECRET, 'sha1'))), 1);
});

test('a delivery that is not authentic starts nothing and leaves nothing', async () => {
  const url = await put('closed');
  const wrong = [
    {},
    sign(BODY, 'another'),
    sign('{}'),
    { ...sign(BODY, SECRET, 'sha1'), 'x-hub-signature-256': 'sha256=00' },
    { 'x-hub-signature-256': '' },
  ];
  for (const headers of wrong) {
    assert.equal(await started(async () => assert.equal(await deliver(url, BODY, headers), 403)), 0);
  }
  const { errorCode, lastTriggered } = await find('closed');
  assert.deepEqual([errorCode, lastTriggered], [undefined, undefined]);
  const elsewhere = await put('elsewhere', {
    authentication: 'IP',
    authenticationConfiguration: { AllowedIPRange: '203.0.113.0/24' },
  });
  assert.equal(await deliver(elsewhere, BODY, { 'x-forwarded-for': '203.0.113.9' }), 403);
  const here = await put('here', {
    authentication: 'IP',
    authenticationConfiguration: { AllowedIPRange: '127.0.0.0/8' },
  });
  assert.equal(await started(() => deliver(here)), 1);
});

test('what the filters ignore, a ping, and a body that is no JSON start nothing', async () => {
  const url = await put('filtered', OPEN);
  const other = JSON.stringify({ ref: 'refs/heads/other' });
  assert.equal(
    await started(async () => {
      assert.equal(await deliver(url, other), 200);
      assert.equal(await deliver(url, '{}'), 200);
      assert.equal(await deliver(url, BODY, { 'x-github-event': 'ping' }), 200);
      assert.equal(await deliver(url, 'ref=refs/heads/site.zip'), 400);
      assert.equal(await deliver(url, Buffer.from([0xff, 0xfe])), 400);
      assert.equal(await deliver(url, ''), 400);
      assert.equal(await deliver(url, '[0,'.repeat(300_000)), 400);
      assert.equal((await fetch(url)).status, 405);
    }),
    0,
  );
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  assert.equal(await started(() => deliver(url, new URLSearchParams({ payload: BODY }).toString(), form)), 1);
});

test('bodies that are too large are refused before they are held', async () => {
  const url = await put('large', OPEN);
  assert.equal(await deliver(url, Buffer.alloc(1024 * 1024 + 1, 0x20)), 400);
  const padded = BODY + ' '.repeat(1024 * 1024 - BODY.length);
  assert.equal(await started(async () => assert.equal(await deliver(url, padded), 200)), 1);
  // One that does not say how long it is.
  const { hostname, port, pathname, host } = new URL(url);
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(`POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\ntransfer-encoding: chunked\r\n\r\n`);
      const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
      for (let i = 0; i < 20; i++) socket.write(chunk);
    });
    socket.once('data', (data) => {
      resolve(data.toString().split('\r\n')[0] ?? '');
      socket.destroy();
    });
    socket.once('error', reject);
  });
  assert.equal(answer, 'HTTP/1.1 400 Bad Request');
});

test('who sends bodies that never end keeps out nobody else', async () => {
  const [busy, other] = [await put('busy', OPEN), await put('other', OPEN)];
  const { hostname, port, pathname, host } = new URL(busy);
  const head = `POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\ncontent-length: 100\r\n\r\n{`;
  const sockets = Array.from({ length: 20 }, () => connect(Number(port), hostname));
  const refusals = new Promise<number>((resolve) => {
    let count = 0;
    for (const socket of sockets) {
      socket.once('data', (data) => {
        assert.match(data.toString(), /^HTTP\/1.1 429 /);
        count += 1;
        if (count === 4) resolve(count);
      });
      socket.write(head);
    }
  });
  assert.equal(await refusals, 4);
  assert.equal(await deliver(busy), 429);
  assert.equal(await deliver(other), 200);
  for (const socket of sockets) socket.destroy();
  await until('the bodies that broke off are let go', 10_000, async () =>
    (await deliver(busy)) === 200 ? true : undefined,
  );
});

test('no other path leads to a webhook', async () => {
  const url = await put('paths', OPEN);
  const base = `${house.endpoint}/webhooks/`;
  const token = url.slice(base.length);
  const paths = ['', 'paths', '..%2f', `${token}/`, `${token}%00`, `${token.slice(1)}`, token.toLowerCase()];
  assert.equal(
    await started(async () => {
      for (const path of paths) assert.equal(await deliver(base + path), 404, path);
    }),
    0,
  );
});

test('when all executions that may be in flight are, a delivery is told to come again', async () => {
  await pipelines.create('full', [stageOf('S2', 'Review')], { executionMode: 'QUEUED', pipelineType: 'V2' });
  const url = await put('full', { ...OPEN, targetPipeline: 'full' });
  for (let i = 1; i < 50; i++) await codepipeline.startPipelineExecution({ name: 'full' });
  const id = { 'x-github-delivery': 'late' };
  assert.equal(await deliver(url, BODY, id), 429);
  const { errorCode, errorMessage } = await find('full');
  assert.equal(errorCode, 'ConcurrentPipelineExecutionsLimitExceededException');
  assert.match(errorMessage ?? '', /50/);
  const [newest] = await executions('full');
  await codepipeline.stopPipelineExecution({
    pipelineName: 'full',
    pipelineExecutionId: newest?.pipelineExecutionId,
    abandon: true,
  });
  assert.equal(await deliver(url, BODY, id), 200);
  assert.equal((await find('full')).errorCode, undefined);
});

test('a webhook whose pipeline or action is gone says so', async () => {
  await pipelines.create('gone', [stageOf('S2', 'Review')]);
  const url = await put('gone', { ...OPEN, targetPipeline: 'gone' });
  const { pipeline } = await codepipeline.getPipeline({ name: 'gone' });
  assert.ok(pipeline);
  const stages = [
    { name: 'S1', actions: [sourceAction('Renamed')] },
    { name: 'S2', actions: [approval('Review')] },
  ];
  await codepipeline.updatePipeline({ pipeline: { ...pipeline, stages } });
  assert.equal(await deliver(url), 410);
  assert.equal((await find('gone')).errorCode, 'ActionNotFoundException');
  await codepipeline.deletePipeline({ name: 'gone' });
  assert.equal(await deliver(url), 410);
  assert.equal((await find('gone')).errorCode, 'PipelineNotFoundException');
});

test('webhooks have tags and pages', async () => {
  await put('tagged');
  const resourceArn = (await find('tagged')).arn;
  await codepipeline.tagResource({
    resourceArn,
    tags: [
      { key: 'a', value: '1' },
      { key: 'b', value: '2' },
    ],
  });
  await codepipeline.untagResource({ resourceArn, tagKeys: ['a'] });
  const { tags } = await codepipeline.listTagsForResource({ resourceArn });
  assert.deepEqual(tags, [{ key: 'b', value: '2' }]);
  assert.deepEqual((await find('tagged')).tags, [{ key: 'b', value: '2' }]);

  const names: (string | undefined)[] = [];
  let NextToken: string | undefined;
  do {
    const page = await codepipeline.listWebhooks({ MaxResults: 2, NextToken });
    names.push(...(page.webhooks ?? []).map(({ definition }) => definition?.name));
    NextToken = page.NextToken;
  } while (NextToken);
  assert.deepEqual(names, [...names].sort());
  assert.ok(names.length > 4);
  await refused(codepipeline.listWebhooks({ NextToken: 'forged' }), 'InvalidNextTokenException', /not valid/);
});

test('only GitHub can be told of a webhook, and what it says is noted', async () => {
  await put('told');
  const register = (webhookName: string) => codepipeline.registerWebhookWithThirdParty({ webhookName });
  await refused(register('none'), 'WebhookNotFoundException', /none/);
  await refused(register('told'), 'ValidationException', /only GitHub/);
  await refused(
    codepipeline.deregisterWebhookWithThirdParty({ webhookName: 'told' }),
    'ValidationException',
    /only GitHub/,
  );
});

test('a webhook is there after a restart, under the same URL path', async () => {
  const url = await put('durable');
  const path = new URL(url).pathname;
  await house.restart();
  pipelines.close();
  const { endpoint, region, credentials } = house;
  codepipeline = new CodePipeline({ endpoint, region, credentials, maxAttempts: 1 });
  assert.equal(new URL((await find('durable')).url ?? '').pathname, path);
  assert.equal(await started(() => deliver(house.endpoint + path, BODY, sign(BODY))), 1);
});

test('no secret and no URL of a webhook is in the log or in the trail of calls', async () => {
  const cloudtrail = new CloudTrail({
    endpoint: house.endpoint,
    region: house.region,
    credentials: house.credentials,
  });
  const { Events = [] } = await cloudtrail.lookupEvents({
    LookupAttributes: [{ AttributeKey: 'EventName', AttributeValue: 'PutWebhook' }],
  });
  assert.ok(Events.length > 3);
  assert.ok(lines.length > 10);
  const told = [...lines, ...Events.map((event) => JSON.stringify(event))].join('\n');
  assert.ok(!told.includes(SECRET));
  const { webhooks = [] } = await codepipeline.listWebhooks({});
  for (const { url = '' } of webhooks) assert.ok(!lines.join('\n').includes(url.split('/').at(-1) ?? '?'));
  codepipeline.destroy();
  cloudtrail.destroy();
});
