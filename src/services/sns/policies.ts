/** The policy of a topic: its default, its changes statement by statement, and the gateway's view of it. */

import { arnOf } from '#base/arn.ts';
import { fault } from '#base/fault.ts';
import type { PolicyDocument } from '#core/policy/document.ts';
import { isFaulty, parsePolicy } from '#core/policy/parse.ts';
import type { Call, Handler, House, Scope } from '#services/service.ts';
import { invalidParameter } from './faults.ts';
import { attributesOf, findTopic, requireTopic, type Room } from './room.ts';
import { tables } from './tables.ts';
import { changeTopicAttributes } from './topic-attributes.ts';

interface PolicyJson {
  readonly Statement: readonly { readonly Sid?: string }[];
}

const DEFAULT_ACTIONS = [
  ...['GetTopicAttributes', 'SetTopicAttributes', 'AddPermission', 'RemovePermission', 'DeleteTopic'],
  ...['Subscribe', 'ListSubscriptionsByTopic', 'Publish'],
];

/** As AWS writes it. Nobody but the account itself has `AWS:SourceOwner`, so it grants nothing to others. */
export function defaultPolicy(scope: Scope, arn: string): string {
  return JSON.stringify({
    Version: '2008-10-17',
    Id: '__default_policy_ID',
    Statement: [
      {
        Sid: '__default_statement_ID',
        Effect: 'Allow',
        Principal: { AWS: '*' },
        Action: DEFAULT_ACTIONS.map((action) => `SNS:${action}`),
        Resource: arn,
        Condition: { StringEquals: { 'AWS:SourceOwner': scope.account } },
      },
    ],
  });
}

export function policyOperations(room: Room) {
  const { database } = room.house;

  const AddPermission: Handler<'sns', 'AddPermission'> = async (call, input) => {
    await change(call, input.TopicArn, (policy) => {
      if (policy.Statement.some(({ Sid }) => Sid === input.Label)) {
        throw invalidParameter('Statement already exists');
      }
      const statement = {
        Sid: input.Label,
        Effect: 'Allow',
        Principal: { AWS: (input.AWSAccountId ?? []).map((id) => arnOf('iam', '', id, 'root')) },
        Action: (input.ActionName ?? []).map((action) => `SNS:${action}`),
        Resource: input.TopicArn,
      };
      return { ...policy, Statement: [...policy.Statement, statement] };
    });
    return {};
  };

  const RemovePermission: Handler<'sns', 'RemovePermission'> = async (call, input) => {
    await change(call, input.TopicArn, (policy) => ({
      ...policy,
      Statement: policy.Statement.filter(({ Sid }) => Sid !== input.Label),
    }));
    return {};
  };

  async function change(
    call: Call,
    arn: string | undefined,
    next: (policy: PolicyJson) => PolicyJson,
  ): Promise<void> {
    await database.transaction(async (transaction) => {
      const row = await requireTopic(transaction, call, arn);
      const before = attributesOf(row);
      const policy = JSON.parse(before['Policy'] ?? defaultPolicy(call, arn ?? '')) as PolicyJson;
      const changed = next({ ...policy, Statement: [policy.Statement].flat() });
      const Policy = JSON.stringify(
        changed.Statement.length > 0 ? changed : JSON.parse(defaultPolicy(call, arn ?? '')),
      );
      await tables(transaction)
        .updateTable('sns_topic')
        .set({ attributes: JSON.stringify(changeTopicAttributes(before, { Policy })) })
        .where('name', '=', row.name)
        .execute();
    });
  }

  return { AddPermission, RemovePermission };
}

/** The policy of the topic that an ARN names, for the gateway's decision. */
export function createPolicyReader(house: House): (resource: string) => Promise<PolicyDocument | undefined> {
  return async (resource) => {
    const row = await findTopic(house.database.read, house, resource);
    const text = row && attributesOf(row)['Policy'];
    if (text === undefined) return undefined;
    const document = parsePolicy(text, 'resource');
    // It was valid when it was set.
    if (isFaulty(document)) throw fault('InternalFailure', `The policy of ${resource} is malformed.`);
    return document;
  };
}
