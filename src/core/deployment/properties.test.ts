import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decideGroup } from './decide.ts';
import { createGroupFixture, hostNames, REVISION } from './fixture.ts';
import { failureBudget, minimumHealthyHosts } from './health.ts';
import { isEnded, LIFECYCLE_EVENTS, type Deployment, type MinimumHealthy } from './state.ts';

const rule: fc.Arbitrary<MinimumHealthy> = fc.oneof(
  fc.record({ type: fc.constant('HOST_COUNT' as const), value: fc.nat(6) }),
  fc.record({ type: fc.constant('FLEET_PERCENT' as const), value: fc.nat(99) }),
  fc.record({ type: fc.constant('MOST_CONCURRENCY' as const), value: fc.integer({ min: 1, max: 3 }) }),
);

const move = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('poll' as const), host: fc.nat(7) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('acknowledge' as const), host: fc.nat(7) }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('complete' as const), host: fc.nat(7), good: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.nat(400) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stop' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('alarms' as const),
      answer: fc.constantFrom('OK', 'OK', 'ALARM', ''),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('deploy' as const), eTag: fc.constantFrom('b', 'c') }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
);

/** Plays moves; hosts remember every command they were ever handed, and answer for it at any later time. */
function play(
  count: number,
  chosen: MinimumHealthy,
  moves: readonly (typeof move extends fc.Arbitrary<infer M> ? M : never)[],
) {
  const group = createGroupFixture(hostNames(count));
  const settings = {
    autoRollbackEvents: ['DEPLOYMENT_FAILURE', 'DEPLOYMENT_STOP_ON_REQUEST', 'DEPLOYMENT_STOP_ON_ALARM'],
    alarms: { names: ['hot'], ignoresPollFailure: true },
  };
  const handed: { deploymentId: string; host: string; event: (typeof LIFECYCLE_EVENTS)[number] }[] = [];
  const executed: string[] = [];
  group.deploy(chosen, settings);
  const latest = (host: string) => handed.findLast((name) => name.host === host);
  for (const step of moves) {
    const host = `host-${'host' in step ? (step.host % count) + 1 : 0}`;
    const name = latest(host);
    const { active } = group.state();
    const command = active?.targets.find((target) => target.host === host)?.command;
    if (step.do === 'poll' && active && command) {
      const polled = { deploymentId: active.deploymentId, host, event: command.event };
      const reply = group.tell({ type: 'CommandPolled', ...polled }) as { isDelivered: boolean };
      if (reply.isDelivered) handed.push(polled);
    } else if (step.do === 'acknowledge' && name) {
      const reply = group.tell({ type: 'CommandAcknowledged', token: undefined, ...name });
      if ((reply as { commandStatus: string }).commandStatus === 'InProgress') {
        executed.push(`${name.deploymentId} ${host} ${name.event}`);
      }
    } else if (step.do === 'complete' && name) {
      group.tell({ type: 'CommandCompleted', isSuccess: step.good, diagnostics: undefined, ...name });
    } else if (step.do === 'wait') {
      group.advance(step.seconds * 1000);
      group.tell({ type: 'TimePassed' });
    } else if (step.do === 'stop' && active) {
      group.tell({ type: 'StopRequested', deploymentId: active.deploymentId, autoRollback: undefined });
    } else if (step.do === 'alarms' && active) {
      const alarms = {
        active: step.answer === 'ALARM' ? ['hot'] : [],
        ...(step.answer === '' ? { failure: { code: 'INTERNAL_ERROR', message: 'unread' } } : {}),
      };
      group.tell({ type: 'AlarmsChecked', deploymentId: active.deploymentId, alarms });
    } else if (step.do === 'deploy') {
      group.deploy(chosen, settings, { ...REVISION, eTag: step.eTag });
    } else if (step.do === 'reopen') {
      group.tell({ type: 'HouseOpened' });
    }
    for (const deployment of [group.state().active, group.state().ended]) if (deployment) check(deployment);
  }
  return { group, executed };
}

function check(deployment: Deployment): void {
  const { targets, settings } = deployment;
  const budget = failureBudget(settings.minimumHealthy, targets.length);
  const minimum = minimumHealthyHosts(settings.minimumHealthy, targets.length);
  const count = (...statuses: string[]) =>
    targets.filter((target) => statuses.includes(target.status)).length;
  if (count('InProgress', 'Failed') > 0) {
    assert.ok(
      count('InProgress', 'Failed') <= budget,
      'never more in work or failed than the minimum leaves',
    );
    assert.ok(targets.length - count('InProgress', 'Failed') >= minimum, 'never below the minimum');
  }
  if (deployment.creator === 'codeDeployRollback') assert.equal(settings.alarms, undefined);
  if (deployment.error?.code === 'ALARM_ACTIVE') assert.equal(deployment.status, 'Stopped');
  if (deployment.status === 'Succeeded') assert.ok(count('Succeeded') >= Math.max(1, minimum));
  if (isEnded(deployment)) assert.equal(count('Pending', 'InProgress'), 0);
  for (const target of targets) {
    assert.deepEqual(
      target.done.map((event) => event.name),
      LIFECYCLE_EVENTS.slice(0, target.done.length),
      'events end in their order',
    );
    if (target.command) assert.equal(target.command.event, LIFECYCLE_EVENTS[target.done.length]);
    if (target.status === 'Succeeded') assert.equal(target.done.length, LIFECYCLE_EVENTS.length);
  }
}

test('whatever hosts and people do, the rules of health, order and single execution hold, and every deployment ends', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 7 }),
      rule,
      fc.array(move, { maxLength: 120 }),
      (count, chosen, moves) => {
        const { group, executed } = play(count, chosen, moves);
        assert.equal(new Set(executed).size, executed.length, 'nothing is executed twice');
        for (let passes = 0; group.state().active; passes++) {
          assert.ok(passes < 40, 'time alone ends every deployment');
          group.passTime();
          for (const deployment of [group.state().active, group.state().ended])
            if (deployment) check(deployment);
        }
      },
    ),
    { numRuns: 400 },
  );
});

test('a stored state decides like the state in memory, and a repeated event changes nothing', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      rule,
      fc.array(move, { maxLength: 60 }),
      (count, chosen, moves) => {
        const { group } = play(count, chosen, moves);
        const state = group.state();
        const stored = JSON.parse(JSON.stringify(state)) as typeof state;
        const event = { type: 'TimePassed', at: group.now() + 301_000, chance: '1'.repeat(32) } as const;
        const decided = decideGroup(state, event);
        assert.deepEqual(
          JSON.parse(JSON.stringify(decided)),
          JSON.parse(JSON.stringify(decideGroup(stored, event))),
        );
        const again = decideGroup(decided.state, { ...event, chance: '2'.repeat(32) });
        if (decided.state?.active?.deploymentId === state.active?.deploymentId) {
          assert.deepEqual(again.effects, []);
        }
      },
    ),
    { numRuns: 200 },
  );
});
