import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGroupFixture, hostNames, REVISION, workOff } from './fixture.ts';
import { LIFECYCLE_EVENTS, type MinimumHealthy } from './state.ts';
import { failureBudget, minimumHealthyHosts } from './health.ts';

const ONE_AT_A_TIME: MinimumHealthy = { type: 'MOST_CONCURRENCY', value: 1 };
const HALF: MinimumHealthy = { type: 'FLEET_PERCENT', value: 50 };
const ALL: MinimumHealthy = { type: 'HOST_COUNT', value: 0 };
const hosts = (value: number): MinimumHealthy => ({ type: 'HOST_COUNT', value });
const percent = (value: number): MinimumHealthy => ({ type: 'FLEET_PERCENT', value });
const second = { ...REVISION, eTag: 'two' };

/** Spec §3.2: hosts, rule, minimum, window, which attempts fail → outcome. */
const EXAMPLES: readonly [
  number,
  MinimumHealthy,
  number,
  number,
  readonly number[],
  string,
  number,
  number,
][] = [
  [9, hosts(6), 6, 3, [1, 2], 'Succeeded', 2, 0],
  [9, hosts(6), 6, 3, [1, 2, 3], 'HEALTH_CONSTRAINTS', 3, 6],
  [9, percent(40), 4, 5, [1, 2, 3, 4], 'Succeeded', 4, 0],
  [9, HALF, 5, 4, [1, 2, 3], 'Succeeded', 3, 0],
  [9, HALF, 5, 4, [1, 2, 3, 4, 5, 6, 7, 8, 9], 'HEALTH_CONSTRAINTS', 4, 5],
  [9, ALL, 0, 9, [1, 2, 3, 4, 5, 6, 7, 8], 'Succeeded', 8, 0],
  [9, ALL, 0, 9, [1, 2, 3, 4, 5, 6, 7, 8, 9], 'HEALTH_CONSTRAINTS', 9, 0],
  [9, ONE_AT_A_TIME, 8, 1, [3], 'HEALTH_CONSTRAINTS', 1, 6],
  [9, ONE_AT_A_TIME, 8, 1, [9], 'Succeeded', 1, 0],
  [10, percent(95), 10, 0, [], 'HEALTH_CONSTRAINTS_INVALID', 0, 0],
  [10, percent(85), 9, 1, [1], 'HEALTH_CONSTRAINTS', 1, 9],
  [10, hosts(8), 8, 2, [4, 10], 'Succeeded', 2, 0],
  [10, hosts(8), 8, 2, [4, 6], 'HEALTH_CONSTRAINTS', 2, 4],
  [7, percent(66), 5, 2, [], 'Succeeded', 0, 0],
  [3, HALF, 2, 1, [], 'Succeeded', 0, 0],
  [2, ONE_AT_A_TIME, 1, 1, [1], 'HEALTH_CONSTRAINTS', 1, 1],
  [2, ONE_AT_A_TIME, 1, 1, [2], 'Succeeded', 1, 0],
  [1, ONE_AT_A_TIME, 0, 1, [1], 'HEALTH_CONSTRAINTS', 1, 0],
  [1, ONE_AT_A_TIME, 0, 1, [], 'Succeeded', 0, 0],
  [1, HALF, 1, 0, [], 'HEALTH_CONSTRAINTS_INVALID', 0, 0],
  [5, ALL, 0, 5, [1, 2, 3, 4], 'Succeeded', 4, 0],
];

for (const [count, rule, minimum, window, failing, outcome, failed, skipped] of EXAMPLES) {
  test(`${count} hosts, ${rule.type} ${rule.value}, failures ${failing.join(' ') || 'none'}: ${outcome}`, () => {
    assert.equal(minimumHealthyHosts(rule, count), minimum);
    assert.equal(failureBudget(rule, count), window);
    const group = createGroupFixture(hostNames(count));
    group.deploy(rule);
    const widest = workOff(group, (attempt) => failing.includes(attempt));
    const ended = group.state().ended;
    assert.equal(ended?.error?.code ?? ended?.status, outcome);
    assert.equal(widest, window);
    const count_ = (status: string) => ended?.targets.filter((target) => target.status === status).length;
    assert.deepEqual([count_('Failed'), count_('Skipped')], [failed, skipped]);
  });
}

test('hosts go through all lifecycle events in order, one after another', () => {
  const group = createGroupFixture(hostNames(2));
  group.deploy(ONE_AT_A_TIME);
  const [first] = group.busy();
  assert.ok(first);
  assert.deepEqual(
    LIFECYCLE_EVENTS.map(() => group.step(first)),
    [...LIFECYCLE_EVENTS],
  );
  assert.equal(group.step(first), undefined);
  assert.equal(group.busy().length, 1);
  assert.notEqual(group.busy()[0], first);
});

test('hosts that failed before are tried first, and healthy ones stay untouched when they fail again', () => {
  const group = createGroupFixture(hostNames(10));
  group.deploy(ALL);
  const bad = ['host-2', 'host-5', 'host-9'];
  workOff(group, (_, host) => bad.includes(host));
  assert.equal(group.state().ended?.status, 'Succeeded');
  group.deploy(hosts(8), {}, second);
  assert.deepEqual(
    group
      .state()
      .active?.targets.slice(0, 3)
      .map((target) => target.host)
      .sort(),
    bad,
  );
  workOff(group, (_, host) => bad.includes(host));
  const ended = group.state().ended;
  assert.equal(ended?.error?.code, 'HEALTH_CONSTRAINTS');
  assert.equal(ended?.targets.filter((target) => target.status === 'Failed').length, 2);
});

test('hosts that never answer fail by time, and the deployment says that no host picked up', () => {
  const group = createGroupFixture(hostNames(4));
  group.deploy(ALL);
  assert.equal(group.passTime(), true);
  assert.equal(group.now(), 1_700_000_000_000 + 5 * 60_000);
  const ended = group.state().ended;
  assert.equal(ended?.status, 'Failed');
  assert.equal(ended?.error?.code, 'AGENT_ISSUE');
  assert.match(ended?.targets[0]?.done[0]?.diagnostics?.message ?? '', /did not receive the lifecycle event/);
});

test('an event that runs longer than its time fails, and what comes afterwards is ignored', () => {
  const group = createGroupFixture(hostNames(1));
  const deploymentId = group.deploy(ALL);
  const name = { deploymentId, host: 'host-1', event: 'ApplicationStop' as const };
  group.tell({ type: 'CommandPolled', ...name });
  group.tell({ type: 'CommandAcknowledged', token: undefined, ...name });
  group.passTime();
  const before = group.state();
  assert.equal(before.ended?.error?.code, 'HEALTH_CONSTRAINTS');
  const reply = group.tell({ type: 'CommandCompleted', isSuccess: true, diagnostics: undefined, ...name });
  assert.deepEqual(reply, { isAccepted: false });
  assert.equal(group.state(), before);
});

test('the first completion counts', () => {
  const group = createGroupFixture(hostNames(1));
  const deploymentId = group.deploy(ALL);
  const name = { deploymentId, host: 'host-1', event: 'ApplicationStop' as const };
  const diagnostics = {
    errorCode: 'ScriptFailed',
    scriptName: 'a.sh',
    message: 'm',
    logTail: 'tail',
  } as const;
  group.tell({ type: 'CommandPolled', ...name });
  group.tell({ type: 'CommandAcknowledged', token: undefined, ...name });
  group.tell({ type: 'CommandCompleted', isSuccess: false, diagnostics, ...name });
  const before = group.state();
  group.tell({
    type: 'CommandCompleted',
    isSuccess: false,
    diagnostics: { ...diagnostics, errorCode: 'UnknownError' },
    ...name,
  });
  assert.equal(group.state(), before);
  assert.deepEqual(before.ended?.targets[0]?.done[0]?.diagnostics, diagnostics);
});

test('a command is handed out again after 30 seconds, executed once, and its own agent may ask twice', () => {
  const group = createGroupFixture(hostNames(1));
  const deploymentId = group.deploy(ALL);
  const name = { deploymentId, host: 'host-1', event: 'ApplicationStop' as const };
  assert.deepEqual(group.tell({ type: 'CommandPolled', ...name }), { isDelivered: true });
  assert.deepEqual(group.tell({ type: 'CommandPolled', ...name }), { isDelivered: false });
  group.advance(30_000);
  assert.deepEqual(group.tell({ type: 'CommandPolled', ...name }), { isDelivered: true });
  const acknowledge = (token: string | undefined) =>
    group.tell({ type: 'CommandAcknowledged', token, ...name });
  assert.deepEqual(acknowledge('mine'), { commandStatus: 'InProgress' });
  assert.deepEqual(acknowledge('mine'), { commandStatus: 'InProgress' });
  assert.deepEqual(acknowledge('other'), { commandStatus: 'Succeeded' });
  assert.deepEqual(acknowledge(undefined), { commandStatus: 'Succeeded' });
});

test('a forgiven ApplicationStop failure is recorded and the plan goes on', () => {
  const group = createGroupFixture(hostNames(1));
  group.deploy(ALL, { ignoreApplicationStopFailures: true });
  group.step('host-1', false);
  workOff(group, () => false);
  const ended = group.state().ended;
  assert.equal(ended?.status, 'Succeeded');
  assert.deepEqual(
    ended?.targets[0]?.done.map((event) => event.status),
    ['Failed', ...Array.from({ length: 6 }, () => 'Succeeded')],
  );
});

test('a stop lets the running event finish, skips the rest, and is pending until then', () => {
  const group = createGroupFixture(hostNames(5));
  const deploymentId = group.deploy(ONE_AT_A_TIME);
  const [host = ''] = group.busy();
  const name = { deploymentId, host, event: 'ApplicationStop' as const };
  group.tell({ type: 'CommandPolled', ...name });
  group.tell({ type: 'CommandAcknowledged', token: undefined, ...name });
  const stop = () => group.tell({ type: 'StopRequested', deploymentId, autoRollback: undefined });
  assert.equal((stop() as { status: string }).status, 'Pending');
  assert.equal((stop() as { status: string }).status, 'Pending');
  group.tell({ type: 'CommandCompleted', isSuccess: true, diagnostics: undefined, ...name });
  const ended = group.state().ended;
  assert.equal(ended?.status, 'Stopped');
  assert.equal(ended?.error?.code, 'MANUAL_STOP');
  assert.deepEqual([...new Set(ended?.targets.map((target) => target.status))], ['Skipped']);
  assert.equal(ended?.targets.find((target) => target.host === host)?.done[0]?.status, 'Succeeded');
  assert.equal((stop() as { code: string }).code, 'DeploymentAlreadyCompletedException');
});

test('a failed deployment is rolled back in the same decision, linked both ways, and the rollback only once', () => {
  const group = createGroupFixture(hostNames(1));
  const change = { autoRollbackEvents: ['DEPLOYMENT_FAILURE'] };
  group.deploy(ALL, change);
  workOff(group, () => false);
  const failedId = group.deploy(ALL, change, second);
  group.step('host-1', false);
  const { active, ended } = group.state();
  assert.equal(active?.creator, 'codeDeployRollback');
  assert.deepEqual(active?.revision, REVISION);
  assert.equal(active?.rollback?.rollbackTriggeringDeploymentId, failedId);
  assert.equal(ended?.rollback?.rollbackDeploymentId, active?.deploymentId);
  const refused = group.tell({
    type: 'DeploymentRequested',
    groupId: 'group-1',
    settings: active?.settings as never,
    revision: second,
    description: undefined,
    key: undefined,
  });
  assert.deepEqual(refused, {
    code: 'DeploymentLimitExceededException',
    message: `The Deployment Group 'Group' already has an active Deployment '${active?.deploymentId}'`,
  });
  group.step('host-1', false);
  assert.equal(group.state().active, undefined);
  assert.equal(group.state().ended?.status, 'Failed');
  assert.deepEqual(group.state().lastSuccessful?.revision, REVISION);
});

test('without an earlier success there is no rollback, and the deployment says why', () => {
  const group = createGroupFixture(hostNames(1));
  group.deploy(ALL, { autoRollbackEvents: ['DEPLOYMENT_FAILURE'] });
  group.step('host-1', false);
  assert.equal(group.state().active, undefined);
  assert.match(group.state().ended?.rollback?.rollbackMessage ?? '', /no successful revision/);
});

test('a request may ask for or forbid the rollback of a stop, whatever the group says', () => {
  for (const [autoRollback, events, expected] of [
    [true, [], 'codeDeployRollback'],
    [false, ['DEPLOYMENT_STOP_ON_REQUEST'], undefined],
    [undefined, ['DEPLOYMENT_STOP_ON_REQUEST'], 'codeDeployRollback'],
    [undefined, ['DEPLOYMENT_FAILURE'], undefined],
  ] as const) {
    const group = createGroupFixture(hostNames(2));
    group.deploy(ALL);
    workOff(group, () => false);
    const deploymentId = group.deploy(ALL, { autoRollbackEvents: events }, second);
    group.step(group.busy()[0] ?? '');
    group.tell({ type: 'StopRequested', deploymentId, autoRollback });
    assert.equal(group.state().active?.creator, expected);
  }
});

test('one creation key is one deployment, however often and however late it is asked for', () => {
  const group = createGroupFixture(hostNames(1));
  group.deploy(ALL);
  workOff(group, () => false);
  const ask = () =>
    group.tell({
      type: 'DeploymentRequested',
      groupId: 'group-1',
      settings: group.state().ended?.settings as never,
      revision: second,
      description: 'codepipeline-action:1',
      key: 'codepipeline-action:1',
    });
  const first = ask();
  assert.deepEqual(ask(), first);
  workOff(group, () => false);
  assert.deepEqual(ask(), first);
  assert.equal(group.state().active, undefined);
});

test('no hosts: the deployment fails at once', () => {
  const group = createGroupFixture([]);
  group.deploy(ALL);
  assert.equal(group.state().ended?.error?.code, 'NO_INSTANCES');
  assert.deepEqual(
    group.orders.map((order) => (order.type === 'Announce' ? order.state : order.type)),
    ['ResolveTargets', 'FAILURE'],
  );
});

test('only outdated hosts are deployed to when that is asked for', () => {
  const group = createGroupFixture(hostNames(3));
  group.deploy(ALL);
  workOff(group, (_, host) => host === 'host-2');
  group.deploy(ALL, { updateOutdatedInstancesOnly: true });
  assert.deepEqual(group.busy(), ['host-2']);
});

test('the whole deployment has a limit; what hosts are doing then is unknown', () => {
  const group = createGroupFixture(hostNames(2));
  const limits = { pickUpSeconds: 300, runSeconds: 4200, wholeSeconds: 60, redeliverySeconds: 30 };
  const deploymentId = group.deploy(ALL, { limits });
  const name = { deploymentId, host: 'host-1', event: 'ApplicationStop' as const };
  group.tell({ type: 'CommandPolled', ...name });
  group.tell({ type: 'CommandAcknowledged', token: undefined, ...name });
  group.passTime();
  const ended = group.state().ended;
  assert.equal(ended?.error?.code, 'TIMEOUT');
  assert.deepEqual(Object.fromEntries(ended?.targets.map((target) => [target.host, target.status]) ?? []), {
    'host-1': 'Unknown',
    'host-2': 'Skipped',
  });
});

test('after the house was closed the pick-up time starts again', () => {
  const group = createGroupFixture(hostNames(1));
  group.deploy(ALL);
  group.advance(20 * 60_000);
  group.tell({ type: 'HouseOpened' });
  group.tell({ type: 'TimePassed' });
  assert.equal(group.step('host-1'), 'ApplicationStop');
});

test('a deleted group ends its deployment after the event in work', () => {
  const group = createGroupFixture(hostNames(2));
  group.deploy(ALL);
  group.step('host-1');
  group.tell({ type: 'GroupDeleted' });
  assert.equal(group.state().ended?.error?.code, 'DEPLOYMENT_GROUP_MISSING');
});
