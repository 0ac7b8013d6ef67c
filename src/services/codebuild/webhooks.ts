/**
 * Webhooks of projects: URLs at which a provider tells what happened in a repository. Slipway does not call providers,
 * so whoever makes a webhook enters its URL and secret there; one that asked CodeBuild to do so says that in its
 * status. What comes in is in `webhook-deliveries.ts`.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/webhooks.html
 */

import type { WebhookFilter } from '@aws-sdk/client-codebuild';
import { createUuid } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import { EVENT_TYPES, eventTypesOf } from '#core/webhook/event.ts';
import type { Call, Handler } from '#services/service.ts';
import { GIT_PROVIDERS } from './git-sources.ts';
import { patternProblem } from './patterns.ts';
import { settingsOf } from './projects.ts';
import { projectName, requireProject, type Room } from './room.ts';
import { invalid } from './settings.ts';
import { findSourceCredential } from './source-credentials.ts';
import { tables, type WebhookRow } from './tables.ts';
import {
  findWebhook,
  hashOfToken,
  sealSecret,
  settingsOfWebhook,
  urlToken,
  viewWebhook,
  type WebhookSettings,
} from './webhook-rows.ts';

const GROUPS_MAX = 20;
const FILTERS_MAX = 20;
const BY_HAND = 'Slipway does not call providers. Enter payloadUrl and secret at the provider by hand.';
const NO_RUNNERS = 'Runners of other systems are not part of Slipway, so this webhook starts nothing.';

export function webhookOperations({ house }: Room) {
  const { database, keyring } = house;

  /** New at every call, and nowhere but in the answer and sealed in its row. */
  const createSecret = () => keyring.derive('codebuild-webhook-secret', createUuid()).toString('base64url');

  const CreateWebhook: Handler<'codebuild', 'CreateWebhook'> = async (call, input) => {
    const project = await requireProject(house, projectName(input.projectName));
    const { source } = settingsOf(project);
    const type = source?.type ?? '';
    const isRunner = input.buildType === 'RUNNER_BUILDKITE_BUILD';
    if (!GIT_PROVIDERS.test(type) && !(type === 'NO_SOURCE' && isRunner)) {
      throw invalid(`Webhooks are not supported for source type ${type}`);
    }
    const { projectName: _name, ...given } = input;
    const settings = await checkSettings({ buildType: 'BUILD', ...given });
    const isByHand = input.manualCreation === true || type === 'GITHUB_ENTERPRISE' || isRunner;
    if (!isByHand && (await findSourceCredential(house, { type })).type === 'none') {
      throw fault(
        'ResourceNotFoundException',
        `Could not find access token for server type ${type.toLowerCase()}`,
      );
    }
    const webhookId = createUuid();
    const secret = type === 'BITBUCKET' ? undefined : createSecret();
    const row: WebhookRow = {
      project_name: project.name,
      webhook_id: webhookId,
      token_hash: hashOfToken(urlToken(house, webhookId)),
      secret: secret === undefined ? null : sealSecret(house, webhookId, secret),
      secret_modified_at: call.at,
      settings: JSON.stringify(settings),
      status: isByHand ? 'ACTIVE' : 'CREATE_FAILED',
      status_message: isRunner ? NO_RUNNERS : isByHand ? null : BY_HAND,
    };
    await database.transaction(async (transaction) => {
      const rows = tables(transaction);
      const there = await rows
        .selectFrom('codebuild_webhook')
        .select('webhook_id')
        .where('project_name', '=', project.name)
        .executeTakeFirst();
      if (there)
        throw fault('ResourceAlreadyExistsException', `Project ${project.name} already has a webhook`);
      await rows.insertInto('codebuild_webhook').values(row).execute();
    });
    return { webhook: view(call, row, secret) };
  };

  const UpdateWebhook: Handler<'codebuild', 'UpdateWebhook'> = async (call, input) => {
    const before = await requireWebhook(input.projectName);
    const { projectName: _name, rotateSecret, ...changes } = input;
    const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
    const { branchFilter, filterGroups, ...kept } = settingsOfWebhook(before);
    const filters = given['branchFilter'] || given['filterGroups'] ? {} : { branchFilter, filterGroups };
    const settings = await checkSettings({ ...filters, ...kept, ...given });
    const secret = rotateSecret === true && before.secret !== null ? createSecret() : undefined;
    const row: WebhookRow = {
      ...before,
      settings: JSON.stringify(settings),
      ...(secret === undefined
        ? {}
        : { secret: sealSecret(house, before.webhook_id, secret), secret_modified_at: call.at }),
    };
    await database.transaction(async (transaction) => {
      await tables(transaction)
        .updateTable('codebuild_webhook')
        .set(row)
        .where('webhook_id', '=', row.webhook_id)
        .execute();
    });
    return { webhook: view(call, row, secret) };
  };

  const DeleteWebhook: Handler<'codebuild', 'DeleteWebhook'> = async (_call, input) => {
    const { webhook_id } = await requireWebhook(input.projectName);
    await database.transaction(async (transaction) => {
      await tables(transaction)
        .deleteFrom('codebuild_webhook')
        .where('webhook_id', '=', webhook_id)
        .execute();
    });
    return {};
  };

  async function requireWebhook(nameOrArn: string | undefined): Promise<WebhookRow> {
    const { name } = await requireProject(house, projectName(nameOrArn));
    const row = await findWebhook(house, name);
    if (row) return row;
    throw fault('ResourceNotFoundException', `Project ${name} has no webhook`);
  }

  function view(call: Call, row: WebhookRow, secret: string | undefined) {
    return { ...viewWebhook(house, call.endpoint, row), ...(secret === undefined ? {} : { secret }) };
  }

  return { CreateWebhook, UpdateWebhook, DeleteWebhook };
}

async function checkSettings(settings: WebhookSettings): Promise<WebhookSettings> {
  const { branchFilter, filterGroups = [] } = settings;
  if (branchFilter && filterGroups.length > 0) {
    throw invalid('Invalid webhook: branchFilter and filterGroups cannot be used together');
  }
  if (filterGroups.length > GROUPS_MAX) throw invalid(`A webhook can have ${GROUPS_MAX} filter groups`);
  if (branchFilter) await checkPattern(branchFilter);
  for (const group of filterGroups) await checkGroup(group);
  return Object.fromEntries(
    Object.entries(settings).filter(([, value]) => value !== undefined && value !== ''),
  );
}

async function checkGroup(group: readonly WebhookFilter[]): Promise<void> {
  if (group.length > FILTERS_MAX) throw invalid(`A filter group can have ${FILTERS_MAX} filters`);
  if (!group.some(({ type }) => type === 'EVENT')) {
    throw invalid('Invalid webhook: each filter group must have a filter of type EVENT');
  }
  for (const { type, pattern = '' } of group) {
    if (type !== 'EVENT') await checkPattern(pattern);
    const unknown = type === 'EVENT' && eventTypesOf(pattern).find((each) => !isEventType(each));
    if (unknown !== false && unknown !== undefined) {
      throw invalid(`Invalid webhook: ${unknown} is no event. Expecting: ${EVENT_TYPES.join(', ')}`);
    }
  }
}

function isEventType(text: string): boolean {
  return EVENT_TYPES.some((type) => type === text);
}

async function checkPattern(pattern: string): Promise<void> {
  const problem = await patternProblem(pattern);
  if (problem !== undefined)
    throw invalid(`Invalid webhook: the pattern ${pattern.slice(0, 100)} is wrong: ${problem}`);
}
