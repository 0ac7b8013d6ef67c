/** Telling GitHub of a webhook, with a server that answers as GitHub does; and who may do what with webhooks. */

import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { CodePipeline } from '@aws-sdk/client-codepipeline';
import { createLog } from '#base/log.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createPipelines, stageOf, type Pipelines } from '#test/support/pipelines.ts';

const TOKEN = 'gho_tokenofthecustomer';
const SECRET = 'shared-with-github';
const lines: string[] = [];

interface Hook {
  readonly id: number;
  readonly config: Readonly<Record<string, string>>;
}

let github: Server;
let hooks: Hook[] = [];
let authorizations: (string | undefined)[] = [];
let isRefusing = false;
let house: TestHouse;
let pipelines: Pipelines;

before(async () => {
  github = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      authorizations.push(request.headers.authorization);
      const answer = (status: number, body: unknown) => response.writeHead(status).end(JSON.stringify(body));
      if (isRefusing) return answer(403, { message: 'Resource not accessible' });
      if (request.method === 'GET') return answer(200, hooks);
      if (request.method === 'DELETE') hooks = [];
      else hooks = [{ ...(JSON.parse(text) as Hook), id: 1 }];
      return answer(200, {});
    });
  });
  await new Promise<void>((resolve) => github.listen(0, '127.0.0.1', resolve));
  const { port } = github.address() as AddressInfo;
  house = await createTestHouse({
    serverEnvironment: { SLIPWAY_GITHUB_API: `http://127.0.0.1:${port}` },
    log: createLog((line) => lines.push(line), 'debug'),
  });
  pipelines = await createPipelines(house);
  const action = {
    name: 'Fetch',
    actionTypeId: { category: 'Source', owner: 'ThirdParty', provider: 'GitHub', version: '1' },
    configuration: {
      ...{ Owner: 'octo', Repo: 'shop', Branch: 'main', OAuthToken: TOKEN },
      PollForSourceChanges: 'false',
    },
    outputArtifacts: [{ name: 'Site' }],
  } as const;
  const stages = [
    { name: 'S1', actions: [{ ...action, outputArtifacts: [...action.outputArtifacts] }] },
    stageOf('S2', 'Review'),
  ];
  await pipelines.create('shop', [], { stages });
});
after(async () => {
  pipelines.close();
  await house.close();
  github.close();
});

const definition = {
  name: 'shop-hook',
  targetPipeline: 'shop',
  targetAction: 'Fetch',
  filters: [{ jsonPath: '$.ref', matchEquals: 'refs/heads/{Branch}' }],
  authentication: 'GITHUB_HMAC' as const,
  authenticationConfiguration: { SecretToken: SECRET },
};
const webhookName = definition.name;

async function shown() {
  const { webhooks = [] } = await pipelines.codepipeline.listWebhooks({});
  return webhooks.find((webhook) => webhook.definition?.name === webhookName);
}

test('GitHub is told to call the URL, signing with the secret, and told again to stop', async () => {
  const { codepipeline } = pipelines;
  const { webhook } = await codepipeline.putWebhook({ webhook: definition });
  await codepipeline.registerWebhookWithThirdParty({ webhookName });
  assert.deepEqual(hooks[0]?.config, {
    url: webhook?.url,
    content_type: 'json',
    insecure_ssl: '0',
    secret: SECRET,
  });
  assert.ok(authorizations.every((value) => value === `Bearer ${TOKEN}`));
  await codepipeline.deregisterWebhookWithThirdParty({ webhookName });
  await codepipeline.deregisterWebhookWithThirdParty({ webhookName });
  assert.deepEqual(hooks, []);
});

test('what GitHub refuses is answered and noted, and forgotten when it works', async () => {
  const { codepipeline } = pipelines;
  isRefusing = true;
  await assert.rejects(codepipeline.registerWebhookWithThirdParty({ webhookName }), {
    name: 'ValidationException',
    message: 'GitHub answered 403: Resource not accessible',
  });
  assert.equal((await shown())?.errorCode, 'ThirdPartyError');
  assert.equal((await shown())?.errorMessage, 'GitHub answered 403: Resource not accessible');
  isRefusing = false;
  await codepipeline.registerWebhookWithThirdParty({ webhookName });
  assert.equal((await shown())?.errorCode, undefined);
});

test('the token of the action is no setting that a filter may name', async () => {
  const filters = [{ jsonPath: '$.guess', matchEquals: '{OAuthToken}' }];
  await assert.rejects(pipelines.codepipeline.putWebhook({ webhook: { ...definition, filters } }), {
    name: 'InvalidWebhookFilterPatternException',
  });
});

test('a delivery starts a source that this house does not carry, and it fails in words', async () => {
  const { codepipeline } = pipelines;
  const open = {
    ...definition,
    name: 'open',
    authentication: 'UNAUTHENTICATED' as const,
    authenticationConfiguration: {},
  };
  const { webhook } = await codepipeline.putWebhook({ webhook: open });
  const body = JSON.stringify({ ref: 'refs/heads/main' });
  assert.equal((await fetch(webhook?.url ?? '', { method: 'POST', body })).status, 200);
  await house.slipway.house.engine.idle();
  const { pipelineExecutionSummaries: [newest] = [] } = await codepipeline.listPipelineExecutions({
    pipelineName: 'shop',
  });
  assert.deepEqual([newest?.status, newest?.trigger?.triggerType], ['Failed', 'Webhook']);
});

test('a webhook needs permission for itself and for the pipeline that it starts', async () => {
  const { root } = house.slipway;
  await root.send('iam:CreateUser', { UserName: 'eve' });
  const { AccessKey } = await root.send('iam:CreateAccessKey', { UserName: 'eve' });
  const eve = new CodePipeline({
    endpoint: house.endpoint,
    region: house.region,
    maxAttempts: 1,
    credentials: {
      accessKeyId: AccessKey?.AccessKeyId ?? '',
      secretAccessKey: AccessKey?.SecretAccessKey ?? '',
    },
  });
  const allow = (...Resource: readonly string[]) =>
    root.send('iam:PutUserPolicy', {
      UserName: 'eve',
      PolicyName: 'webhooks',
      PolicyDocument: JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: 'codepipeline:*Webhook*', Resource }],
      }),
    });
  const arn = 'arn:aws:codepipeline:us-east-1:123456789012:';
  const own = { ...definition, name: 'eve-hook' };
  const denied = { name: 'AccessDeniedException' };
  await allow(`${arn}webhook:eve-*`);
  await assert.rejects(eve.putWebhook({ webhook: own }), denied);
  await allow(`${arn}shop`);
  await assert.rejects(eve.putWebhook({ webhook: own }), denied);
  await allow(`${arn}shop`, `${arn}webhook:eve-*`);
  await eve.putWebhook({ webhook: own });
  await assert.rejects(eve.deleteWebhook({ name: webhookName }), denied);
  await assert.rejects(eve.registerWebhookWithThirdParty({ webhookName }), denied);
  await assert.rejects(eve.listWebhooks({}), denied);
  await eve.deleteWebhook({ name: 'eve-hook' });
  eve.destroy();
});

test('neither the token nor the secret is in an answer or in the log', async () => {
  const told = [...lines, JSON.stringify(await shown())].join('\n');
  assert.ok(!told.includes(TOKEN) && !told.includes(SECRET));
});
