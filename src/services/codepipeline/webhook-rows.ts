/** Webhooks as rows: how they are found, by name or by the secret part of their URL, and what is noted of deliveries. */

import { createHash } from 'node:crypto';
import { arnOf } from '#base/arn.ts';
import { fault } from '#base/fault.ts';
import type { WebhookFilter } from '#core/pipeline/trigger/webhook-filter.ts';
import type { House, Scope } from '#services/service.ts';
import { maskConfiguration } from './secrets.ts';
import { checkTags, type Tagged, type Tags } from './tags.ts';
import { triggerRows, withinTriggers, type WebhookRow } from './trigger-tables.ts';

export const WEBHOOK_PREFIX = '/webhooks/';

const URL_PURPOSE = 'codepipeline/webhook-url';
const SECRET_PURPOSE = 'codepipeline/webhook-secret';

export function webhookArn({ region, account }: Scope, name: string): string {
  return arnOf('codepipeline', region, account, `webhook:${name}`);
}

/** 256 bits that only this installation can derive; the database alone does not tell them. */
export function urlTokenOf(house: House, webhookId: string): string {
  return house.keyring.derive(URL_PURPOSE, webhookId).toString('base64url');
}

export function hashOfToken(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

export function sealWebhookSecret(house: House, webhookId: string, secret: string): string {
  return house.keyring.seal(SECRET_PURPOSE, secret, webhookId);
}

export function secretOf(house: House, row: WebhookRow): string | undefined {
  return row.secret === null
    ? undefined
    : house.keyring.open(SECRET_PURPOSE, row.secret, row.webhook_id).toString();
}

/** The settings of an action that filters may name: all but the secret ones. */
export function openSettingsOf(configuration: Readonly<Record<string, string>>): Record<string, string> {
  const shown = maskConfiguration(configuration);
  return Object.fromEntries(Object.entries(configuration).filter(([name, value]) => shown[name] === value));
}

export function filtersOf(row: WebhookRow): readonly WebhookFilter[] {
  return JSON.parse(row.filters) as readonly WebhookFilter[];
}

export async function findWebhook(house: House, name: string): Promise<WebhookRow | undefined> {
  return triggerRows(house.database)
    .selectFrom('codepipeline_webhooks')
    .selectAll()
    .where('name', '=', name)
    .executeTakeFirst();
}

export async function requireWebhook(house: House, name: string | undefined): Promise<WebhookRow> {
  const row = await findWebhook(house, name ?? '');
  if (row) return row;
  throw fault('WebhookNotFoundException', `A webhook with the name '${name}' was not found`);
}

export async function findByToken(house: House, token: string): Promise<WebhookRow | undefined> {
  return triggerRows(house.database)
    .selectFrom('codepipeline_webhooks')
    .selectAll()
    .where('token_hash', '=', hashOfToken(token))
    .executeTakeFirst();
}

/** AWS keeps of a webhook when it started something last, and what went wrong last. */
export async function noteStart(house: House, row: WebhookRow, at: number): Promise<void> {
  await note(house, row, { triggered_at: at, error_code: null, error_message: null });
}

export async function noteError(house: House, row: WebhookRow, code: string, message: string): Promise<void> {
  // Whoever repeats what is wrong does not make us write each time.
  if (row.error_code === code && row.error_message === message) return;
  await note(house, row, { error_code: code, error_message: message });
}

export async function noteHealthy(house: House, row: WebhookRow): Promise<void> {
  await note(house, row, { error_code: null, error_message: null });
}

async function note(house: House, row: WebhookRow, noted: Partial<WebhookRow>): Promise<void> {
  await house.database.transaction(async (transaction) => {
    await withinTriggers(transaction)
      .updateTable('codepipeline_webhooks')
      .set(noted)
      .where('name', '=', row.name)
      .where('webhook_id', '=', row.webhook_id)
      .execute();
  });
}

/** For the tag operations. */
export async function findTaggedWebhook(house: House, text: string): Promise<Tagged | undefined> {
  const name = /:webhook:([^:]+)$/.exec(text)?.[1] ?? '';
  const row = webhookArn(house, name) === text ? await findWebhook(house, name) : undefined;
  if (!row) return undefined;
  const change = (next: (tags: Tags) => Tags) =>
    house.database.transaction(async (transaction) => {
      const kysely = withinTriggers(transaction);
      const current = await kysely
        .selectFrom('codepipeline_webhooks')
        .select('tags')
        .where('name', '=', name)
        .executeTakeFirst();
      if (!current) return;
      const tags = checkTags(next(JSON.parse(current.tags) as Tags), text);
      await kysely
        .updateTable('codepipeline_webhooks')
        .set({ tags: JSON.stringify(tags) })
        .where('name', '=', name)
        .execute();
    });
  return { tags: JSON.parse(row.tags) as Tags, change };
}
