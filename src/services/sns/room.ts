/** What the files of this room share: its parts, how topics and subscriptions are named and found, pages of names. */

import type { Kysely } from 'kysely';
import { arnOf, parseArn } from '#base/arn.ts';
import type { MessageEffect, MessageEvent, MessageState } from '#core/topic/delivery.ts';
import type { Machine } from '#engine/machine.ts';
import type { House, Permission, Scope } from '#services/service.ts';
import { invalidParameter, noSuchSubscription, noSuchTopic } from './faults.ts';
import type { Settings } from './settings.ts';
import type { Signer } from './signer.ts';
import { tables, type SubscriptionRow, type TopicRow } from './tables.ts';

export type MessageMachine = Machine<MessageState, MessageEvent, MessageEffect>;
export type Attributes = Readonly<Record<string, string>>;

export interface Room {
  readonly house: House;
  readonly settings: Settings;
  readonly signer: Signer;
  readonly machine: MessageMachine;
}

export const PAGE_SIZE = 100;

export function topicArn(scope: Scope, name: string): string {
  return arnOf('sns', scope.region, scope.account, name);
}

export function subscriptionArn(
  scope: Scope,
  row: Pick<SubscriptionRow, 'topic_name' | 'subscription_id'>,
): string {
  return topicArn(scope, `${row.topic_name}:${row.subscription_id}`);
}

/** What an operation on a topic needs. */
export function onTopic(action: string) {
  return (input: { readonly TopicArn?: string | undefined }): readonly Permission[] => [
    { action: `sns:${action}`, resource: input.TopicArn ?? '*' },
  ];
}

/** Operations on a subscription are allowed at its topic. */
export function onSubscription(action: string) {
  return (input: { readonly SubscriptionArn?: string | undefined }): readonly Permission[] => [
    { action: `sns:${action}`, resource: topicOfSubscription(input.SubscriptionArn ?? '') },
  ];
}

export function topicOfSubscription(arn: string): string {
  return arn.split(':').length > 6 ? arn.slice(0, arn.lastIndexOf(':')) : arn;
}

export async function findTopic(
  database: Kysely<unknown>,
  scope: Scope,
  arn: string | undefined,
): Promise<TopicRow | undefined> {
  const name = parseArn(arn ?? '')?.resource ?? '';
  // One spelling only, the one that policies were asked about.
  if (topicArn(scope, name) !== arn) return undefined;
  return tables(database).selectFrom('sns_topic').selectAll().where('name', '=', name).executeTakeFirst();
}

/** Throws InvalidParameter for what is no ARN of a topic, and NotFound. */
export async function requireTopic(
  database: Kysely<unknown>,
  scope: Scope,
  arn: string | undefined,
): Promise<TopicRow> {
  const parsed = parseArn(arn ?? '');
  if (parsed?.service !== 'sns' || parsed.resource === '' || parsed.resource.includes(':')) {
    throw invalidParameter('TopicArn');
  }
  const row = await findTopic(database, scope, arn);
  if (!row) throw noSuchTopic();
  return row;
}

export async function findSubscription(
  database: Kysely<unknown>,
  id: string,
): Promise<SubscriptionRow | undefined> {
  return tables(database)
    .selectFrom('sns_subscription')
    .selectAll()
    .where('subscription_id', '=', id)
    .executeTakeFirst();
}

export async function requireSubscription(
  database: Kysely<unknown>,
  scope: Scope,
  arn: string | undefined,
): Promise<SubscriptionRow> {
  const parsed = parseArn(arn ?? '');
  const [, id] = parsed?.resource.split(':') ?? [];
  if (parsed?.service !== 'sns' || id === undefined) {
    throw invalidParameter('SubscriptionArn Reason: An ARN must have at least 6 elements, not 1');
  }
  const row = await findSubscription(database, id);
  if (!row || subscriptionArn(scope, row) !== arn) throw noSuchSubscription();
  return row;
}

export function attributesOf(row: { readonly attributes: string }): Attributes {
  return JSON.parse(row.attributes) as Attributes;
}

export function tagsOf(row: TopicRow): Readonly<Record<string, string>> {
  return JSON.parse(row.tags) as Record<string, string>;
}

export function pageToken(after: string): string {
  return Buffer.from(`after:${after}`).toString('base64url');
}

export function afterOf(token: string | undefined): string {
  if (token === undefined) return '';
  const text = Buffer.from(token, 'base64url').toString();
  if (text.startsWith('after:')) return text.slice('after:'.length);
  throw invalidParameter('NextToken');
}
