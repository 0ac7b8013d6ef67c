import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { EngineEvent } from '#base/decider.ts';
import {
  LOOK_AGAIN_MS,
  LOOK_MS,
  repositoryDecider,
  type ChangeIntended,
  type RepositoryEvent,
  type RepositoryState,
  type SettleChange,
} from './decide.ts';

const OLD = 'a'.repeat(40);
const NEW = 'b'.repeat(40);
const stamp = { at: 1_700_000_000_000, chance: '00112233445566778899aabbccddeeff' };
const intended: ChangeIntended = {
  type: 'ChangeIntended',
  changeId: 'c1',
  repositoryName: 'shop',
  callerUserArn: 'arn:aws:iam::123456789012:user/dana',
  changes: [
    { name: 'refs/heads/main', oldId: OLD, newId: NEW },
    { name: 'refs/tags/v1', oldId: undefined, newId: NEW },
    { name: 'refs/heads/old', oldId: OLD, newId: undefined },
    { name: 'refs/notes/x', oldId: undefined, newId: NEW },
  ],
};

const recordedNothing = {
  type: 'ChangeRecorded',
  changeId: 'c1',
  applied: [] as readonly string[],
  defaultBranch: undefined,
} as const;

function run(events: readonly RepositoryEvent[]) {
  let state: RepositoryState | undefined;
  const effects = events.flatMap((event) => {
    const decision = repositoryDecider.decide(state, { ...event, ...stamp });
    state = decision.state;
    return decision.effects;
  });
  return { state, effects };
}

test('what git moved is told, once, in the order of the push; what it refused is not', () => {
  const applied = ['refs/heads/main', 'refs/tags/v1', 'refs/notes/x'];
  const recorded: RepositoryEvent = {
    type: 'ChangeRecorded',
    changeId: 'c1',
    applied,
    defaultBranch: undefined,
  };
  const { state, effects } = run([intended, recorded, recorded]);
  assert.deepEqual(state, { recorded: 1, lost: 0 });
  const [effect, ...others] = effects;
  assert.deepEqual(others, []);
  const common = { repositoryName: 'shop', callerUserArn: intended.callerUserArn };
  assert.deepEqual(
    effect?.type === 'PublishChanges' && effect.events.map(({ eventId: _, ...event }) => event),
    [
      {
        ...common,
        event: 'referenceUpdated',
        referenceType: 'branch',
        referenceName: 'main',
        referenceFullName: 'refs/heads/main',
        commitId: NEW,
        oldCommitId: OLD,
      },
      {
        ...common,
        event: 'referenceCreated',
        referenceType: 'tag',
        referenceName: 'v1',
        referenceFullName: 'refs/tags/v1',
        commitId: NEW,
        oldCommitId: undefined,
      },
    ],
  );
});

test('a second change waits until the first is recorded', () => {
  const { state } = run([intended]);
  const second = repositoryDecider.decide(state, { ...intended, changeId: 'c2', ...stamp });
  assert.ok(second.reply && 'fault' in second.reply);
  assert.equal(second.reply.fault.code, 'ConcurrentReferenceUpdateException');
  assert.deepEqual(second.state, state);
});

const passed = { type: 'TimePassed' } as const;

test('a change that stays open is looked after again and again, by one at a time', () => {
  const { decide, wakeAt } = repositoryDecider;
  const { state } = run([intended]);
  assert.ok(state?.open);
  const due = stamp.at + LOOK_MS;
  assert.equal(wakeAt(state), due);
  assert.deepEqual(decide(state, { ...passed, ...stamp, at: due - 1 }), { state, effects: [] });
  const looking = decide(state, { ...passed, ...stamp, at: due });
  const effect = { type: 'SettleChange', changeId: 'c1' } as const;
  assert.deepEqual(looking.effects, [effect]);
  assert.ok(looking.state?.open);
  assert.equal(wakeAt(looking.state), undefined);
  const failed = { type: 'EffectFailed', effectType: 'SettleChange', effect, message: 'disk full' } as const;
  const again = decide(looking.state, { ...failed, ...stamp, at: due });
  assert.ok(again.state?.open);
  assert.equal(again.state.lost, 0);
  assert.equal(wakeAt(again.state), due + LOOK_AGAIN_MS);
  const late = decide(again.state, { ...failed, effect: { ...effect, changeId: 'c0' }, ...stamp });
  assert.deepEqual(late, { state: again.state, effects: [] });
});

test('a recorded change is not looked after; one that could not be told is counted', () => {
  const { state } = run([intended, { ...recordedNothing, applied: ['refs/heads/main'] }]);
  assert.ok(state);
  assert.equal(repositoryDecider.wakeAt(state), undefined);
  const failed = { type: 'EffectFailed', effectType: 'PublishChanges', effect: {}, message: 'no' } as const;
  assert.deepEqual(repositoryDecider.decide(state, { ...failed, ...stamp }).state, { recorded: 1, lost: 1 });
});

test('repeated and late events change nothing, and every intended change is closed once', () => {
  const name = fc.constantFrom('refs/heads/main', 'refs/tags/v1', 'refs/heads/old');
  const settleFailed = (changeId: string): EngineEvent => ({
    type: 'EffectFailed',
    effectType: 'SettleChange',
    effect: { type: 'SettleChange', changeId },
    message: 'disk full',
  });
  const event: fc.Arbitrary<RepositoryEvent | EngineEvent> = fc.oneof(
    fc.constant(passed),
    fc.constantFrom('c1', 'c2').map(settleFailed),
    fc.constantFrom('c1', 'c2').map((changeId): RepositoryEvent => ({ ...intended, changeId })),
    fc.record({
      type: fc.constant('ChangeRecorded' as const),
      changeId: fc.constantFrom('c1', 'c2', 'c3'),
      applied: fc.array(name),
      defaultBranch: fc.constant(undefined),
    }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), (events) => {
      let state: RepositoryState | undefined;
      let opened = 0;
      let { at } = stamp;
      /** Changes that somebody was ordered to look after, and has not failed to. */
      const settling = new Set<string>();
      for (const each of events) {
        // The engine tells a failure only of what was ordered.
        if (each.type === 'EffectFailed' && !settling.delete((each.effect as SettleChange).changeId))
          continue;
        const before = state;
        at += LOOK_MS;
        const decision = repositoryDecider.decide(state, { ...each, ...stamp, at });
        state = decision.state;
        if (!before?.open && state?.open) {
          opened++;
          // Here an id can come back; whoever looked after its earlier change has ended.
          settling.delete(state.open.changeId);
        }
        for (const effect of decision.effects) {
          if (effect.type !== 'SettleChange') continue;
          assert.ok(!settling.has(effect.changeId), 'one at a time');
          settling.add(effect.changeId);
        }
        assert.deepEqual(repositoryDecider.decide(state, { ...each, ...stamp, at }).state, state);
        const open = state?.open;
        if (open) assert.notEqual(open.lookAt !== undefined, settling.has(open.changeId), 'never forgotten');
      }
      assert.equal(opened - (state?.open ? 1 : 0), state?.recorded ?? 0);
    }),
  );
});
