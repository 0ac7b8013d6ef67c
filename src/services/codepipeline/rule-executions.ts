/** Conditions of stages: the history of their rules, and overriding one. */

import type { RuleExecutionDetail } from '@aws-sdk/client-codepipeline';
import type { Handler } from '#services/service.ts';
import type { RuleInput, RuleOutput } from './history.ts';
import { requirePipeline, type Room } from './room.ts';
import { pageOfRuns } from './run-pages.ts';
import type { RuleRow } from './tables.ts';
import { viewArtifact } from './views.ts';

type Codepipeline<Operation extends string> = Handler<'codepipeline', Operation>;

export function ruleExecutionOperations(room: Room) {
  const { house, machine } = room;

  const ListRuleExecutions: Codepipeline<'ListRuleExecutions'> = async (call, input) => {
    const { page, nextToken } = await pageOfRuns(room, call, 'ListRuleExecutions', input, {
      table: 'codepipeline_rules',
      idColumn: 'rule_execution_id',
      idOf: (row: RuleRow) => row.rule_execution_id,
      subjectOf: (row: RuleRow) => JSON.stringify([row.stage, row.condition, row.rule]),
    });
    return { ruleExecutionDetails: page.map((row) => viewRuleExecution(row, house.region)), nextToken };
  };

  const OverrideStageCondition: Codepipeline<'OverrideStageCondition'> = async (_call, input) => {
    const pipeline = await requirePipeline(house, input.pipelineName);
    await house.engine.send(machine, pipeline.pipeline_id, {
      type: 'ConditionOverridden',
      stage: input.stageName ?? '',
      executionId: input.pipelineExecutionId ?? '',
      condition: input.conditionType === 'BEFORE_ENTRY' ? 'beforeEntry' : 'onSuccess',
    });
    return {};
  };

  return { ListRuleExecutions, OverrideStageCondition };
}

function viewRuleExecution(row: RuleRow, region: string): RuleExecutionDetail {
  const { declared, resolvedConfiguration, roleArn, inputs } = JSON.parse(row.input) as RuleInput;
  const output = JSON.parse(row.output) as RuleOutput;
  return {
    pipelineExecutionId: row.execution_id,
    ruleExecutionId: row.rule_execution_id,
    pipelineVersion: row.version,
    stageName: row.stage,
    ruleName: row.rule,
    startTime: new Date(row.started_at),
    lastUpdateTime: new Date(row.changed_at),
    status: row.status as RuleExecutionDetail['status'],
    input: {
      ruleTypeId: { ...declared.ruleTypeId, category: 'Rule', owner: 'AWS' },
      configuration: { ...declared.configuration },
      resolvedConfiguration: { ...resolvedConfiguration },
      roleArn: declared.roleArn ?? roleArn,
      region: declared.region ?? region,
      inputArtifacts: inputs.map(viewArtifact),
    },
    output: {
      executionResult: {
        externalExecutionId: row.external_id ?? undefined,
        externalExecutionSummary: output.summary,
        externalExecutionUrl: output.externalUrl,
        errorDetails: output.error && { ...output.error },
      },
    },
  };
}
