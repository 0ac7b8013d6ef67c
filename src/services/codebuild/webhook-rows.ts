/** Webhooks as they rest: their secret sealed, their URL known only by a hash, and how they look from outside. */

import { createHash } from 'node:crypto';
import type { Webhook } from '@aws-sdk/client-codebuild';
import type { House } from '#services/service.ts';
import { tables, type WebhookRow } from './tables.ts';

export const WEBHOOK_PATH = '/webhooks';
/** Not only the path, below which other services have theirs. */
export const WEBHOOK_PREFIX = `${WEBHOOK_PATH}?t=`;
const PURPOSE = 'codebuild-webhook-secret';

export type WebhookSettings = Pick<
  Webhook,
  | 'branchFilter'
  | 'filterGroups'
  | 'buildType'
  | 'manualCreation'
  | 'scopeConfiguration'
  | 'pullRequestBuildPolicy'
>;

export function settingsOfWebhook(row: WebhookRow): WebhookSettings {
  return JSON.parse(row.settings) as WebhookSettings;
}

/** The secret part of the URL follows from the webhook's id. */
export function urlToken(house: House, webhookId: string): string {
  return house.keyring.derive('codebuild-webhook-url', webhookId).toString('base64url');
}

export function hashOfToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

export function sealSecret(house: House, webhookId: string, secret: string): string {
  return house.keyring.seal(PURPOSE, secret, webhookId);
}

/** Nothing for providers whose deliveries are known by their URL alone. */
export function secretOf(house: House, row: WebhookRow): string | undefined {
  return row.secret === null ? undefined : house.keyring.open(PURPOSE, row.secret, row.webhook_id).toString();
}

export async function findWebhook({ database }: House, project: string): Promise<WebhookRow | undefined> {
  return tables(database)
    .selectFrom('codebuild_webhook')
    .selectAll()
    .where('project_name', '=', project)
    .executeTakeFirst();
}

export async function findWebhookByToken(
  { database }: House,
  token: string,
): Promise<WebhookRow | undefined> {
  return tables(database)
    .selectFrom('codebuild_webhook')
    .selectAll()
    .where('token_hash', '=', hashOfToken(token))
    .executeTakeFirst();
}

/** Never with the secret; whoever may see that adds it. */
export function viewWebhook(house: House, endpoint: string, row: WebhookRow): Webhook {
  return {
    payloadUrl: `${endpoint}${WEBHOOK_PREFIX}${urlToken(house, row.webhook_id)}&v=1`,
    ...settingsOfWebhook(row),
    ...(row.secret === null ? {} : { lastModifiedSecret: new Date(row.secret_modified_at) }),
    status: row.status as 'ACTIVE',
    ...(row.status_message === null ? {} : { statusMessage: row.status_message }),
  };
}
