/**
 * What others may see: policies on projects and report groups, and the visibility of projects. There is one account, so
 * nothing is ever shared with it by another; builds that the whole world may read are not offered.
 */

import { parseArn } from '#base/arn.ts';
import { fault } from '#base/fault.ts';
import type { PolicyDocument } from '#core/policy/document.ts';
import { isFaulty, parsePolicy } from '#core/policy/parse.ts';
import type { Handler, House } from '#services/service.ts';
import { findGroup } from './report-groups.ts';
import { reportTables } from './report-tables.ts';
import { findProject, projectName, requireProject, type Room } from './room.ts';
import { invalid } from './settings.ts';

export function sharingOperations({ house }: Room) {
  const { database } = house;

  const PutResourcePolicy: Handler<'codebuild', 'PutResourcePolicy'> = async (_call, input) => {
    const { resourceArn = '', policy = '' } = input;
    await requireShared(house, resourceArn);
    const document = parsePolicy(policy, 'resource');
    if (isFaulty(document))
      throw invalid(`The resource policy is malformed: ${document.faults[0] ?? 'it cannot be read'}`);
    if (document.statements.some((statement) => statement.effect !== 'Allow')) {
      throw invalid('The resource policy is malformed: a policy that shares can only allow');
    }
    await database.transaction(async (transaction) => {
      await reportTables(transaction)
        .insertInto('codebuild_policy')
        .values({ resource_arn: resourceArn, policy })
        .onConflict((conflict) => conflict.column('resource_arn').doUpdateSet({ policy }))
        .execute();
    });
    return { resourceArn };
  };

  const GetResourcePolicy: Handler<'codebuild', 'GetResourcePolicy'> = async (_call, input) => {
    const policy = await policyOf(house, input.resourceArn ?? '');
    if (policy === undefined) {
      throw fault('ResourceNotFoundException', `There is no resource policy for ${input.resourceArn}`);
    }
    return { policy };
  };

  const DeleteResourcePolicy: Handler<'codebuild', 'DeleteResourcePolicy'> = async (_call, input) => {
    await database.transaction(async (transaction) => {
      await reportTables(transaction)
        .deleteFrom('codebuild_policy')
        .where('resource_arn', '=', input.resourceArn ?? '')
        .execute();
    });
    return {};
  };

  const UpdateProjectVisibility: Handler<'codebuild', 'UpdateProjectVisibility'> = async (call, input) => {
    const { name } = await requireProject(house, projectName(input.projectArn));
    if (input.projectVisibility === 'PUBLIC_READ') {
      throw invalid(
        'Builds that the whole world may read are not available: projectVisibility must be PRIVATE',
      );
    }
    return {
      projectArn: `arn:aws:codebuild:${call.region}:${call.account}:project/${name}`,
      projectVisibility: 'PRIVATE',
    };
  };

  const ListSharedProjects: Handler<'codebuild', 'ListSharedProjects'> = () =>
    Promise.resolve({ projects: [] });

  const ListSharedReportGroups: Handler<'codebuild', 'ListSharedReportGroups'> = () =>
    Promise.resolve({ reportGroups: [] });

  return {
    PutResourcePolicy,
    GetResourcePolicy,
    DeleteResourcePolicy,
    UpdateProjectVisibility,
    ListSharedProjects,
    ListSharedReportGroups,
  };
}

export function createPolicyReader(house: House): (resource: string) => Promise<PolicyDocument | undefined> {
  return async (resource) => {
    const text = await policyOf(house, resource);
    if (text === undefined) return undefined;
    const document = parsePolicy(text, 'resource');
    // It was valid when it was set.
    if (isFaulty(document)) throw fault('InternalFailure', `The policy of ${resource} is malformed.`);
    return document;
  };
}

async function policyOf({ database }: House, arn: string): Promise<string | undefined> {
  const row = await reportTables(database)
    .selectFrom('codebuild_policy')
    .select('policy')
    .where('resource_arn', '=', arn)
    .executeTakeFirst();
  return row?.policy;
}

async function requireShared(house: House, arn: string): Promise<void> {
  const [kind = '', name = ''] = parseArn(arn)?.resource.split('/') ?? [];
  const isThere =
    (kind === 'project' && (await findProject(house, name))) ||
    (kind === 'report-group' && (await findGroup(house, name)));
  if (kind !== 'project' && kind !== 'report-group') throw invalid(`Invalid resource ARN: ${arn}`);
  if (!isThere) throw fault('ResourceNotFoundException', `Resource ${arn} does not exist`);
}
