import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  repositoryDecider,
  type ChangeIntended,
  type RepositoryEvent,
  type RepositoryState,
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
    effect?.events.map(({ eventId: _, ...event }) => event),
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

test('repeated and late events change nothing, and every intended change is closed once', () => {
  const name = fc.constantFrom('refs/heads/main', 'refs/tags/v1', 'refs/heads/old');
  const event: fc.Arbitrary<RepositoryEvent> = fc.oneof(
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
      for (const each of events) {
        const before = state;
        const decision = repositoryDecider.decide(state, { ...each, ...stamp });
        state = decision.state;
        if (!before?.open && state?.open) opened++;
        assert.deepEqual(repositoryDecider.decide(state, { ...each, ...stamp }).state, state);
      }
      assert.equal(opened - (state?.open ? 1 : 0), state?.recorded ?? 0);
    }),
  );
});
