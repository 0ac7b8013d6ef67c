/**
 * Webhooks: URLs at which somebody outside starts a pipeline. What comes in is in `webhook-delivery.ts`. Secrets are
 * stored sealed and shown as asterisks; asterisks in an update keep the secret that is stored.
 * AWS: "Create a webhook for a GitHub source".
 */

import type { ListWebhookItem, WebhookDefinition } from '@aws-sdk/client-codepipeline';
import { present } from '#base/assert.ts';
import { createUuid } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { ActionDeclaration } from '#core/pipeline/definition/declaration.ts';
import { filterFault } from '#core/pipeline/trigger/webhook-filter.ts';
import type { Call, Handler, House } from '#services/service.ts';
import { createPageToken, readPageToken } from './paging.ts';
import { findDeclaration, requirePipeline, type Room } from './room.ts';
import { checkTags, tagsOfList, tagsToList, type Tags } from './tags.ts';
import { triggerRows, withinTriggers, type WebhookRow } from './trigger-tables.ts';
import { parseRange } from './webhook-authentication.ts';
import {
  filtersOf,
  hashOfToken,
  openSettingsOf,
  sealWebhookSecret,
  urlTokenOf,
  WEBHOOK_PREFIX,
  webhookArn,
} from './webhook-rows.ts';

type Codepipeline<Operation extends string> = Handler<'codepipeline', Operation>;

/** AWS: "Quotas in AWS CodePipeline". */
const WEBHOOKS_MAX = 300;
const PAGE_SIZE = 100;
const MASK = '****';

export function webhookOperations({ house }: Room) {
  const PutWebhook: Codepipeline<'PutWebhook'> = async (call, input) => {
    const given = present(input.webhook, 'webhook');
    const target = await requireTarget(house, given);
    checkAuthentication(given);
    const settings = openSettingsOf(target.configuration);
    for (const { jsonPath = '', matchEquals } of given.filters ?? []) {
      const filter = { jsonPath, ...(matchEquals === undefined ? {} : { matchEquals }) };
      const message = filterFault(filter, settings);
      if (message !== undefined) throw fault('InvalidWebhookFilterPatternException', message);
    }
    const tags = input.tags === undefined ? undefined : checkTags(tagsOfList(input.tags), 'webhook');
    const stored = await house.database.transaction(async (transaction) => {
      const kysely = withinTriggers(transaction);
      const names = await kysely.selectFrom('codepipeline_webhooks').select('name').execute();
      const before = names.some(({ name }) => name === given.name)
        ? await kysely
            .selectFrom('codepipeline_webhooks')
            .selectAll()
            .where('name', '=', given.name ?? '')
            .executeTakeFirst()
        : undefined;
      if (!before && names.length >= WEBHOOKS_MAX) {
        throw fault(
          'LimitExceededException',
          `The account has ${names.length} webhooks. The maximum is ${WEBHOOKS_MAX}`,
        );
      }
      const row = rowOf(house, given, before, tags);
      if (before) {
        await kysely.updateTable('codepipeline_webhooks').set(row).where('name', '=', row.name).execute();
      } else await kysely.insertInto('codepipeline_webhooks').values(row).execute();
      return row;
    });
    return { webhook: view(house, call, stored) };
  };

  const ListWebhooks: Codepipeline<'ListWebhooks'> = async (call, input) => {
    const limit = input.MaxResults ?? PAGE_SIZE;
    const [after = ''] = readPageToken(house.keyring, 'ListWebhooks', input.NextToken) ?? [];
    const found = await triggerRows(house.database)
      .selectFrom('codepipeline_webhooks')
      .selectAll()
      .where('name', '>', String(after))
      .orderBy('name')
      .limit(limit + 1)
      .execute();
    const page = found.slice(0, limit);
    const webhooks = page.map((row) => view(house, call, row));
    if (found.length <= limit) return { webhooks };
    const last = present(page.at(-1), 'last row of a page').name;
    return { webhooks, NextToken: createPageToken(house.keyring, 'ListWebhooks', [last]) };
  };

  const DeleteWebhook: Codepipeline<'DeleteWebhook'> = async (_call, input) => {
    await house.database.transaction(async (transaction) => {
      await withinTriggers(transaction)
        .deleteFrom('codepipeline_webhooks')
        .where('name', '=', input.name ?? '')
        .execute();
    });
    return {};
  };

  return { PutWebhook, ListWebhooks, DeleteWebhook };
}

async function requireTarget(house: House, given: WebhookDefinition): Promise<ActionDeclaration> {
  const pipeline = await requirePipeline(house, given.targetPipeline);
  const declaration = await findDeclaration(house, pipeline.pipeline_id, pipeline.version);
  const action = declaration?.stages[0]?.actions.find(({ name }) => name === given.targetAction);
  if (action) return action;
  throw fault(
    'ValidationException',
    `Pipeline ${pipeline.name} does not have a source action with name '${given.targetAction}'`,
  );
}

function checkAuthentication({ authentication, authenticationConfiguration }: WebhookDefinition): void {
  const { SecretToken, AllowedIPRange } = authenticationConfiguration ?? {};
  const refuse = (message: string) => fault('InvalidWebhookAuthenticationParametersException', message);
  const needs = {
    secret: authentication === 'GITHUB_HMAC',
    range: authentication === 'IP',
  };
  if (needs.secret !== (SecretToken !== undefined)) {
    throw refuse(
      needs.secret
        ? 'The authentication GITHUB_HMAC needs a SecretToken'
        : `The authentication ${authentication} cannot have a SecretToken`,
    );
  }
  if (needs.range !== (AllowedIPRange !== undefined)) {
    throw refuse(
      needs.range
        ? 'The authentication IP needs an AllowedIPRange'
        : `The authentication ${authentication} cannot have an AllowedIPRange`,
    );
  }
  if (AllowedIPRange !== undefined && !parseRange(AllowedIPRange)) {
    throw refuse(`The AllowedIPRange '${AllowedIPRange}' is not a CIDR range such as 192.0.2.0/24`);
  }
}

/** An update keeps the URL and what is known of deliveries. */
function rowOf(
  house: House,
  given: WebhookDefinition,
  before: WebhookRow | undefined,
  tags: Tags | undefined,
): WebhookRow {
  const { SecretToken, AllowedIPRange } = given.authenticationConfiguration ?? {};
  const webhookId = before?.webhook_id ?? createUuid();
  return {
    name: given.name ?? '',
    webhook_id: webhookId,
    token_hash: hashOfToken(urlTokenOf(house, webhookId)),
    pipeline: given.targetPipeline ?? '',
    action: given.targetAction ?? '',
    authentication: given.authentication ?? '',
    filters: JSON.stringify(given.filters ?? []),
    allowed_range: AllowedIPRange ?? null,
    secret: SecretToken === undefined ? null : sealed(house, webhookId, SecretToken, before),
    tags: tags ? JSON.stringify(tags) : (before?.tags ?? '{}'),
    triggered_at: before?.triggered_at ?? null,
    error_code: before?.error_code ?? null,
    error_message: before?.error_message ?? null,
  };
}

function sealed(house: House, webhookId: string, secret: string, before: WebhookRow | undefined): string {
  if (secret !== MASK) return sealWebhookSecret(house, webhookId, secret);
  if (before?.secret) return before.secret;
  throw fault(
    'InvalidWebhookAuthenticationParametersException',
    'The SecretToken is masked, and there is no stored one that it could mean',
  );
}

export function urlOf(house: House, call: Call, row: WebhookRow): string {
  return `${call.endpoint}${WEBHOOK_PREFIX}${urlTokenOf(house, row.webhook_id)}`;
}

function view(house: House, call: Call, row: WebhookRow): ListWebhookItem {
  return {
    definition: {
      name: row.name,
      targetPipeline: row.pipeline,
      targetAction: row.action,
      filters: filtersOf(row) as WebhookDefinition['filters'],
      authentication: row.authentication as WebhookDefinition['authentication'],
      authenticationConfiguration: {
        ...(row.secret === null ? {} : { SecretToken: MASK }),
        ...(row.allowed_range === null ? {} : { AllowedIPRange: row.allowed_range }),
      },
    },
    url: urlOf(house, call, row),
    arn: webhookArn(house, row.name),
    tags: tagsToList(JSON.parse(row.tags) as Tags),
    ...(row.triggered_at === null ? {} : { lastTriggered: new Date(row.triggered_at) }),
    ...(row.error_code === null ? {} : { errorCode: row.error_code }),
    ...(row.error_message === null ? {} : { errorMessage: row.error_message }),
  };
}
