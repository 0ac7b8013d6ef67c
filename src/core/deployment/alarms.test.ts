/** Alarms that stop deployments, before they start and on their way, and the rollback that follows. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGroupFixture, hostNames, workOff } from './fixture.ts';
import type { AlarmReading, DeploymentSettings } from './state.ts';

const ONE_AT_A_TIME = { type: 'MOST_CONCURRENCY', value: 1 } as const;
const POLL_MS = 10_000;
const alarms = (ignoresPollFailure: boolean): Partial<DeploymentSettings> => ({
  alarms: { names: ['hot', 'slow'], ignoresPollFailure },
  autoRollbackEvents: ['DEPLOYMENT_STOP_ON_ALARM'],
});
const FAILURE = { code: 'IAM_ROLE_PERMISSIONS', message: 'not allowed' };

function createFixture(change: Partial<DeploymentSettings>) {
  const group = createGroupFixture(hostNames(3));
  group.deploy(ONE_AT_A_TIME);
  workOff(group, () => false);
  const deploymentId = group.deploy(ONE_AT_A_TIME, change);
  const checks = () => group.orders.filter((order) => order.type === 'CheckAlarms').length;
  return {
    group,
    deploymentId,
    checks,
    /** Lets the next reading become due, and answers it. */
    check(reading: AlarmReading): void {
      const before = checks();
      group.advance(POLL_MS);
      group.tell({ type: 'TimePassed' });
      assert.equal(checks(), before + 1);
      group.tell({ type: 'AlarmsChecked', deploymentId, alarms: reading });
    },
    ended: () => group.state().ended,
  };
}

test('alarms are read every ten seconds, and quiet ones change nothing', () => {
  const { group, check, checks, ended } = createFixture(alarms(false));
  for (let i = 0; i < 3; i++) {
    check({ active: [] });
    group.step('host-1');
  }
  group.tell({ type: 'TimePassed' });
  assert.equal(checks(), 3);
  workOff(group, () => false);
  assert.equal(ended()?.status, 'Succeeded');
});

test('without alarms nobody asks for any', () => {
  const { group, checks } = createFixture({});
  group.advance(60_000);
  group.tell({ type: 'TimePassed' });
  assert.equal(checks(), 0);
});

test('an alarm stops: what runs ends, nothing more begins, and the group rolls back', () => {
  const { group, deploymentId, check, ended } = createFixture(alarms(true));
  group.step(group.busy()[0] ?? '');
  const host = group.busy()[0] ?? '';
  const command = group.state().active?.targets.find((target) => target.host === host)?.command;
  assert.ok(command);
  const name = { deploymentId, host, event: command.event };
  group.tell({ type: 'CommandPolled', ...name });
  group.tell({ type: 'CommandAcknowledged', token: undefined, ...name });
  check({ active: ['hot'] });
  assert.equal(group.state().active?.deploymentId, deploymentId, 'the running event is awaited');
  group.tell({ type: 'CommandCompleted', isSuccess: true, diagnostics: undefined, ...name });
  const stopped = ended();
  assert.deepEqual([stopped?.status, stopped?.error?.code], ['Stopped', 'ALARM_ACTIVE']);
  assert.match(stopped?.error?.message ?? '', /Activated alarms: <hot>$/);
  assert.deepEqual(
    stopped?.targets.map(({ status }) => status),
    ['Skipped', 'Skipped', 'Skipped'],
  );
  const rollback = group.state().active;
  assert.equal(rollback?.creator, 'codeDeployRollback');
  assert.equal(rollback?.deploymentId, stopped?.rollback?.rollbackDeploymentId);
  assert.deepEqual([rollback?.settings.alarms, rollback?.alarmsDueAt], [undefined, undefined]);
  workOff(group, () => false);
  assert.deepEqual([ended()?.status, ended()?.creator], ['Succeeded', 'codeDeployRollback']);
});

test('no rollback follows where none is wished for, or no host was touched', () => {
  const unwished = createFixture({ ...alarms(true), autoRollbackEvents: ['DEPLOYMENT_FAILURE'] });
  unwished.group.step(unwished.group.busy()[0] ?? '');
  unwished.check({ active: ['hot'] });
  assert.deepEqual([unwished.ended()?.status, unwished.group.state().active], ['Stopped', undefined]);
  const untouched = createFixture(alarms(true));
  untouched.check({ active: ['hot'] });
  assert.match(untouched.ended()?.rollback?.rollbackMessage ?? '', /no host has been touched/);
});

test('alarms that cannot be read stop, unless that is to be ignored', () => {
  const strict = createFixture(alarms(false));
  strict.check({ active: [], failure: FAILURE });
  assert.deepEqual(
    [strict.ended()?.status, strict.ended()?.error],
    [
      'Stopped',
      {
        code: 'IAM_ROLE_PERMISSIONS',
        message: 'The deployment was stopped because its alarms could not be read: not allowed',
      },
    ],
  );
  const lenient = createFixture(alarms(true));
  lenient.check({ active: [], failure: FAILURE });
  lenient.check({ active: [], failure: FAILURE });
  assert.equal(lenient.group.state().active?.status, 'InProgress');
  lenient.check({ active: ['slow'], failure: FAILURE });
  assert.equal(lenient.ended()?.error?.code, 'ALARM_ACTIVE');
  const broken = createFixture(alarms(false));
  broken.group.advance(POLL_MS);
  broken.group.tell({ type: 'TimePassed' });
  const effect = broken.group.orders.at(-1);
  broken.group.tell({ type: 'EffectFailed', effectType: 'CheckAlarms', effect, message: 'gone' } as never);
  assert.equal(broken.ended()?.error?.code, 'INTERNAL_ERROR');
});

test('an alarm that is active already keeps a deployment from its hosts', () => {
  const start = (reading: AlarmReading, ignoresPollFailure: boolean) => {
    const group = createGroupFixture(hostNames(2), () => reading);
    group.deploy(ONE_AT_A_TIME, alarms(ignoresPollFailure));
    const { active, ended } = group.state();
    return active ? active.status : [ended?.status, ended?.error?.code, ended?.targets.length];
  };
  assert.deepEqual(start({ active: ['hot'] }, true), ['Stopped', 'ALARM_ACTIVE', 0]);
  assert.deepEqual(start({ active: [], failure: FAILURE }, false), ['Stopped', 'IAM_ROLE_PERMISSIONS', 0]);
  assert.equal(start({ active: [], failure: FAILURE }, true), 'InProgress');
  assert.equal(start({ active: [] }, false), 'InProgress');
});

test('what is told of another deployment, or after the end, changes nothing', () => {
  const { group, deploymentId } = createFixture(alarms(false));
  const state = group.state();
  group.tell({ type: 'AlarmsChecked', deploymentId: 'd-OTHER', alarms: { active: ['hot'] } });
  assert.equal(group.state(), state);
  group.tell({ type: 'StopRequested', deploymentId, autoRollback: false });
  const stopped = group.state();
  group.tell({ type: 'AlarmsChecked', deploymentId, alarms: { active: ['hot'] } });
  assert.equal(group.state(), stopped);
});
