/** Report groups: created, changed, described, listed, deleted. Builds make those that a buildspec names by themselves. */

import type { ReportExportConfig, ReportGroup } from '@aws-sdk/client-codebuild';
import { fault } from '#base/fault.ts';
import type { Handler, House } from '#services/service.ts';
import { checkTags } from './environment-checks.ts';
import { reportTables, type ReportGroupRow } from './report-tables.ts';
import { reportGroupArn, viewGroup } from './report-views.ts';
import { pageOf, pageSize, pageStart, type Room } from './room.ts';
import { invalid } from './settings.ts';

const GROUPS_MAX = 1000;
const NAME = /^[A-Za-z0-9][\w-]{1,127}$/;

export function reportGroupOperations({ house }: Room) {
  const { database } = house;

  const CreateReportGroup: Handler<'codebuild', 'CreateReportGroup'> = async (call, input) => {
    const { name = '', type = '', exportConfig } = input;
    if (!NAME.test(name)) throw invalid(`Invalid report group name: ${name}`);
    checkTags(input.tags, 'report group');
    const row: ReportGroupRow = {
      name,
      type,
      created_at: call.at,
      modified_at: call.at,
      export_config: JSON.stringify(checkExport(exportConfig)),
      tags: JSON.stringify(input.tags ?? []),
    };
    await database.transaction(async (transaction) => {
      const rows = reportTables(transaction);
      const names = await rows.selectFrom('codebuild_report_group').select('name').execute();
      if (names.some((each) => each.name === name)) {
        throw fault(
          'ResourceAlreadyExistsException',
          `Report group already exists: ${reportGroupArn(call, name)}`,
        );
      }
      if (names.length >= GROUPS_MAX) {
        throw fault(
          'AccountLimitExceededException',
          `Cannot have more than ${GROUPS_MAX} report groups in the account`,
        );
      }
      await rows.insertInto('codebuild_report_group').values(row).execute();
    });
    return { reportGroup: viewGroup(call, row) };
  };

  const UpdateReportGroup: Handler<'codebuild', 'UpdateReportGroup'> = async (call, input) => {
    const before = await requireGroup(house, input.arn);
    checkTags(input.tags, 'report group');
    const row: ReportGroupRow = {
      ...before,
      modified_at: call.at,
      ...(input.exportConfig ? { export_config: JSON.stringify(checkExport(input.exportConfig)) } : {}),
      ...(input.tags ? { tags: JSON.stringify(input.tags) } : {}),
    };
    await database.transaction(async (transaction) => {
      await reportTables(transaction)
        .updateTable('codebuild_report_group')
        .set(row)
        .where('name', '=', row.name)
        .execute();
    });
    return { reportGroup: viewGroup(call, row) };
  };

  const DeleteReportGroup: Handler<'codebuild', 'DeleteReportGroup'> = async (call, input) => {
    const name = groupName(input.arn);
    await database.transaction(async (transaction) => {
      const rows = reportTables(transaction);
      const reports = await rows
        .selectFrom('codebuild_report')
        .select('report_id')
        .where('group_name', '=', name)
        .execute();
      if (reports.length > 0 && !input.deleteReports) {
        throw invalid(`The report group ${input.arn} has reports. Delete them first, or set deleteReports`);
      }
      for (const { report_id } of reports) {
        await rows.deleteFrom('codebuild_test_case').where('report_id', '=', report_id).execute();
        await rows.deleteFrom('codebuild_coverage').where('report_id', '=', report_id).execute();
      }
      await rows.deleteFrom('codebuild_report').where('group_name', '=', name).execute();
      await rows.deleteFrom('codebuild_report_group').where('name', '=', name).execute();
      await rows
        .deleteFrom('codebuild_policy')
        .where('resource_arn', '=', reportGroupArn(call, name))
        .execute();
    });
    return {};
  };

  const BatchGetReportGroups: Handler<'codebuild', 'BatchGetReportGroups'> = async (call, input) => {
    const reportGroups: ReportGroup[] = [];
    const reportGroupsNotFound: string[] = [];
    for (const arn of new Set(input.reportGroupArns ?? [])) {
      const row = await findGroup(house, groupName(arn));
      if (row) reportGroups.push(viewGroup(call, row));
      else reportGroupsNotFound.push(arn);
    }
    return { reportGroups, reportGroupsNotFound };
  };

  const ListReportGroups: Handler<'codebuild', 'ListReportGroups'> = async (call, input) => {
    const start = pageStart(input.nextToken);
    const size = pageSize(input.maxResults);
    const column = { NAME: 'name', CREATED_TIME: 'created_at', LAST_MODIFIED_TIME: 'modified_at' } as const;
    const rows = await reportTables(database)
      .selectFrom('codebuild_report_group')
      .select('name')
      .orderBy(column[input.sortBy ?? 'NAME'], input.sortOrder === 'DESCENDING' ? 'desc' : 'asc')
      .orderBy('name')
      .limit(size + 1)
      .offset(start)
      .execute();
    const page = pageOf(rows, start, size);
    return {
      reportGroups: page.rows.map((row) => reportGroupArn(call, row.name)),
      ...(page.nextToken && { nextToken: page.nextToken }),
    };
  };

  return { CreateReportGroup, UpdateReportGroup, DeleteReportGroup, BatchGetReportGroups, ListReportGroups };
}

export async function findGroup({ database }: House, name: string): Promise<ReportGroupRow | undefined> {
  return reportTables(database)
    .selectFrom('codebuild_report_group')
    .selectAll()
    .where('name', '=', name)
    .executeTakeFirst();
}

export async function requireGroup(house: House, arn: string | undefined): Promise<ReportGroupRow> {
  const row = await findGroup(house, groupName(arn));
  if (row) return row;
  throw fault('ResourceNotFoundException', `Report group ${arn} does not exist`);
}

export function groupName(arn: string | undefined): string {
  const name = /^arn:aws:codebuild:[^:]+:\d{12}:report-group\/(.+)$/.exec(arn ?? '')?.[1];
  if (name === undefined) throw invalid(`Invalid report group ARN: ${arn}`);
  return name;
}

function checkExport(config: ReportExportConfig | undefined): ReportExportConfig {
  if (config?.exportConfigType !== 'S3') return { exportConfigType: 'NO_EXPORT' };
  const { s3Destination } = config;
  if (!s3Destination?.bucket) throw invalid('Invalid export config: s3Destination needs a bucket');
  return {
    exportConfigType: 'S3',
    s3Destination: { packaging: 'NONE', encryptionDisabled: false, ...s3Destination },
  };
}
