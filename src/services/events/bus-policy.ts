/** Who else may put events on a bus: statements set one by one or as a whole policy, and what the gateway reads of it. */

import { fault } from '#base/fault.ts';
import type { PolicyDocument } from '#core/policy/document.ts';
import { isFaulty, parsePolicy } from '#core/policy/parse.ts';
import type { Call, Handler, House } from '#services/service.ts';
import { busArn, DEFAULT_BUS } from './names.ts';
import { requireBus, type Room } from './room.ts';
import { type BusRow, tables } from './tables.ts';

type Events<Operation extends string> = Handler<'events', Operation>;

const POLICY_BYTES_MAX = 10_240;

interface StoredPolicy {
  readonly Version: string;
  readonly Statement: readonly Readonly<Record<string, unknown>>[];
}

export function busPolicyOperations({ house }: Room) {
  const PutPermission: Events<'PutPermission'> = async (call, input) => {
    await change(call, input.EventBusName, (bus) => {
      if (input.Policy !== undefined) return checkPolicy(input.Policy);
      const { StatementId, Action, Principal, Condition } = input;
      if (StatementId === undefined || Action === undefined || Principal === undefined) {
        throw fault(
          'ValidationException',
          'Parameter(s) Policy, or StatementId, Action and Principal, must be specified.',
        );
      }
      const statement = {
        Sid: StatementId,
        Effect: 'Allow',
        Principal: Principal === '*' ? '*' : { AWS: `arn:aws:iam::${Principal}:root` },
        Action,
        Resource: busArn(call, bus.name),
        ...(Condition && {
          Condition: { [Condition.Type ?? '']: { [Condition.Key ?? '']: Condition.Value } },
        }),
      };
      const others = statementsOf(bus).filter(({ Sid }) => Sid !== StatementId);
      return checkPolicy(JSON.stringify({ Version: '2012-10-17', Statement: [...others, statement] }));
    });
    return {};
  };

  const RemovePermission: Events<'RemovePermission'> = async (call, input) => {
    await change(call, input.EventBusName, (bus) => {
      if (input.RemoveAllPermissions === true) return null;
      const before = statementsOf(bus);
      const Statement = before.filter(({ Sid }) => Sid !== input.StatementId);
      if (Statement.length === before.length) {
        throw fault(
          'ResourceNotFoundException',
          `Statement with the provided id does not exist: ${input.StatementId}.`,
        );
      }
      return Statement.length === 0 ? null : JSON.stringify({ Version: '2012-10-17', Statement });
    });
    return {};
  };

  const change = (call: Call, bus: string | undefined, next: (bus: BusRow) => string | null) =>
    house.database.transaction(async (transaction) => {
      const row = await requireBus(transaction, bus ?? DEFAULT_BUS);
      await tables(transaction)
        .updateTable('events_bus')
        .set({ policy: next(row), changed_at: call.at })
        .where('name', '=', row.name)
        .execute();
    });

  return { PutPermission, RemovePermission };
}

/** The policy of a bus, for the gateway's decision about it or a rule on it. */
export function createPolicyReader({
  database,
}: House): (arn: string) => Promise<PolicyDocument | undefined> {
  return async (arn) => {
    const [, name, onBus] = /:(?:event-bus\/([^/]+)|rule\/([^/]+)\/[^/]+)$/.exec(arn) ?? [];
    const row = await tables(database)
      .selectFrom('events_bus')
      .select('policy')
      .where('name', '=', name ?? onBus ?? DEFAULT_BUS)
      .executeTakeFirst();
    if (!row || row.policy === null) return undefined;
    const document = parsePolicy(row.policy, 'resource');
    // It was valid when it was put.
    if (isFaulty(document)) throw new Error(`the policy of the bus of ${arn} is malformed`);
    return document;
  };
}

function checkPolicy(text: string): string {
  if (Buffer.byteLength(text) > POLICY_BYTES_MAX) {
    throw fault('PolicyLengthExceededException', `The policy is longer than ${POLICY_BYTES_MAX} bytes.`);
  }
  const document = parsePolicy(text, 'resource');
  if (isFaulty(document))
    throw fault('ValidationException', `The policy is malformed: ${document.faults[0]}`);
  return text;
}

/** A policy may have one statement that is no list. */
function statementsOf({ policy }: BusRow): StoredPolicy['Statement'] {
  if (policy === null) return [];
  const { Statement } = JSON.parse(policy) as { readonly Statement: StoredPolicy['Statement'] | object };
  return Array.isArray(Statement) ? (Statement as StoredPolicy['Statement']) : [Statement as never];
}
