/** CodeDeploy §10: scenarios 45 and 46, deployments under alarms, with real agents and real alarms. */

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CloudWatch, type StateValue } from '@aws-sdk/client-cloudwatch';
import type { AlarmConfiguration, RevisionLocation } from '@aws-sdk/client-codedeploy';
import { bundleOf, createFleet, type Fleet, type RunningAgent } from '#test/support/fleet.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';
import { until } from '#test/support/until.ts';

const UNTIL_MS = 20_000;
/** Little more than the time between two looks at the alarms; clients still sign in time. */
const POLL_MS = 10_001;
const clock = createMovableClock();
let house: TestHouse;
let directory: string;
let fleet: Fleet;
let agents: RunningAgent[] = [];
let cloudwatch: CloudWatch;
let good: RevisionLocation;

before(async () => {
  house = await createTestHouse({ clock });
  directory = mkdtempSync(join(tmpdir(), 'slipway-alarms-'));
  fleet = await createFleet(house, directory, ['host-1', 'host-2']);
  agents = fleet.hosts.map((host) => fleet.startAgent(host));
  const { endpoint, region, credentials } = house;
  cloudwatch = new CloudWatch({ endpoint, region, credentials });
  await cloudwatch.putMetricAlarm({
    ...{ AlarmName: 'hot', Namespace: 'n', MetricName: 'm', Statistic: 'Sum', Period: 86_400 },
    ...{ EvaluationPeriods: 1, Threshold: 1, ComparisonOperator: 'GreaterThanThreshold' },
    TreatMissingData: 'ignore',
  });
  await cloudwatch.putCompositeAlarm({ AlarmName: 'whole', AlarmRule: 'ALARM(hot)' });
  await permit(true);
  good = await fleet.bundle('good.zip', bundleOf({ AfterInstall: 'true' }));
  assert.equal((await fleet.ended(await fleet.create(good))).status, 'Succeeded');
});
after(async () => {
  await Promise.all(agents.map((agent) => agent.stop()));
  await house.close();
  rmSync(directory, { recursive: true, force: true });
});

async function permit(isPermitted: boolean): Promise<void> {
  const on = { RoleName: fleet.names.role, PolicyName: 'alarms' };
  if (!isPermitted) return void (await fleet.iam.deleteRolePolicy(on));
  const Statement = [{ Effect: 'Allow', Action: 'cloudwatch:DescribeAlarms', Resource: '*' }];
  await fleet.iam.putRolePolicy({
    ...on,
    PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement }),
  });
}

async function set(StateValue: StateValue, AlarmName = 'hot'): Promise<void> {
  await cloudwatch.setAlarmState({ AlarmName, StateValue, StateReason: 'a test' });
}

const watched = (...names: string[]): AlarmConfiguration => ({
  enabled: true,
  ignorePollAlarmFailure: false,
  alarms: names.map((name) => ({ name })),
});

async function configure(alarmConfiguration: AlarmConfiguration, events: string[] = []): Promise<void> {
  await fleet.deploy.updateDeploymentGroup({
    applicationName: 'App',
    currentDeploymentGroupName: 'Group',
    alarmConfiguration,
    autoRollbackConfiguration: { enabled: events.length > 0, events: events as 'DEPLOYMENT_FAILURE'[] },
  });
}

test('alarms of a group are kept, shown and checked', async () => {
  await configure(watched('hot', 'whole'));
  const shown = async () => {
    const names = { applicationName: 'App', deploymentGroupName: 'Group' };
    return (await fleet.deploy.getDeploymentGroup(names)).deploymentGroupInfo?.alarmConfiguration;
  };
  assert.deepEqual(await shown(), watched('hot', 'whole'));
  await fleet.deploy.updateDeploymentGroup({
    applicationName: 'App',
    currentDeploymentGroupName: 'Group',
    outdatedInstancesStrategy: 'UPDATE',
  });
  assert.deepEqual(await shown(), watched('hot', 'whole'));
  const refused = (configuration: AlarmConfiguration, name: string) =>
    assert.rejects(configure(configuration), { name });
  await refused(watched(), 'InvalidAlarmConfigException');
  await refused(watched('a', 'a'), 'InvalidAlarmConfigException');
  await refused(watched('x'.repeat(256)), 'InvalidAlarmConfigException');
  await refused(watched(...Array.from({ length: 11 }, (_, i) => `a${i}`)), 'AlarmsLimitExceededException');
  await configure({ enabled: false, alarms: [{ name: 'hot' }] });
  assert.deepEqual(await shown(), { ...watched('hot'), enabled: false });
});

test('scenario 45: an alarm that is active before the start stops; an override lets it run', async () => {
  await configure(watched('whole'), ['DEPLOYMENT_STOP_ON_ALARM']);
  await set('ALARM');
  await until('the composed alarm', UNTIL_MS, async () => {
    const { CompositeAlarms = [] } = await cloudwatch.describeAlarms({ AlarmTypes: ['CompositeAlarm'] });
    return CompositeAlarms[0]?.StateValue === 'ALARM' ? true : undefined;
  });
  const stopped = await fleet.ended(await fleet.create(good));
  assert.deepEqual([stopped.status, stopped.errorInformation?.code], ['Stopped', 'ALARM_ACTIVE']);
  assert.match(stopped.errorInformation?.message ?? '', /Activated alarms: <whole>$/);
  assert.match(stopped.rollbackInfo?.rollbackMessage ?? '', /no host has been touched/);
  const overrideAlarmConfiguration = { enabled: false, alarms: [] };
  const overridden = await fleet.ended(await fleet.create(good, { overrideAlarmConfiguration }));
  assert.equal(overridden.status, 'Succeeded');
  assert.equal(overridden.overrideAlarmConfiguration?.enabled, false);
  const instead = { overrideAlarmConfiguration: watched('hot') };
  await configure({ enabled: false, alarms: [] });
  assert.equal((await fleet.ended(await fleet.create(good, instead))).status, 'Stopped');
  await set('OK');
  assert.equal((await fleet.ended(await fleet.create(good, instead))).status, 'Succeeded');
});

test('an alarm on the way stops after the running event, and the group rolls back', async () => {
  await configure(watched('hot'), ['DEPLOYMENT_STOP_ON_ALARM']);
  const [began, goOn] = [join(directory, 'began'), join(directory, 'go-on')];
  const script = `touch ${began}; while [ ! -e ${goOn} ]; do sleep 0.05; done`;
  const slow = await fleet.bundle('slow.zip', bundleOf({ BeforeInstall: script }));
  const deploymentId = await fleet.create(slow);
  await until('the script to begin', UNTIL_MS, () => (existsSync(began) ? true : undefined));
  clock.advance(POLL_MS);
  await set('ALARM');
  await until('the alarm to be seen', UNTIL_MS, async () => {
    clock.advance(1000);
    const { deploymentTargets = [] } = await fleet.deploy.batchGetDeploymentTargets({
      deploymentId,
      targetIds: ['host-1', 'host-2'],
    });
    return deploymentTargets.some((each) => each.instanceTarget?.status === 'Skipped') ? true : undefined;
  });
  assert.equal((await fleet.read(deploymentId)).status, 'InProgress', 'the script still runs');
  writeFileSync(goOn, '');
  const stopped = await fleet.ended(deploymentId);
  assert.deepEqual([stopped.status, stopped.errorInformation?.code], ['Stopped', 'ALARM_ACTIVE']);
  assert.equal(stopped.deploymentOverview?.Skipped, 2);
  const rollback = await fleet.ended(stopped.rollbackInfo?.rollbackDeploymentId);
  assert.deepEqual([rollback.status, rollback.creator], ['Succeeded', 'codeDeployRollback']);
  assert.equal(rollback.revision?.s3Location?.key, 'good.zip');
  await set('OK');
});

test('scenario 46: alarms that cannot be read stop, unless that is to be ignored', async () => {
  const ignoring = { ignorePollAlarmFailure: true };
  const end = async (configuration: AlarmConfiguration) => {
    await configure(configuration);
    const { status, errorInformation } = await fleet.ended(await fleet.create(good));
    return [status, errorInformation?.code];
  };
  await permit(false);
  assert.deepEqual(await end(watched('hot')), ['Stopped', 'IAM_ROLE_PERMISSIONS']);
  assert.deepEqual(await end({ ...watched('hot'), ...ignoring }), ['Succeeded', undefined]);
  await permit(true);
  assert.deepEqual(await end(watched('hot', 'none')), ['Stopped', 'CODEDEPLOY_RESOURCE_CANNOT_BE_FOUND']);
  assert.deepEqual(await end({ ...watched('hot', 'none'), ...ignoring }), ['Succeeded', undefined]);
});

test('who may deploy, but not change the group, cannot take its alarms away', async () => {
  const { iam } = fleet;
  await iam.createUser({ UserName: 'deployer' });
  const Action = ['codedeploy:CreateDeployment', 'codedeploy:Get*', 'codedeploy:Register*'];
  await iam.putUserPolicy({
    UserName: 'deployer',
    PolicyName: 'deploy',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action, Resource: '*' }],
    }),
  });
  const { User } = await iam.getUser({ UserName: 'deployer' });
  const { account, slipway } = house;
  const principal = {
    type: 'user',
    account,
    userName: 'deployer',
    userId: User?.UserId ?? '',
    arn: User?.Arn ?? '',
  } as const;
  const start = { applicationName: 'App', deploymentGroupName: 'Group', revision: good };
  const deployer = slipway.house.trust.as(principal);
  await assert.rejects(
    deployer.send('codedeploy:CreateDeployment', {
      ...start,
      overrideAlarmConfiguration: { enabled: false },
    }),
    /codedeploy:UpdateDeploymentGroup/,
  );
});
