/**
 * What must hold for every pipeline and every order of events: fast-check makes both up. Commands are chosen by
 * number out of what makes sense in the current state, with late and repeated results mixed in.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  World,
  approvalAction,
  buildAction,
  condition,
  pipeline,
  sourceAction,
  threeStages,
} from './decide-fixture.ts';
import type { GivenDeclaration } from './definition/declaration-given.ts';
import { completeDeclaration } from './definition/declaration-given.ts';
import { pipelineDecider } from './decide.ts';
import { isInFlight } from './draft.ts';
import type { ActionAddress, Event, RuleAddress } from './events.ts';
import type { State } from './state.ts';

/** Every kind of condition, and rollbacks. */
const guarded = pipeline(
  { name: 'S1', actions: [sourceAction()] },
  {
    name: 'S2',
    actions: [buildAction('A'), buildAction('B', 2)],
    beforeEntry: condition('FAIL', 'R', 'S'),
    onFailure: { result: 'ROLLBACK', ...condition(undefined, 'T') },
  },
  {
    name: 'S3',
    actions: [approvalAction('Ask')],
    beforeEntry: condition('SKIP', 'R'),
    onSuccess: condition('ROLLBACK', 'S'),
    onFailure: { result: 'ROLLBACK' },
  },
);
const wide = pipeline(
  { name: 'S1', actions: [sourceAction()] },
  {
    name: 'S2',
    actions: [buildAction('A'), buildAction('B'), buildAction('C', 2)],
    onFailure: { result: 'RETRY' },
  },
  { name: 'S3', actions: [approvalAction('Ask'), buildAction('D', 2)] },
);
const modes = ['SUPERSEDED', 'QUEUED', 'PARALLEL'] as const;
const declarations = fc
  .tuple(fc.constantFrom<GivenDeclaration>(threeStages, wide, guarded), fc.constantFrom(...modes))
  // Rollbacks and PARALLEL exclude each other.
  .map(([given, mode]): GivenDeclaration => {
    return { ...given, executionMode: given === guarded && mode === 'PARALLEL' ? 'QUEUED' : mode };
  });
const choices = fc.array(fc.nat(1_000_000), { maxLength: 80, size: 'max' });

/** Every action that ever started, whether or not it still runs. */
function everStarted(world: World): ActionAddress[] {
  return world.told
    .filter((change) => change.detail['action'] !== undefined && change.detail['state'] === 'STARTED')
    .map(({ detail }) => ({
      executionId: String(detail['execution-id']),
      stage: String(detail['stage']),
      action: String(detail['action']),
      actionExecutionId: String(detail['action-execution-id']),
    }));
}

/** The rules that are being evaluated, or were when the stage ended. */
function rulesIn(state: State): RuleAddress[] {
  return Object.values(state.executions).flatMap(({ id: executionId, stages }) =>
    Object.entries(stages).flatMap(([stage, { conditions }]) =>
      (['beforeEntry', 'onSuccess', 'onFailure'] as const).flatMap((kind) =>
        Object.entries(conditions[kind]?.rules ?? {}).map(([rule, run]): RuleAddress => {
          return { executionId, stage, condition: kind, rule, ruleExecutionId: run.id };
        }),
      ),
    ),
  );
}

function ruleEventOf(address: RuleAddress, choice: number): Event {
  switch (choice % 7) {
    case 0:
      return { type: 'RuleErrored', code: 'ConfigurationError', message: 'wrong', ...address };
    case 1:
      return { type: 'RuleWaited', externalId: 'r:1', ...address };
    case 2:
      return { type: 'RuleUnmet', ...address };
    default:
      return { type: 'RuleMet', ...address };
  }
}

function rollbackOf(world: World, stage: string, choice: number): Event {
  const all = Object.values(world.history);
  const found = all[choice % (all.length || 1)];
  const target = found && {
    ...{ executionId: found.id, number: found.number, version: found.version, type: found.type },
    ...{ variables: found.variables, pinned: found.pinned, revisions: found.revisions },
    ...{ artifacts: found.artifacts, outputs: found.outputs },
    ...{ succeeded: found.stages[stage]?.status === 'Succeeded', outdated: false },
  };
  const targetId = found?.id ?? '';
  return { type: 'StageRollbackRequested', stage, targetId, by: 'me', ...(target ? { target } : {}) };
}

function eventOf(world: World, choice: number): Event | { readonly type: 'TimePassed' } {
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(choice / 16) % (list.length || 1)];
  const state = world.state as State;
  const started = everStarted(world);
  // Mostly an action that still runs, so that executions get somewhere; at times a late or repeated one.
  const isRunning = ({ executionId, stage, action, actionExecutionId }: ActionAddress) => {
    const run = state.executions[executionId]?.stages[stage]?.actions[action];
    return run?.id === actionExecutionId && run.status === 'InProgress';
  };
  const address = choice % 5 === 0 ? pick(started) : (pick(started.filter(isRunning)) ?? pick(started));
  const execution = pick(Object.values(state.executions));
  const stage = pick(['S1', 'S2', 'S3']) ?? 'S1';
  const start: Event = {
    type: 'ExecutionRequested',
    trigger: { type: 'StartPipelineExecution', detail: 'me' },
    variables: {},
    pinned: {},
    token: `t${choice % 7}`,
    fingerprint: '',
  };
  if (!address || !execution) return start;
  const rule = pick(rulesIn(state));
  if (rule && choice % 3 === 0) return ruleEventOf(rule, Math.floor(choice / 3));
  if (choice % 23 === 0) return rollbackOf(world, stage, choice);
  if (choice % 29 === 0) {
    const condition = choice % 2 === 0 ? 'beforeEntry' : 'onSuccess';
    return { type: 'ConditionOverridden', stage, executionId: execution.id, condition };
  }
  switch (choice % 16) {
    case 0:
    case 1:
      return { ...start, token: `t${choice}` };
    case 2:
      return start;
    case 3:
      return { type: 'ActionFailed', code: 'JobFailed', message: 'failed', ...address };
    case 4:
      return { type: 'ActionStarted', externalId: 'x:1', ...address };
    case 5:
      return {
        type: 'StageRetryRequested',
        stage,
        executionId: execution.id,
        mode: 'ALL_ACTIONS',
        known: true,
      };
    case 6:
      return {
        type: 'StageRetryRequested',
        stage: execution.position?.stage ?? stage,
        executionId: execution.id,
        mode: 'FAILED_ACTIONS',
        known: true,
      };
    case 7:
      return { type: 'ExecutionStopRequested', executionId: execution.id, abandon: choice % 32 > 15 };
    case 8:
      return { type: 'TransitionDisabled', stage, direction: 'Inbound', by: 'me', reason: 'why' };
    case 9:
      return { type: 'TransitionEnabled', stage, direction: 'Inbound', by: 'me' };
    case 10: {
      const token = execution.stages['S3']?.actions['Ask']?.token ?? '';
      const approved = choice % 3 > 0;
      return { type: 'ApprovalAnswered', stage: 'S3', action: 'Ask', token, approved, summary: '', by: 'me' };
    }
    case 11:
      return choice % 5 > 0
        ? { type: 'TimePassed' }
        : { type: 'PipelineUpdated', declaration: completeDeclaration(wide, 1) };
    default:
      return { type: 'ActionSucceeded', outputVariables: { CommitId: 'c' }, ...address };
  }
}

/** Runs the choices; `check` sees the world after every event. */
function forEveryRun(
  check: (world: World, before: State) => void,
  then: (world: World) => void = () => {},
  parameters: fc.Parameters<unknown> = { numRuns: 60 },
) {
  fc.assert(
    fc.property(declarations, choices, (given, numbers) => {
      const world = new World(given);
      for (const choice of numbers) {
        const before = world.state as State;
        world.at += choice % 11 === 0 ? 3_600_000 : 10;
        world.send(eventOf(world, choice));
        check(world, before);
      }
      then(world);
    }),
    parameters as fc.Parameters<[GivenDeclaration, number[]]>,
  );
}

test('at most one execution is inside a stage, and a waiting area of SUPERSEDED holds one', () => {
  forEveryRun((world) => {
    const { stages, executions } = world.state as State;
    for (const stage of stages) {
      const inside = Object.values(executions).filter(
        (execution) =>
          execution.mode !== 'PARALLEL' &&
          execution.position?.stage === stage.name &&
          execution.position.phase === 'inside',
      );
      assert.ok(inside.length <= 1);
      assert.equal(stage.occupant, inside[0]?.id);
      const waiting = stage.waiting.map((id) => executions[id]);
      assert.ok(waiting.filter((execution) => execution?.mode === 'SUPERSEDED').length <= 1);
      assert.ok(waiting.every((execution) => execution?.position?.phase === 'waiting'));
    }
  });
});

test('nothing starts twice, and every started action ends at most once', () => {
  forEveryRun(
    () => {},
    (world) => {
      const ids = world.orders.map((order) => order.actionExecutionId);
      assert.equal(new Set(ids).size, ids.length);
      const ends = world.told
        .filter((change) => change.detail['action'] && change.detail['state'] !== 'STARTED')
        .map((change) => change.detail['action-execution-id']);
      assert.equal(new Set(ends).size, ends.length);
      assert.equal(new Set(world.told.map((change) => change.id)).size, world.told.length);
    },
  );
});

const RESULTS = [
  ...['ActionStarted', 'ActionSucceeded', 'ActionFailed'],
  ...['RuleMet', 'RuleUnmet', 'RuleErrored'],
];

test('a repeated result changes nothing', () => {
  forEveryRun((world) => {
    const event = world.journal.at(-1);
    if (!event || !RESULTS.includes(event.type)) return;
    const decision = pipelineDecider.decide(world.state, event);
    assert.equal(decision.state, world.state);
    assert.deepEqual(decision.effects, []);
  });
});

test('an execution that ended is silent, unless AWS lets it be retried', () => {
  forEveryRun((world, before) => {
    for (const execution of Object.values((world.state as State).executions)) {
      const earlier = before.executions[execution.id];
      if (!earlier || isInFlight(earlier) || !isInFlight(execution)) continue;
      assert.ok(earlier.status === 'Failed' || earlier.status === 'Stopped');
      const type = world.journal.at(-1)?.type;
      assert.ok(type === 'StageRetryRequested' || type === 'ConditionOverridden');
    }
  });
});

test('nothing waits for ever: whoever waits has a closed door or an occupant, whoever is inside has work', () => {
  forEveryRun((world) => {
    const state = world.state as State;
    for (const execution of Object.values(state.executions).filter(isInFlight)) {
      const stage = state.stages.find((candidate) => candidate.name === execution.position?.stage);
      if (execution.position?.phase === 'waiting') {
        const locked = stage?.occupant !== undefined && execution.mode !== 'PARALLEL';
        assert.ok(locked || stage?.transition.enabled === false);
      } else {
        const run = execution.stages[execution.position?.stage ?? ''];
        const works = [
          ...Object.values(run?.actions ?? {}),
          ...Object.values(run?.conditions ?? {}).flatMap((each) => Object.values(each.rules)),
        ];
        assert.ok(works.some((work) => work.status === 'InProgress'));
      }
    }
    const running = Object.values(state.executions).filter(isInFlight);
    const asks = running.some((execution) => execution.position?.phase === 'inside');
    assert.equal(pipelineDecider.wakeAt(state) !== undefined, asks);
  });
});

test('replaying the journal gives the stored state, also through JSON', () => {
  forEveryRun(
    () => {},
    (world) => {
      let state: State | undefined;
      for (const event of world.journal) {
        const stored = state && (JSON.parse(JSON.stringify(state)) as State);
        state = pipelineDecider.decide(stored, event).state;
      }
      assert.deepEqual(JSON.parse(JSON.stringify(state)), JSON.parse(JSON.stringify(world.state)));
    },
  );
});

test('a decision never alters the state it was given', () => {
  forEveryRun((world, before) => {
    const copy = structuredClone(before);
    const event = world.journal.at(-1);
    if (event) pipelineDecider.decide(before, event);
    assert.deepEqual(before, copy);
  });
});

test('results of parallel actions commute', () => {
  const parallel = (order: readonly ('A' | 'B')[], failing: boolean) => {
    const world = new World({ ...wide, stages: wide.stages.map(({ onFailure: _, ...stage }) => stage) });
    world.succeed(world.created, 'S1', 'Source');
    for (const action of order) {
      if (action === 'B' && failing) world.fail(world.created, 'S2', 'B');
      else world.succeed(world.created, 'S2', action);
    }
    return world.where(world.created);
  };
  for (const failing of [false, true]) {
    assert.equal(parallel(['A', 'B'], failing), parallel(['B', 'A'], failing));
  }
});

test('a rollback has a success of its own version as target, runs one stage, and is no target itself', () => {
  forEveryRun((world) => {
    for (const execution of Object.values((world.state as State).executions)) {
      if (execution.type !== 'ROLLBACK') continue;
      assert.ok(Object.keys(execution.stages).length <= 1);
      const target = world.history[execution.target ?? ''];
      assert.equal(target?.type, 'STANDARD');
      assert.equal(target.version, execution.version);
    }
  });
});

test('a condition that settled has no rule in progress, and stays settled', () => {
  forEveryRun((world, before) => {
    for (const [id, execution] of Object.entries((world.state as State).executions)) {
      for (const [stage, run] of Object.entries(execution.stages)) {
        for (const kind of ['beforeEntry', 'onSuccess', 'onFailure'] as const) {
          const now = run.conditions[kind];
          const rules = Object.values(now?.rules ?? {});
          if (now && now.status !== 'InProgress') {
            assert.ok(rules.every((rule) => rule.status !== 'InProgress'));
          }
          const was = before.executions[id]?.stages[stage]?.conditions[kind];
          if (was && now && was.status !== 'InProgress' && now.startedAt === was.startedAt) {
            assert.ok(now.status === was.status || now.status === 'Overridden');
          }
        }
      }
    }
  });
});

test('the state stays bounded however often the pipeline runs', () => {
  forEveryRun((world) => {
    const { executions, stages, tokens } = world.state as State;
    const inFlight = Object.values(executions).filter(isInFlight).length;
    assert.ok(inFlight <= 60);
    // One that ended stays for the one event that ended it, and as the latest of a stage.
    assert.ok(Object.keys(executions).length <= inFlight + stages.length + 20 + 10);
    assert.ok(tokens.length <= 100);
  });
});

test('the runs made up here reach every end', () => {
  const seen = new Set<string>();
  forEveryRun(
    () => {},
    (world) => {
      for (const { detail } of world.told) {
        const kind = detail['action'] ? 'action' : detail['stage'] ? 'stage' : 'pipeline';
        seen.add(`${kind} ${String(detail['state'])}`);
      }
      for (const { type, stages } of Object.values(world.history)) {
        seen.add(type);
        for (const { status, conditions } of Object.values(stages)) {
          seen.add(`stage ${status}`);
          for (const each of Object.values(conditions)) seen.add(`condition ${each.status}`);
        }
      }
    },
    { numRuns: 500, seed: 7 },
  );
  for (const state of ['SUCCEEDED', 'FAILED', 'STOPPED', 'SUPERSEDED', 'CANCELED', 'RESUMED', 'STOPPING']) {
    assert.ok(seen.has(`pipeline ${state}`), `no execution was ever ${state}`);
  }
  assert.ok(seen.has('ROLLBACK'), 'nothing was ever rolled back');
  assert.ok(seen.has('stage Skipped'), 'no stage was ever skipped');
  for (const status of ['Succeeded', 'Failed', 'Errored', 'Overridden', 'Cancelled', 'Abandoned']) {
    assert.ok(seen.has(`condition ${status}`), `no condition was ever ${status}`);
  }
  for (const state of ['SUCCEEDED', 'FAILED', 'ABANDONED', 'CANCELED']) {
    assert.ok(seen.has(`action ${state}`), `no action was ever ${state}`);
  }
});
