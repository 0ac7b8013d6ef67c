/** Who may call what on which resource. AWS: "Actions, resources, and condition keys for AWS CodePipeline". */

import type { Permission, Permissions, Scope } from '#services/service.ts';
import { actionTypeArn, plainTypeArn } from './action-types.ts';
import { pipelineArn } from './room.ts';
import { webhookArn } from './webhook-rows.ts';

type Named = string | undefined;

/** On the pipeline, or on a stage or an action of it. */
function on(operation: string, scope: Scope, ...names: readonly Named[]): readonly Permission[] {
  return [
    { action: `codepipeline:${operation}`, resource: pipelineArn(scope, ...names.map((name) => name ?? '')) },
  ];
}

const byName = (operation: string) => (input: { name?: Named }, scope: Scope) =>
  on(operation, scope, input.name);
const byPipeline = (operation: string) => (input: { pipelineName?: Named }, scope: Scope) =>
  on(operation, scope, input.pipelineName);
const byDeclaration =
  (operation: string) => (input: { pipeline?: { name?: Named } | undefined }, scope: Scope) =>
    on(operation, scope, input.pipeline?.name);
const byStage = (operation: string) => (input: { pipelineName?: Named; stageName?: Named }, scope: Scope) =>
  on(operation, scope, input.pipelineName, input.stageName);
const byAction =
  (operation: string) =>
  (input: { pipelineName?: Named; stageName?: Named; actionName?: Named }, scope: Scope) =>
    on(operation, scope, input.pipelineName, input.stageName, input.actionName);
const byArn = (operation: string) => (input: { resourceArn?: Named }) => [
  { action: `codepipeline:${operation}`, resource: plainTypeArn(input.resourceArn ?? '*') },
];

interface TypeId {
  readonly category?: Named;
  readonly owner?: Named;
  readonly provider?: Named;
  readonly version?: Named;
}

function onType(operation: string, scope: Scope, id: TypeId | undefined): readonly Permission[] {
  const { owner = 'Custom', category = '', provider = '', version = '' } = id ?? {};
  const resource = actionTypeArn(scope, { owner, category, provider, version });
  return [{ action: `codepipeline:${operation}`, resource }];
}

const byType = (operation: string) => (input: TypeId, scope: Scope) => onType(operation, scope, input);

function onWebhook(operation: string, scope: Scope, name: Named): readonly Permission[] {
  return [{ action: `codepipeline:${operation}`, resource: webhookArn(scope, name ?? '') }];
}

const byWebhookName = (operation: string) => (input: { webhookName?: Named }, scope: Scope) =>
  onWebhook(operation, scope, input.webhookName);

export const permissions: Permissions<'codepipeline'> = {
  CreatePipeline: byDeclaration('CreatePipeline'),
  UpdatePipeline: byDeclaration('UpdatePipeline'),
  DeletePipeline: byName('DeletePipeline'),
  GetPipeline: byName('GetPipeline'),
  GetPipelineState: byName('GetPipelineState'),
  StartPipelineExecution: byName('StartPipelineExecution'),
  StopPipelineExecution: byPipeline('StopPipelineExecution'),
  GetPipelineExecution: byPipeline('GetPipelineExecution'),
  ListPipelineExecutions: byPipeline('ListPipelineExecutions'),
  ListActionExecutions: byPipeline('ListActionExecutions'),
  ListRuleExecutions: byPipeline('ListRuleExecutions'),
  ListDeployActionExecutionTargets: byPipeline('ListDeployActionExecutionTargets'),
  RetryStageExecution: byStage('RetryStageExecution'),
  RollbackStage: byStage('RollbackStage'),
  OverrideStageCondition: byStage('OverrideStageCondition'),
  DisableStageTransition: byStage('DisableStageTransition'),
  EnableStageTransition: byStage('EnableStageTransition'),
  PutApprovalResult: byAction('PutApprovalResult'),
  PutActionRevision: byAction('PutActionRevision'),
  CreateCustomActionType: byType('CreateCustomActionType'),
  DeleteCustomActionType: byType('DeleteCustomActionType'),
  PollForJobs: (input, scope) => onType('PollForJobs', scope, input.actionTypeId),
  UpdateActionType: (input, scope) => onType('UpdateActionType', scope, input.actionType?.id),
  PutWebhook: ({ webhook }, scope) => [
    ...on('PutWebhook', scope, webhook?.targetPipeline),
    ...onWebhook('PutWebhook', scope, webhook?.name),
  ],
  ListWebhooks: (_input, scope) => onWebhook('ListWebhooks', scope, '*'),
  DeleteWebhook: (input, scope) => onWebhook('DeleteWebhook', scope, input.name),
  RegisterWebhookWithThirdParty: byWebhookName('RegisterWebhookWithThirdParty'),
  DeregisterWebhookWithThirdParty: byWebhookName('DeregisterWebhookWithThirdParty'),
  TagResource: byArn('TagResource'),
  UntagResource: byArn('UntagResource'),
  ListTagsForResource: byArn('ListTagsForResource'),
};
