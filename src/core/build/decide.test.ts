import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildDecider, currentPhase } from './decide.ts';
import { PHASES } from './state.ts';
import type { BuildEffect, BuildEvent, BuildFacts, BuildPlan, BuildState, PhaseType } from './state.ts';

const plan: BuildPlan = {
  id: 'shop:u',
  uuid: 'u',
  arn: 'arn:aws:codebuild:us-east-1:123456789012:build/shop:u',
  projectName: 'shop',
  initiator: 'alice',
  source: { type: 'NO_SOURCE' },
  secondarySources: [],
  artifacts: { type: 'NO_ARTIFACTS' },
  secondaryArtifacts: [],
  environment: {
    type: 'LINUX_CONTAINER',
    image: 'x',
    computeType: 'BUILD_GENERAL1_SMALL',
    privileged: false,
    variables: [],
  },
  serviceRole: 'arn:aws:iam::123456789012:role/build',
  encryptionKey: 'alias/aws/s3',
  timeoutMinutes: 5,
  queuedTimeoutMinutes: 10,
};

type Given =
  | BuildEvent
  | { type: 'TimePassed' }
  | { type: 'EffectFailed'; effectType: string; effect: unknown; message: string };

function run(events: readonly (Given & { at?: number })[]): { state: BuildState; effects: BuildEffect[] } {
  let state: BuildState | undefined;
  const effects: BuildEffect[] = [];
  events.forEach((event, i) => {
    const decision = buildDecider.decide(state, { at: 1000 + i, chance: '0'.repeat(32), ...event });
    state = decision.state;
    effects.push(...decision.effects);
  });
  assert.ok(state);
  return { state, effects };
}

const requested: Given = { type: 'BuildRequested', plan };
const placed: Given = { type: 'BuildPlaced', worker: { id: 'w-1', name: 'shed' } };
const all: BuildFacts = { commandPhases: ['INSTALL', 'PRE_BUILD', 'BUILD', 'POST_BUILD'] };

function ended(
  phase: PhaseType,
  status: 'SUCCEEDED' | 'FAILED' | 'FAULT' = 'SUCCEEDED',
  more: object = {},
): Given {
  return {
    type: 'PhaseEnded',
    phase,
    status,
    context: { statusCode: '', message: '' },
    isLast: false,
    facts: {},
    ...more,
  };
}

function until(phase: PhaseType, facts: BuildFacts = all): Given[] {
  const events = [requested, ...(phase === 'QUEUED' ? [] : [placed])];
  for (const each of PHASES.slice(2, PHASES.indexOf(phase))) {
    events.push(ended(each, 'SUCCEEDED', each === 'DOWNLOAD_SOURCE' ? { facts } : {}));
  }
  return events;
}

const names = (state: BuildState) => state.phases.map((phase) => `${phase.type}=${phase.status ?? ''}`);
const after = (phase: PhaseType, state: BuildState) => names(state).slice(PHASES.indexOf(phase));

test('a good build goes through the eleven phases and tells its start and end', () => {
  const { state, effects } = run(until('COMPLETED'));
  assert.deepEqual(names(state), [...PHASES.slice(0, -1).map((phase) => `${phase}=SUCCEEDED`), 'COMPLETED=']);
  assert.equal(state.status, 'SUCCEEDED');
  assert.deepEqual(
    effects.map((effect) => effect.type).filter((type) => type !== 'PublishPhase'),
    ['PlaceBuild', 'PublishChange', 'RunBuild', 'PublishChange'],
  );
  assert.deepEqual(
    effects.flatMap((effect) => (effect.type === 'PublishPhase' ? [effect.phase] : [])),
    PHASES.slice(0, -1),
  );
  assert.deepEqual(state.phases[1]?.contexts, undefined);
  assert.deepEqual(state.phases[4]?.contexts, [{ statusCode: '', message: '' }]);
});

test('phases without commands are passed at once', () => {
  const { state } = run(until('INSTALL', { commandPhases: ['BUILD'] }));
  assert.deepEqual(after('INSTALL', state), ['INSTALL=SUCCEEDED', 'PRE_BUILD=SUCCEEDED', 'BUILD=']);
});

test('a failed install or pre_build goes straight to the end', () => {
  const { state } = run([...until('PRE_BUILD'), ended('PRE_BUILD', 'FAILED'), ended('FINALIZING')]);
  assert.deepEqual(after('PRE_BUILD', state), ['PRE_BUILD=FAILED', 'FINALIZING=SUCCEEDED', 'COMPLETED=']);
  assert.equal(state.status, 'FAILED');
});

test('a failed build still runs post_build and uploads', () => {
  const { state } = run([
    ...until('BUILD'),
    ended('BUILD', 'FAILED'),
    ended('POST_BUILD'),
    ended('UPLOAD_ARTIFACTS'),
    ended('FINALIZING'),
  ]);
  assert.equal(state.status, 'FAILED');
  assert.deepEqual(after('BUILD', state).slice(0, 3), [
    'BUILD=FAILED',
    'POST_BUILD=SUCCEEDED',
    'UPLOAD_ARTIFACTS=SUCCEEDED',
  ]);
});

test('on-failure ABORT skips the rest, CONTINUE goes on, and both stay failed', () => {
  const abort = run([...until('BUILD', { ...all, onFailure: { BUILD: 'ABORT' } }), ended('BUILD', 'FAILED')]);
  assert.equal(currentPhase(abort.state), 'FINALIZING');
  const onward = run([
    ...until('PRE_BUILD', { ...all, onFailure: { PRE_BUILD: 'CONTINUE' } }),
    ended('PRE_BUILD', 'FAILED'),
  ]);
  assert.equal(currentPhase(onward.state), 'BUILD');
});

test('a stop shows at once and completes when the processes are gone', () => {
  const stopped = run([...until('BUILD'), { type: 'StopRequested' }]);
  assert.equal(stopped.state.status, 'STOPPED');
  assert.equal(stopped.state.isComplete, false);
  assert.equal(stopped.effects.findLast((effect) => effect.type !== 'PublishPhase')?.type, 'KillBuild');
  const { state, effects } = run([
    ...until('BUILD'),
    { type: 'StopRequested' },
    ended('BUILD', 'FAILED'),
    { type: 'BuildKilled' },
  ]);
  assert.deepEqual(after('BUILD', state), ['BUILD=STOPPED', 'COMPLETED=']);
  assert.equal(state.status, 'STOPPED');
  assert.deepEqual(effects.filter((effect) => effect.type === 'KillBuild').length, 1);
});

test('a queued build is stopped or times out without a kill', () => {
  const stopped = run([requested, { type: 'StopRequested' }]);
  assert.deepEqual(names(stopped.state), ['SUBMITTED=SUCCEEDED', 'QUEUED=STOPPED', 'COMPLETED=']);
  const late = run([requested, { type: 'TimePassed', at: 1000 + 10 * 60_000 }]);
  assert.equal(late.state.status, 'TIMED_OUT');
  assert.ok(!late.effects.some((effect) => effect.type === 'KillBuild'));
});

test('the clock of the build starts with PROVISIONING and stops before FINALIZING', () => {
  const running = run(until('BUILD')).state;
  assert.equal(buildDecider.wakeAt(running), 1001 + 5 * 60_000);
  const early = run([...until('BUILD'), { type: 'TimePassed', at: 1000 + 5 * 60_000 }]);
  assert.equal(early.state.ending, undefined);
  const { state } = run([
    ...until('BUILD'),
    { type: 'TimePassed', at: 1001 + 5 * 60_000 },
    { type: 'BuildKilled' },
  ]);
  assert.equal(state.status, 'TIMED_OUT');
  assert.deepEqual(state.phases.at(-2)?.contexts, [
    { statusCode: 'BUILD_TIMED_OUT', message: 'Build has timed out. ' },
  ]);
  assert.equal(buildDecider.wakeAt(run(until('FINALIZING')).state), undefined);
});

test('a lost sandbox ends the build, and a failed effect is a FAULT', () => {
  const lost = run([...until('BUILD'), ended('BUILD', 'FAULT', { isLast: true }), ended('FINALIZING')]);
  assert.deepEqual(after('BUILD', lost.state), ['BUILD=FAULT', 'FINALIZING=SUCCEEDED', 'COMPLETED=']);
  assert.equal(lost.state.status, 'FAULT');
  const failed = run([
    ...until('BUILD'),
    { type: 'EffectFailed', effectType: 'RunBuild', effect: {}, message: 'why' },
    { type: 'BuildKilled' },
  ]);
  assert.equal(failed.state.status, 'FAULT');
  assert.deepEqual(failed.state.phases.at(-2)?.contexts, [
    { statusCode: 'INTERNAL_SERVICE_ERROR', message: 'why' },
  ]);
});

test('a change that could not be told is ordered again, also after the end', () => {
  const effect = { type: 'PublishChange', at: 5, change: 'ENDED' };
  const { effects } = run([
    ...until('COMPLETED'),
    { type: 'EffectFailed', effectType: 'PublishChange', effect, message: '' },
  ]);
  assert.deepEqual(effects.at(-1), effect);
});

test('a failed build is started again until its limit is reached, a stopped one never', () => {
  const planned = (number: number): Given => ({
    type: 'BuildRequested',
    plan: { ...plan, autoRetry: { limit: 2, number } },
  });
  const late = { type: 'TimePassed', at: 1000 + 10 * 60_000 } as const;
  const isRetried = (events: readonly Given[]) =>
    run(events).effects.some((effect) => effect.type === 'StartAutoRetry');
  assert.deepEqual(
    [0, 1, 2].map((number) => isRetried([planned(number), late])),
    [true, true, false],
  );
  assert.equal(isRetried([planned(0), { type: 'StopRequested' }]), false);
  assert.equal(isRetried([planned(0), ...until('COMPLETED').slice(1)]), false);
  const { state } = run([planned(0), late, { type: 'AutoRetryStarted', arn: 'next' }]);
  assert.equal(state.nextAutoRetry, 'next');
  assert.equal(run([planned(0), { type: 'AutoRetryStarted', arn: 'early' }]).state.nextAutoRetry, undefined);
});

test('a build belongs to the worker that it was placed on, and is lost with it', () => {
  const { state, effects } = run([
    ...until('BUILD'),
    { ...placed, worker: { id: 'w-2', name: 'barn' } } as Given,
  ]);
  assert.deepEqual(state.worker, { id: 'w-1', name: 'shed' });
  assert.deepEqual(
    effects.filter((effect) => effect.type === 'RunBuild'),
    [{ type: 'RunBuild', place: 'w-1' }],
  );
  const lost: Given = { type: 'WorkerLost', workerId: 'w-1' };
  assert.equal(run([...until('BUILD'), { ...lost, workerId: 'w-2' }]).state.isComplete, false);
  const fault = run([...until('BUILD'), lost]).state;
  assert.deepEqual(after('BUILD', fault), ['BUILD=FAULT', 'COMPLETED=']);
  assert.equal(fault.status, 'FAULT');
  const message =
    'The worker shed, which ran this build, gives no sign of life any more; ' +
    'what it was doing may have been done or not';
  assert.deepEqual(fault.phases.at(-2)?.contexts, [{ statusCode: 'INTERNAL_SERVICE_ERROR', message }]);
  const stopped = run([...until('BUILD'), { type: 'StopRequested' }, lost]);
  assert.equal(stopped.state.status, 'STOPPED');
  assert.deepEqual(
    stopped.effects.filter((effect) => effect.type === 'KillBuild'),
    [{ type: 'KillBuild', place: 'w-1' }],
  );
});

test('a build whose commands have not begun waits again when its worker is lost', () => {
  const lost: Given = { type: 'WorkerLost', workerId: 'w-1' };
  const { state, effects } = run([...until('PROVISIONING'), lost]);
  assert.deepEqual(names(state), ['SUBMITTED=SUCCEEDED', 'QUEUED=']);
  assert.equal(state.worker, undefined);
  assert.equal(buildDecider.wakeAt(state), 1000 + 10 * 60_000);
  assert.equal(effects.at(-1)?.type, 'PlaceBuild');
  const elsewhere: Given = { type: 'BuildPlaced', worker: { id: 'w-2', name: 'barn' } };
  const late = ended('PROVISIONING', 'SUCCEEDED', { workerId: 'w-1' });
  const moved = run([...until('PROVISIONING'), lost, elsewhere, late]).state;
  assert.deepEqual(names(moved), ['SUBMITTED=SUCCEEDED', 'QUEUED=SUCCEEDED', 'PROVISIONING=']);
  assert.deepEqual(moved.worker, { id: 'w-2', name: 'barn' });
});

test('a build that was stopped while it waited is not placed any more', () => {
  const { state, effects } = run([requested, { type: 'StopRequested' }, placed]);
  assert.deepEqual(names(state), ['SUBMITTED=SUCCEEDED', 'QUEUED=STOPPED', 'COMPLETED=']);
  assert.ok(!effects.some((effect) => effect.type === 'RunBuild'));
});

const anyEvent: fc.Arbitrary<Given> = fc.oneof(
  fc
    .record({
      phase: fc.constantFrom(...PHASES),
      status: fc.constantFrom('SUCCEEDED', 'FAILED', 'FAULT' as const),
      isLast: fc.boolean(),
    })
    .map(({ phase, status, isLast }) =>
      ended(phase, status as 'FAILED', { isLast, facts: phase === 'DOWNLOAD_SOURCE' ? all : {} }),
    ),
  fc.constantFrom<Given>(
    requested,
    placed,
    { type: 'WorkerLost', workerId: 'w-1' },
    { type: 'StopRequested' },
    { type: 'BuildKilled' },
    { type: 'TimePassed' },
    { type: 'EffectFailed', effectType: 'RunBuild', effect: { type: 'RunBuild' }, message: 'm' },
    { type: 'EffectFailed', effectType: 'KillBuild', effect: { type: 'KillBuild' }, message: 'm' },
  ),
);

test('whatever happens: phases stay in order, one end is told once, and the end is silent', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ event: anyEvent, at: fc.nat(2_000_000) }), { maxLength: 60 }),
      (steps) => {
        let at = 0;
        const events = [requested, ...steps.map(({ event, at: pause }) => ({ ...event, at: (at += pause) }))];
        const { state, effects } = run(events as Given[]);
        const order = state.phases.map((phase) => PHASES.indexOf(phase.type));
        assert.deepEqual(
          order,
          order.toSorted((a, b) => a - b),
        );
        assert.equal(new Set(order).size, order.length);
        assert.ok(state.phases.slice(0, -1).every((phase) => phase.status && phase.endAt !== undefined));
        const ends = effects.filter((effect) => effect.type === 'PublishChange' && effect.change === 'ENDED');
        assert.equal(ends.length, state.isComplete ? 1 : 0);
        assert.ok(effects.filter((effect) => effect.type === 'KillBuild').length <= 1);
        const told = effects.flatMap((effect) => (effect.type === 'PublishPhase' ? [effect.phase] : []));
        // Who waits again was told of already, and is told again under the same id.
        const waits = state.phases.at(-1)?.type === 'QUEUED';
        assert.deepEqual(
          [...new Set(told)].filter((phase) => !waits || phase !== 'QUEUED'),
          state.phases.filter((phase) => phase.endAt !== undefined).map((phase) => phase.type),
        );
        if (!state.isComplete) return;
        const again = buildDecider.decide(state, { ...ended('FINALIZING'), at, chance: '' });
        assert.deepEqual(again, { state, effects: [] });
      },
    ),
  );
});
