import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BuildPlan } from '#core/build/state.ts';
import { currentSandboxPhase, sandboxDecider, sandboxStatus } from './decide.ts';
import { COMMANDS_MAX, COMMANDS_WAITING_MAX, SANDBOX_PHASES } from './state.ts';
import type { SandboxEffect, SandboxEvent, SandboxPhaseType, SandboxState } from './state.ts';

const plan: BuildPlan = {
  id: 'shop:u',
  uuid: 'u',
  arn: 'arn:aws:codebuild:us-east-1:123456789012:sandbox/shop:u',
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

type Given = (
  | SandboxEvent
  | { type: 'TimePassed' }
  | { type: 'EffectFailed'; effectType: string; effect: unknown; message: string }
) & { at?: number };

function run(events: readonly Given[]): {
  state: SandboxState;
  effects: SandboxEffect[];
  faults: string[];
} {
  let state: SandboxState | undefined;
  const effects: SandboxEffect[] = [];
  const faults: string[] = [];
  events.forEach((event, i) => {
    const decision = sandboxDecider.decide(state, { at: 1000 + i, chance: '0'.repeat(32), ...event });
    state = decision.state;
    effects.push(...decision.effects);
    if (decision.reply && 'fault' in decision.reply) faults.push(decision.reply.fault.message);
  });
  assert.ok(state);
  return { state, effects, faults };
}

const requested: Given = { type: 'SandboxRequested', plan };
const ended = (phase: SandboxPhaseType, status: 'SUCCEEDED' | 'FAILED' | 'FAULT' = 'SUCCEEDED'): Given => ({
  type: 'PhaseEnded',
  phase,
  status,
  context: { statusCode: status === 'SUCCEEDED' ? '' : 'CLIENT_ERROR', message: '' },
});
const placed: Given = { type: 'SandboxPlaced', worker: { id: 'w-1', name: 'shed' } };
const STARTED: SandboxEffect[] = [{ type: 'PlaceSandbox' }, { type: 'RunSandbox', place: 'w-1' }];
const up = [requested, placed, ended('QUEUED'), ended('PROVISIONING'), ended('DOWNLOAD_SOURCE')];
const command = (commandId: string): Given => ({ type: 'CommandRequested', commandId, text: 'echo x' });
const commandEnded = (commandId: string): Given => ({
  type: 'CommandEnded',
  commandId,
  exitCode: 0,
  standardOutput: 'x\n',
  standardError: '',
});

function phasesOf(state: SandboxState): string[] {
  return state.phases.map(({ type, status }) => (status ? `${type}=${status}` : type));
}

test('a sandbox comes up, runs commands one after the other, and stops when it is told to', () => {
  const { state, effects } = run([...up, command('a'), command('b')]);
  assert.equal(sandboxStatus(state), 'RUN_SANDBOX');
  assert.deepEqual(
    state.commands.map(({ id, number }) => [id, number]),
    [
      ['a', 1],
      ['b', 2],
    ],
  );
  assert.deepEqual(effects, STARTED);
  const after = [
    ...up,
    command('a'),
    { type: 'CommandStarted', commandId: 'a' },
    commandEnded('a'),
    command('b'),
    { type: 'StopRequested' },
  ] as const;
  const stopping = run(after);
  assert.equal(sandboxStatus(stopping.state), 'STOPPING');
  assert.deepEqual(stopping.effects, [...STARTED, { type: 'KillSandbox', place: 'w-1' }]);
  const { state: over } = run([...after, { type: 'SandboxKilled' }]);
  assert.equal(sandboxStatus(over), 'STOPPED');
  assert.deepEqual(phasesOf(over).slice(-2), ['RUN_SANDBOX=STOPPED', 'COMPLETED']);
  assert.deepEqual(over.commands, []);
});

test('the time of a sandbox runs from PROVISIONING, and its phase tells that it ran out', () => {
  const { state } = run([requested, { ...ended('QUEUED'), at: 2000 }]);
  assert.equal(sandboxDecider.wakeAt(state), 2000 + 5 * 60_000);
  const { state: late, effects } = run([...up, { type: 'TimePassed', at: 400_000 }]);
  assert.deepEqual(late.phases.at(-1)?.contexts, [
    { statusCode: 'BUILD_TIMED_OUT', message: 'Build has timed out. ' },
  ]);
  assert.deepEqual(effects.at(-1), { type: 'KillSandbox', place: 'w-1' });
  const { state: over } = run([
    ...up,
    { type: 'TimePassed', at: 400_000 },
    { type: 'SandboxKilled', at: 400_001 },
  ]);
  assert.equal(sandboxStatus(over), 'TIMED_OUT');
});

test('a sandbox whose sources cannot be fetched is cleared away and FAILED', () => {
  const failed = [
    requested,
    placed,
    ended('QUEUED'),
    ended('PROVISIONING'),
    ended('DOWNLOAD_SOURCE', 'FAILED'),
  ];
  const { state, effects } = run([...failed, { type: 'SandboxKilled' }]);
  assert.equal(sandboxStatus(state), 'FAILED');
  assert.deepEqual(effects, [...STARTED, { type: 'KillSandbox', place: 'w-1' }]);
  assert.equal(state.phases.at(-2)?.contexts?.[0]?.statusCode, 'CLIENT_ERROR');
});

test('a sandbox that waits is stopped at once', () => {
  const { state, effects } = run([requested, { type: 'StopRequested' }]);
  assert.equal(sandboxStatus(state), 'STOPPED');
  assert.deepEqual(effects, [{ type: 'PlaceSandbox' }]);
});

test('a sandbox is lost with the worker that has it', () => {
  const { state } = run([...up, command('a'), { type: 'WorkerLost', workerId: 'w-2' }]);
  assert.equal(state.isComplete, false);
  const { state: lost } = run([...up, command('a'), { type: 'WorkerLost', workerId: 'w-1' }]);
  assert.equal(sandboxStatus(lost), 'FAULT');
  assert.match(lost.phases.at(-2)?.contexts?.[0]?.message ?? '', /^The worker shed/);
});

test('commands are refused before it runs, once it is over, and beyond the limits', () => {
  const early = run([requested, command('a')]);
  assert.deepEqual(early.faults, [
    'Sandbox shop:u does not run commands: its status is QUEUED, not RUN_SANDBOX',
  ]);
  const late = run([...up, { type: 'StopRequested' }, { type: 'SandboxKilled' }, command('a')]);
  assert.match(late.faults[0] ?? '', /STOPPED/);
  const many = Array.from({ length: COMMANDS_WAITING_MAX + 1 }, (_, i) => command(`c${i}`));
  assert.equal(run([...up, ...many]).faults.length, 1);
  const all = Array.from({ length: COMMANDS_MAX + 1 }, (_, i) => [command(`c${i}`), commandEnded(`c${i}`)]);
  assert.deepEqual(run([...up, ...all.flat()]).faults, [
    `Sandbox shop:u has run ${COMMANDS_MAX} commands; start another one`,
  ]);
});

const anyEvent: fc.Arbitrary<Given> = fc.oneof(
  fc.record({
    type: fc.constant('PhaseEnded' as const),
    phase: fc.constantFrom(...SANDBOX_PHASES),
    status: fc.constantFrom('SUCCEEDED', 'FAILED', 'FAULT' as const),
    context: fc.constant({ statusCode: '', message: '' }),
  }),
  fc.constantFrom('a', 'b', 'c').map(command),
  fc.constantFrom('a', 'b', 'c').map(commandEnded),
  fc.constantFrom('a', 'b').map((commandId): Given => ({ type: 'CommandStarted', commandId })),
  fc.constantFrom<Given>(
    requested,
    placed,
    { type: 'WorkerLost', workerId: 'w-1' },
    { type: 'StopRequested' },
    { type: 'SandboxKilled' },
    { type: 'TimePassed' },
    { type: 'EffectFailed', effectType: 'RunSandbox', effect: { type: 'RunSandbox' }, message: 'm' },
    { type: 'EffectFailed', effectType: 'KillSandbox', effect: { type: 'KillSandbox' }, message: 'm' },
  ),
);

test('whatever happens, phases keep their order, the end is silent, and a repeated event changes nothing', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 40 }), (events) => {
      let state: SandboxState | undefined = run([requested]).state;
      let at = 1000;
      for (const event of events) {
        at += 10_000;
        const before: SandboxState = state;
        const decision = sandboxDecider.decide(before, { chance: '0'.repeat(32), ...event, at });
        assert.ok(decision.state);
        state = decision.state;
        if (before.isComplete) {
          assert.equal(state, before);
          assert.deepEqual(decision.effects, []);
        }
        const order = state.phases.map(({ type }) => SANDBOX_PHASES.indexOf(type));
        assert.deepEqual(
          order,
          [...order].sort((a, b) => a - b),
        );
        assert.equal(new Set(order).size, order.length);
        assert.equal(state.isComplete, currentSandboxPhase(state) === 'COMPLETED');
        const again = sandboxDecider.decide(state, { chance: '0'.repeat(32), ...event, at });
        if (event.type !== 'PhaseEnded' || event.status !== 'SUCCEEDED') {
          assert.deepEqual(again.state, state, event.type);
        }
      }
    }),
  );
});
