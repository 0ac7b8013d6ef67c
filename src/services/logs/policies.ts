/**
 * Resource policies: who may write into log groups besides the identities of the account. Those of the account speak of
 * all groups, those of a group of it alone; what they say decides together with all other policies.
 */

import { parseArn } from '#base/arn.ts';
import { fault } from '#base/fault.ts';
import type { PolicyDocument } from '#core/policy/document.ts';
import { isFaulty, parsePolicy } from '#core/policy/parse.ts';
import type { Handler, House } from '#services/service.ts';
import { groupArn, groupName } from './names.ts';
import { offsetOf, pageToken, requireGroup } from './room.ts';
import { tables, type ResourcePolicyRow } from './tables.ts';

const ACCOUNT_POLICIES_MAX = 10;
const DOCUMENT_LENGTH_MAX = 5_120;
const PAGE_SIZE = 50;
/** What the policy of a group is called inside; it has no name of its own. */
const NO_NAME = '';

export function policyOperations({ database }: House) {
  const PutResourcePolicy: Handler<'logs', 'PutResourcePolicy'> = async (call, input) => {
    const { policyName, resourceArn, policyDocument: document = '' } = input;
    checkDocument(document);
    const resource = resourceArn === undefined ? '' : groupArn(call, groupName(resourceArn));
    const name = resource ? NO_NAME : policyName;
    if (name === undefined) {
      throw fault('InvalidParameterException', 'Either policyName or resourceArn must be specified.');
    }
    const row = await database.transaction(async (transaction) => {
      const rows = tables(transaction);
      if (resource) await requireGroup(transaction, groupName(resource));
      const present = await rows
        .selectFrom('logs_resource_policy')
        .selectAll()
        .where('resource', '=', resource)
        .execute();
      const before = present.find((policy) => policy.name === name);
      checkRevision(before, input.expectedRevisionId);
      if (!before && present.length >= ACCOUNT_POLICIES_MAX) {
        throw fault('LimitExceededException', 'Resource limit exceeded.');
      }
      const revision = (before?.revision ?? 0) + 1;
      const after = { name, resource, document, updated_at: call.at, revision };
      await rows
        .insertInto('logs_resource_policy')
        .values(after)
        .onConflict((conflict) =>
          conflict.columns(['resource', 'name']).doUpdateSet({ document, updated_at: call.at, revision }),
        )
        .execute();
      return after;
    });
    return { resourcePolicy: viewPolicy(row), revisionId: String(row.revision) };
  };

  const DeleteResourcePolicy: Handler<'logs', 'DeleteResourcePolicy'> = async (call, input) => {
    const { policyName, resourceArn } = input;
    const resource = resourceArn === undefined ? '' : groupArn(call, groupName(resourceArn));
    await database.transaction(async (transaction) => {
      const rows = tables(transaction);
      const present = await rows
        .selectFrom('logs_resource_policy')
        .selectAll()
        .where('resource', '=', resource)
        .where('name', '=', resource ? NO_NAME : (policyName ?? ''))
        .executeTakeFirst();
      if (!present) {
        const message = `Policy with name [${policyName ?? resourceArn ?? ''}] does not exist`;
        throw fault('ResourceNotFoundException', message);
      }
      checkRevision(present, input.expectedRevisionId);
      await rows
        .deleteFrom('logs_resource_policy')
        .where('resource', '=', resource)
        .where('name', '=', present.name)
        .execute();
    });
    return {};
  };

  const DescribeResourcePolicies: Handler<'logs', 'DescribeResourcePolicies'> = async (call, input) => {
    const { resourceArn, policyScope } = input;
    const limit = input.limit ?? PAGE_SIZE;
    const start = offsetOf(input.nextToken);
    let query = tables(database).selectFrom('logs_resource_policy').selectAll();
    if (resourceArn !== undefined) {
      query = query.where('resource', '=', groupArn(call, groupName(resourceArn)));
    } else query = query.where('resource', policyScope === 'RESOURCE' ? '!=' : '=', '');
    const found = await query
      .orderBy('resource')
      .orderBy('name')
      .limit(limit + 1)
      .offset(start)
      .execute();
    return {
      resourcePolicies: found.slice(0, limit).map(viewPolicy),
      ...(found.length > limit && { nextToken: pageToken(String(start + limit)) }),
    };
  };

  return { PutResourcePolicy, DeleteResourcePolicy, DescribeResourcePolicies };
}

/** All statements that speak of a group; the gateway asks for the resource of a permission. */
export function createPolicyReader({ database }: House) {
  return async (resource: string): Promise<PolicyDocument | undefined> => {
    const arn = parseArn(resource);
    const group = /^log-group:([^:]+)/.exec(arn?.resource ?? '')?.[1];
    if (!arn || group === undefined) return undefined;
    const rows = await tables(database)
      .selectFrom('logs_resource_policy')
      .select('document')
      .where('resource', 'in', ['', groupArn(arn, group)])
      .execute();
    const statements = rows
      .map((row) => parsePolicy(row.document, 'resource'))
      .flatMap((document) => (isFaulty(document) ? [] : document.statements));
    return statements.length > 0 ? { version: '2012-10-17', statements } : undefined;
  };
}

function checkDocument(document: string): void {
  if (document.length > DOCUMENT_LENGTH_MAX) {
    throw fault('InvalidParameterException', `The policy document is longer than ${DOCUMENT_LENGTH_MAX}.`);
  }
  const parsed = parsePolicy(document, 'resource');
  if (!isFaulty(parsed)) return;
  throw fault('InvalidParameterException', `The policy document is not valid: ${parsed.faults[0]}`);
}

function checkRevision(row: ResourcePolicyRow | undefined, expected: string | undefined): void {
  if (expected === undefined || String(row?.revision ?? '') === expected) return;
  throw fault(
    'OperationAbortedException',
    'The revision of the policy is another one than the expected one. Read it again.',
  );
}

function viewPolicy(row: ResourcePolicyRow) {
  return {
    ...(row.resource ? { resourceArn: row.resource } : { policyName: row.name }),
    policyDocument: row.document,
    lastUpdatedTime: row.updated_at,
    policyScope: row.resource ? ('RESOURCE' as const) : ('ACCOUNT' as const),
    revisionId: String(row.revision),
  };
}
