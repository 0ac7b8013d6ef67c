/** The policy of a secret: put, read, taken away, tried out, and handed to the gateway's decisions. */

import type { ValidationErrorsEntry } from '@aws-sdk/client-secrets-manager';
import { fault } from '#base/fault.ts';
import type { PolicyDocument } from '#core/policy/document.ts';
import { isFaulty, parsePolicy } from '#core/policy/parse.ts';
import { isPublicPolicy } from '#core/secret/public-policy.ts';
import type { Handler } from '#services/service.ts';
import { isOver, refuseDeleted, requireAgain, requireSecret, type Room } from './room.ts';
import { withTables, type SecretRow } from './tables.ts';

type Secrets<Operation extends string> = Handler<'secretsmanager', Operation>;

export function policyOperations(room: Room) {
  const { database } = room.house;

  const GetResourcePolicy: Secrets<'GetResourcePolicy'> = async (call, input) => {
    const row = await requireSecret(room, call, 'GetResourcePolicy', input.SecretId);
    const policy = row.policy === null ? {} : { ResourcePolicy: row.policy };
    return { ARN: row.arn, Name: row.name, ...policy };
  };

  const PutResourcePolicy: Secrets<'PutResourcePolicy'> = async (call, input) => {
    const block = input.BlockPublicPolicy === true;
    const row = await requireSecret(room, call, 'PutResourcePolicy', input.SecretId, {
      'secretsmanager:BlockPublicPolicy': String(block),
    });
    refuseDeleted(row);
    const text = input.ResourcePolicy ?? '';
    const document = parsePolicy(text, 'resource');
    if (isFaulty(document)) throw malformed(document.faults[0]);
    if (block && isPublicPolicy(document)) {
      const message =
        'You cannot specify a public policy: BlockPublicPolicy is set, and the policy lets everybody in.';
      throw fault('PublicPolicyException', message);
    }
    await write(row, text);
    return { ARN: row.arn, Name: row.name };
  };

  const DeleteResourcePolicy: Secrets<'DeleteResourcePolicy'> = async (call, input) => {
    const row = await requireSecret(room, call, 'DeleteResourcePolicy', input.SecretId);
    refuseDeleted(row);
    await write(row, null);
    return { ARN: row.arn, Name: row.name };
  };

  const ValidateResourcePolicy: Secrets<'ValidateResourcePolicy'> = async (call, input) => {
    if (input.SecretId === undefined) {
      await call.authorize({ action: 'secretsmanager:ValidateResourcePolicy', resource: '*' });
    } else {
      await requireSecret(room, call, 'ValidateResourcePolicy', input.SecretId);
    }
    const document = parsePolicy(input.ResourcePolicy ?? '', 'resource');
    const ValidationErrors: ValidationErrorsEntry[] = isFaulty(document)
      ? document.faults.map((ErrorMessage) => ({ CheckName: 'PolicySyntax', ErrorMessage }))
      : isPublicPolicy(document)
        ? [{ CheckName: 'PublicPolicy', ErrorMessage: 'The policy lets everybody in.' }]
        : [];
    return { PolicyValidationPassed: ValidationErrors.length === 0, ValidationErrors };
  };

  async function write(row: SecretRow, policy: string | null): Promise<void> {
    await database.transaction(async (transaction) => {
      refuseDeleted(await requireAgain(room, transaction, row));
      await withTables(transaction)
        .updateTable('secretsmanager_secret')
        .set({ policy })
        .where('arn', '=', row.arn)
        .execute();
    });
  }

  return { GetResourcePolicy, PutResourcePolicy, DeleteResourcePolicy, ValidateResourcePolicy };
}

function malformed(message = 'This resource policy contains invalid JSON.'): Error {
  return fault('MalformedPolicyDocumentException', message);
}

export function createPolicyReader({ house }: Room) {
  return async (resource: string): Promise<PolicyDocument | undefined> => {
    const row = await withTables(house.database.read)
      .selectFrom('secretsmanager_secret')
      .select(['policy', 'delete_at'])
      .where('arn', '=', resource)
      .executeTakeFirst();
    if (!row || row.policy === null || isOver(row, house.clock.now())) return undefined;
    const document = parsePolicy(row.policy, 'resource');
    // It was valid when it was put.
    if (isFaulty(document)) throw new Error(`the policy of ${resource} is malformed`);
    return document;
  };
}
