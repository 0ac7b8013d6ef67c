/** For tests of the decision: a three-stage pipeline, a world that answers effects when told, and short questions. */

import { present } from '#base/assert.ts';
import type { GivenAction, GivenDeclaration, GivenStage } from './definition/declaration-given.ts';
import { completeDeclaration } from './definition/declaration-given.ts';
import type { EngineEvent } from '#base/decider.ts';
import type { PipelineDecision } from './decide.ts';
import type { ConditionKind, ConditionResult } from './definition/declaration.ts';
import { pipelineDecider } from './decide.ts';
import type { ActionAddress, Event, RollbackTarget } from './events.ts';
import type { Effect, StartAction, StateChange } from './orders.ts';
import type { Execution, State } from './state.ts';

export function sourceAction(name = 'Source'): GivenAction {
  return {
    name,
    actionTypeId: { category: 'Source', owner: 'AWS', provider: 'CodeCommit', version: '1' },
    configuration: { RepositoryName: 'web', BranchName: 'main' },
    outputArtifacts: [{ name: `${name}Output` }],
    namespace: `${name}Variables`,
  };
}

export function buildAction(name: string, runOrder = 1): GivenAction {
  return {
    name,
    runOrder,
    actionTypeId: { category: 'Build', owner: 'AWS', provider: 'CodeBuild', version: '1' },
    configuration: { ProjectName: name },
    inputArtifacts: [{ name: 'SourceOutput' }],
    outputArtifacts: [{ name: `${name}Output` }],
  };
}

export function approvalAction(name: string, runOrder = 1): GivenAction {
  return {
    name,
    runOrder,
    actionTypeId: { category: 'Approval', owner: 'AWS', provider: 'Manual', version: '1' },
  };
}

/** A condition with one rule for each name. */
export function condition(result: ConditionResult | undefined, ...names: readonly string[]) {
  return {
    conditions: [
      {
        ...(result ? { result } : {}),
        rules: names.map((name) => ({
          name,
          ruleTypeId: { category: 'Rule', owner: 'AWS', provider: 'VariableCheck', version: '1' },
          configuration: { Variable: 'a', Value: 'a', Operator: 'EQ' },
        })),
      },
    ],
  };
}

export function pipeline(...stages: GivenStage[]): GivenDeclaration {
  return {
    name: 'P',
    roleArn: 'arn:aws:iam::123456789012:role/pipeline',
    artifactStore: { type: 'S3', location: 'artifacts' },
    stages,
  };
}

export const threeStages = pipeline(
  { name: 'S1', actions: [sourceAction()] },
  { name: 'S2', actions: [buildAction('Build')] },
  { name: 'S3', actions: [buildAction('Deploy')] },
);

export class World {
  state: State | undefined;
  at = 1_000_000;
  readonly orders: StartAction[] = [];
  readonly effects: Effect[] = [];
  readonly told: StateChange[] = [];
  readonly journal: ((Event | EngineEvent) & { at: number; chance: string })[] = [];
  reply: PipelineDecision['reply'];
  /** Also of what the state has forgotten, as it was last. */
  readonly history: Record<string, Execution> = {};

  constructor(given: GivenDeclaration = threeStages) {
    this.send({
      type: 'PipelineCreated',
      account: '123456789012',
      region: 'us-east-1',
      declaration: completeDeclaration(given, 1),
      by: 'arn:aws:iam::123456789012:root',
    });
  }

  send(event: Event | EngineEvent): this {
    const stamped = { ...event, at: this.at, chance: `${this.journal.length}`.padStart(32, '0') };
    this.journal.push(stamped);
    const decision = pipelineDecider.decide(this.state, stamped);
    this.state = decision.state;
    this.reply = decision.reply;
    Object.assign(this.history, decision.state?.executions);
    for (const effect of decision.effects) {
      this.effects.push(effect);
      if (effect.type === 'StartAction') this.orders.push(effect);
      if (effect.type === 'PublishEvents') this.told.push(...effect.events);
    }
    return this;
  }

  /** Starts an execution and gives its id. */
  start(): string {
    this.send({
      type: 'ExecutionRequested',
      trigger: { type: 'StartPipelineExecution', detail: 'me' },
      variables: {},
      pinned: {},
      fingerprint: '',
    });
    return (this.reply as { value: { pipelineExecutionId: string } }).value.pipelineExecutionId;
  }

  pass(milliseconds: number): this {
    this.at += milliseconds;
    return this.send({ type: 'TimePassed' });
  }

  address(executionId: string, stage: string, action: string): ActionAddress {
    const run = present(this.execution(executionId).stages[stage]?.actions[action], `run of ${action}`);
    return { executionId, stage, action, actionExecutionId: run.id };
  }

  succeed(executionId: string, stage: string, action: string, outputVariables = {}): this {
    return this.send({
      type: 'ActionSucceeded',
      outputVariables,
      ...this.address(executionId, stage, action),
    });
  }

  fail(executionId: string, stage: string, action: string): this {
    const address = this.address(executionId, stage, action);
    return this.send({ type: 'ActionFailed', code: 'JobFailed', message: 'it failed', ...address });
  }

  /** Tells how a rule turned out. */
  rule(
    executionId: string,
    stage: string,
    condition: ConditionKind,
    rule: string,
    outcome: 'met' | 'unmet' | 'errored',
  ): this {
    const run = this.execution(executionId).stages[stage]?.conditions[condition]?.rules[rule];
    const { id: ruleExecutionId } = present(run, `run of rule ${rule}`);
    const address = { executionId, stage, condition, rule, ruleExecutionId };
    if (outcome === 'errored') {
      return this.send({
        type: 'RuleErrored',
        code: 'ConfigurationError',
        message: 'no such alarm',
        ...address,
      });
    }
    return this.send({ type: outcome === 'met' ? 'RuleMet' : 'RuleUnmet', ...address });
  }

  /** Takes an execution through actions that stand alone in their stages. */
  run(executionId: string, ...path: readonly (readonly [stage: string, action: string])[]): this {
    for (const [stage, action] of path) this.succeed(executionId, stage, action);
    return this;
  }

  override(executionId: string, stage: string, condition: 'beforeEntry' | 'onSuccess'): this {
    return this.send({ type: 'ConditionOverridden', executionId, stage, condition });
  }

  rollBack(stage: string, targetId: string, target?: Partial<RollbackTarget>): this {
    const found = this.history[targetId];
    const known: RollbackTarget | undefined = found && {
      executionId: targetId,
      number: found.number,
      version: found.version,
      type: found.type,
      succeeded: true,
      outdated: false,
      variables: found.variables,
      pinned: found.pinned,
      revisions: found.revisions,
      artifacts: found.artifacts,
      outputs: found.outputs,
      ...target,
    };
    return this.send({
      type: 'StageRollbackRequested',
      stage,
      targetId,
      by: 'ann',
      ...(known ? { target: known } : {}),
    });
  }

  /** The newest execution. */
  get newest(): Execution {
    const all = Object.values(this.state?.executions ?? {});
    return present(
      all.reduce<Execution | undefined>((a, b) => (a && a.number > b.number ? a : b), undefined),
      'newest execution',
    );
  }

  retry(executionId: string, stage: string, mode: 'FAILED_ACTIONS' | 'ALL_ACTIONS'): this {
    return this.send({ type: 'StageRetryRequested', executionId, stage, mode, known: true });
  }

  stop(executionId: string, abandon: boolean): this {
    return this.send({ type: 'ExecutionStopRequested', executionId, abandon });
  }

  answer(executionId: string, stage: string, action: string, approved: boolean): this {
    const token = present(this.execution(executionId).stages[stage]?.actions[action]?.token, 'token');
    return this.send({ type: 'ApprovalAnswered', stage, action, token, approved, summary: 'ok', by: 'ann' });
  }

  execution(id: string): Execution {
    return present(this.state?.executions[id], `execution ${id}`);
  }

  /** `InProgress@S2`, `InProgress@S2in`, `Succeeded` */
  where(id: string): string {
    const { status, position } = this.execution(id);
    return position ? `${status}@${position.stage}${position.phase === 'waiting' ? 'in' : ''}` : status;
  }

  get created(): string {
    return present(Object.keys(this.state?.executions ?? {})[0], 'first execution');
  }

  get fault(): string | undefined {
    return this.reply && 'fault' in this.reply ? this.reply.fault.code : undefined;
  }

  /** `pipeline STARTED`, `stage S1 STARTED`, `action Source STARTED`: what was told of one execution. */
  story(id: string): string[] {
    return this.told
      .map((change) => change.detail)
      .filter((detail) => detail['execution-id'] === id)
      .map(({ stage, action, state }) =>
        [action ? `action ${action}` : stage ? `stage ${stage}` : 'pipeline', state].join(' '),
      );
  }
}
