/** What each operation needs to be allowed: builds count as their project, reports as their group. */

import { arnOf } from '#base/arn.ts';
import type { Permission, Permissions, Scope } from '#services/service.ts';
import { batchId } from './batches/index.ts';
import { reportGroupArn } from './report-views.ts';
import { buildId, projectArn, projectName, projectOfBuild } from './room.ts';

const onProject = (action: string, name: string | undefined, scope: Scope): Permission => ({
  action: `codebuild:${action}`,
  resource: projectArn(scope, projectName(name)),
});
const onBuild = (action: string, id: string | undefined, scope: Scope): Permission =>
  onProject(action, projectOfBuild(buildId(id)), scope);

/** A sandbox counts as its project. */
const onSandbox = (action: string, id: string | undefined, scope: Scope): Permission =>
  onProject(action, projectOfBuild((id ?? '').replace(/^arn:.*:sandbox\//, '')), scope);

const onBatch = (action: string, id: string | undefined, scope: Scope): Permission =>
  onProject(action, projectOfBuild(batchId(id)), scope);

const onReportGroup = (action: string, arn: string | undefined): Permission => ({
  action: `codebuild:${action}`,
  resource: arn ?? '*',
});
/** Reports are asked for by the ARN of their group. */
const onReport = (action: string, arn: string | undefined): Permission =>
  onReportGroup(action, (arn ?? '').replace(/:report\/(.+):[^:]*$/, ':report-group/$1'));

export const permissions: Permissions<'codebuild'> = {
  CreateProject: (input, scope) => [onProject('CreateProject', input.name, scope)],
  UpdateProject: (input, scope) => [onProject('UpdateProject', input.name, scope)],
  DeleteProject: (input, scope) => [onProject('DeleteProject', input.name, scope)],
  BatchGetProjects: (input, scope) =>
    (input.names ?? []).map((name) => onProject('BatchGetProjects', name, scope)),
  StartBuildBatch: (input, scope) => [onProject('StartBuildBatch', input.projectName, scope)],
  RetryBuildBatch: (input, scope) => [onBatch('RetryBuildBatch', input.id, scope)],
  StopBuildBatch: (input, scope) => [onBatch('StopBuildBatch', input.id, scope)],
  DeleteBuildBatch: (input, scope) => [onBatch('DeleteBuildBatch', input.id, scope)],
  BatchGetBuildBatches: (input, scope) =>
    (input.ids ?? []).map((id) => onBatch('BatchGetBuildBatches', id, scope)),
  ListBuildBatchesForProject: (input, scope) => [
    onProject('ListBuildBatchesForProject', input.projectName, scope),
  ],
  StartBuild: (input, scope) => [onProject('StartBuild', input.projectName, scope)],
  RetryBuild: (input, scope) => [onBuild('RetryBuild', input.id, scope)],
  StopBuild: (input, scope) => [onBuild('StopBuild', input.id, scope)],
  StartSandbox: (input, scope) => [onProject('StartSandbox', input.projectName, scope)],
  StopSandbox: (input, scope) => [onSandbox('StopSandbox', input.id, scope)],
  BatchGetSandboxes: (input, scope) =>
    (input.ids ?? []).map((id) => onSandbox('BatchGetSandboxes', id, scope)),
  ListSandboxesForProject: (input, scope) => [onProject('ListSandboxesForProject', input.projectName, scope)],
  StartCommandExecution: (input, scope) => [onSandbox('StartCommandExecution', input.sandboxId, scope)],
  BatchGetCommandExecutions: (input, scope) => [
    onSandbox('BatchGetCommandExecutions', input.sandboxId, scope),
  ],
  ListCommandExecutionsForSandbox: (input, scope) => [
    onSandbox('ListCommandExecutionsForSandbox', input.sandboxId, scope),
  ],
  StartSandboxConnection: (input, scope) => [onSandbox('StartSandboxConnection', input.sandboxId, scope)],
  BatchGetBuilds: (input, scope) => (input.ids ?? []).map((id) => onBuild('BatchGetBuilds', id, scope)),
  BatchDeleteBuilds: (input, scope) => (input.ids ?? []).map((id) => onBuild('BatchDeleteBuilds', id, scope)),
  CreateReportGroup: (input, scope) => [
    onReportGroup('CreateReportGroup', reportGroupArn(scope, input.name ?? '')),
  ],
  UpdateReportGroup: (input) => [onReportGroup('UpdateReportGroup', input.arn)],
  DeleteReportGroup: (input) => [onReportGroup('DeleteReportGroup', input.arn)],
  BatchGetReportGroups: (input) =>
    (input.reportGroupArns ?? []).map((arn) => onReportGroup('BatchGetReportGroups', arn)),
  ListReportsForReportGroup: (input) => [onReportGroup('ListReportsForReportGroup', input.reportGroupArn)],
  GetReportGroupTrend: (input) => [onReportGroup('GetReportGroupTrend', input.reportGroupArn)],
  BatchGetReports: (input) => (input.reportArns ?? []).map((arn) => onReport('BatchGetReports', arn)),
  DeleteReport: (input) => [onReport('DeleteReport', input.arn)],
  DescribeTestCases: (input) => [onReport('DescribeTestCases', input.reportArn)],
  DescribeCodeCoverages: (input) => [onReport('DescribeCodeCoverages', input.reportArn)],
  PutResourcePolicy: (input) => [onReportGroup('PutResourcePolicy', input.resourceArn)],
  GetResourcePolicy: (input) => [onReportGroup('GetResourcePolicy', input.resourceArn)],
  DeleteResourcePolicy: (input) => [onReportGroup('DeleteResourcePolicy', input.resourceArn)],
  CreateWebhook: (input, scope) => [onProject('CreateWebhook', input.projectName, scope)],
  UpdateWebhook: (input, scope) => [onProject('UpdateWebhook', input.projectName, scope)],
  DeleteWebhook: (input, scope) => [onProject('DeleteWebhook', input.projectName, scope)],
  UpdateProjectVisibility: (input) => [
    { action: 'codebuild:UpdateProjectVisibility', resource: input.projectArn ?? '*' },
  ],
  CreateFleet: (input, scope) => [
    {
      action: 'codebuild:CreateFleet',
      resource: arnOf('codebuild', scope.region, scope.account, `fleet/${input.name ?? ''}`),
    },
  ],
  BatchGetFleets: (input, scope) =>
    (input.names ?? []).map((name) => ({
      action: 'codebuild:BatchGetFleets',
      resource: name.startsWith('arn:')
        ? name
        : arnOf('codebuild', scope.region, scope.account, `fleet/${name}`),
    })),
  UpdateFleet: (input) => [{ action: 'codebuild:UpdateFleet', resource: input.arn ?? '*' }],
  DeleteFleet: (input) => [{ action: 'codebuild:DeleteFleet', resource: input.arn ?? '*' }],
  InvalidateProjectCache: (input, scope) => [onProject('InvalidateProjectCache', input.projectName, scope)],
  ListBuildsForProject: (input, scope) => [onProject('ListBuildsForProject', input.projectName, scope)],
};
