/** What the files of this room share: how rules are named and found, and whether a topic lets this service in. */

import type { Kysely } from 'kysely';
import { arnOf } from '#base/arn.ts';
import { fault, isFault } from '#base/fault.ts';
import type { NoticeEvent, NoticeState, TellTarget } from '#core/notification/notice.ts';
import type { Machine } from '#engine/machine.ts';
import type { House, Permission, Scope } from '#services/service.ts';
import { tables, type RuleRow } from './tables.ts';

export const SERVICE = 'codestar-notifications';

export type NoticeMachine = Machine<NoticeState, NoticeEvent, TellTarget>;

export interface Room {
  readonly house: House;
  readonly machine: NoticeMachine;
}

export function ruleArn(scope: Scope, ruleId: string): string {
  return arnOf(SERVICE, scope.region, scope.account, `notificationrule/${ruleId}`);
}

export function onRule(action: string) {
  return (input: { readonly Arn?: string | undefined }): readonly Permission[] => [
    { action: `${SERVICE}:${action}`, resource: input.Arn ?? '*' },
  ];
}

export async function findRule(
  database: Kysely<unknown>,
  scope: Scope,
  arn: string | undefined,
): Promise<RuleRow | undefined> {
  const id = arn?.split('/').at(-1) ?? '';
  if (ruleArn(scope, id) !== arn) return undefined;
  return tables(database)
    .selectFrom('notifications_rule')
    .selectAll()
    .where('rule_id', '=', id)
    .executeTakeFirst();
}

export async function requireRule(
  database: Kysely<unknown>,
  scope: Scope,
  arn: string | undefined,
): Promise<RuleRow> {
  const row = await findRule(database, scope, arn);
  if (row) return row;
  throw fault('ResourceNotFoundException', `The notification rule ${arn} does not exist.`);
}

/** A topic is reached if its policy lets the service publish; AWS shows the others as UNREACHABLE. */
export async function targetStatus(
  house: House,
  rule: string,
  topic: string,
): Promise<'ACTIVE' | 'UNREACHABLE'> {
  const { account } = house;
  const service = `${SERVICE}.amazonaws.com`;
  const principal = { type: 'service', account, service, sourceAccount: account, sourceArn: rule } as const;
  try {
    await house.trust.authorize(principal, [{ action: 'sns:Publish', resource: topic }]);
    return 'ACTIVE';
  } catch (error) {
    if (isFault(error)) return 'UNREACHABLE';
    throw error;
  }
}

export function eventTypesOf(row: RuleRow): readonly string[] {
  return JSON.parse(row.event_types) as string[];
}

export function tagsOf(row: RuleRow): Readonly<Record<string, string>> {
  return JSON.parse(row.tags) as Record<string, string>;
}

/** One page of a list that is short enough to be held whole. */
export function pageOf<Item>(
  items: readonly Item[],
  token: string | undefined,
  limit: number,
): { readonly page: Item[]; readonly NextToken?: string } {
  const start = token === undefined ? 0 : Number(Buffer.from(token, 'base64').toString());
  if (!Number.isInteger(start) || start < 0) {
    throw fault('InvalidNextTokenException', 'The next token is not valid.');
  }
  const page = items.slice(start, start + limit);
  const hasMore = start + limit < items.length;
  return { page, ...(hasMore ? { NextToken: Buffer.from(String(start + limit)).toString('base64') } : {}) };
}
