/** The policy of a queue: changed statement by statement with AddPermission, and handed to the gateway's decisions. */

import { arnOf, parseArn } from '#base/arn.ts';
import { fault } from '#base/fault.ts';
import type { PolicyDocument } from '#core/policy/document.ts';
import { isFaulty, parsePolicy } from '#core/policy/parse.ts';
import type { Handler, House } from '#services/service.ts';
import { invalidParameter } from './faults.ts';
import { attributesOf, findQueue, queueArn, requireQueue, type Room } from './room.ts';
import { changeAttributes } from './settings.ts';
import { tables } from './tables.ts';

interface PolicyJson {
  readonly Version: string;
  readonly Id?: string;
  readonly Statement: readonly { readonly Sid?: string }[];
}

const LABEL = /^[A-Za-z0-9_-]{1,80}$/;

export function policyOperations(room: Room) {
  const { database } = room.house;

  const AddPermission: Handler<'sqs', 'AddPermission'> = async (call, input) => {
    const label = input.Label ?? '';
    if (!LABEL.test(label)) throw invalidParameter(`Value ${label} for parameter Label is invalid.`);
    await change(call.account, input.QueueUrl, (policy, name) => {
      if (policy.Statement.some(({ Sid }) => Sid === label)) {
        throw invalidParameter(`Value ${label} for parameter Label is invalid. Reason: Already exists.`);
      }
      const statement = {
        Sid: label,
        Effect: 'Allow',
        Principal: { AWS: (input.AWSAccountIds ?? []).map((id) => arnOf('iam', '', id, 'root')) },
        Action: (input.Actions ?? []).map((action) => `SQS:${action}`),
        Resource: queueArn(call, name),
      };
      return { ...policy, Statement: [...policy.Statement, statement] };
    });
    return {};
  };

  const RemovePermission: Handler<'sqs', 'RemovePermission'> = async (call, input) => {
    await change(call.account, input.QueueUrl, (policy) => {
      const left = policy.Statement.filter(({ Sid }) => Sid !== input.Label);
      if (left.length < policy.Statement.length) return { ...policy, Statement: left };
      throw invalidParameter(
        `Value ${input.Label} for parameter Label is invalid. Reason: can't find label.`,
      );
    });
    return {};
  };

  async function change(
    account: string,
    url: string | undefined,
    next: (policy: PolicyJson, name: string) => PolicyJson,
  ): Promise<void> {
    await database.transaction(async (transaction) => {
      const row = await requireQueue(transaction, url, account);
      const before = attributesOf(row);
      const text = before['Policy'];
      const policy = next(text === undefined ? EMPTY : readStatements(text), row.name);
      const Policy = policy.Statement.length > 0 ? JSON.stringify(policy) : '';
      await tables(transaction)
        .updateTable('sqs_queue')
        .set({ attributes: JSON.stringify(changeAttributes(row.name, before, { Policy })) })
        .where('name', '=', row.name)
        .execute();
    });
  }

  return { AddPermission, RemovePermission };
}

const EMPTY: PolicyJson = { Version: '2008-10-17', Statement: [] };

/** A policy may have one statement that stands alone. */
function readStatements(text: string): PolicyJson {
  const policy = JSON.parse(text) as PolicyJson;
  return { ...policy, Statement: [policy.Statement].flat() };
}

/** The policy of the queue that an ARN names, for the gateway's decision. */
export function createPolicyReader(house: House): (resource: string) => Promise<PolicyDocument | undefined> {
  return async (resource) => {
    const arn = parseArn(resource);
    if (arn?.account !== house.account || arn.region !== house.region) return undefined;
    const row = await findQueue(house.database.read, arn.resource);
    const text = row && attributesOf(row)['Policy'];
    if (text === undefined) return undefined;
    const document = parsePolicy(text, 'resource');
    // It was valid when it was set.
    if (isFaulty(document))
      throw fault('InternalFailure', `The policy of queue ${arn.resource} is malformed.`);
    return document;
  };
}
