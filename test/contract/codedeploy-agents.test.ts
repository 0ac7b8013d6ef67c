/** In-place deployments from end to end: the real server, real agents on three hosts, real scripts. */

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as Logs from '@aws-sdk/client-cloudwatch-logs';
import { bundleOf, createFleet, type Fleet, type RunningAgent } from '#test/support/fleet.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { cliSkip, runCli } from '#test/support/other-clients.ts';
import { until } from '#test/support/until.ts';

let house: TestHouse;
let directory: string;
let fleet: Fleet;
let agents: RunningAgent[] = [];

before(async () => {
  house = await createTestHouse();
  directory = mkdtempSync(join(tmpdir(), 'slipway-fleet-'));
  fleet = await createFleet(house, directory, ['host-1', 'host-2', 'host-3']);
  agents = fleet.hosts.map((host) => fleet.startAgent(host));
});
after(async () => {
  await Promise.all(agents.map((agent) => agent.stop()));
  await house.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Scripts find their host by where they lie: <root>/<group>/<deployment>/deployment-archive/scripts/x.sh */
const ON_HOST = 'host=$(cd "$(dirname "$0")/../../../.." && pwd)';
const recording = (event: string) => `${ON_HOST}; echo ${event} "$DEPLOYMENT_ID" >> "$host/record"`;
const record = (host: string) => {
  const path = join(directory, host, 'record');
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
};

test('three hosts are deployed to one after another, with every event in order', async () => {
  const revision = await fleet.bundle(
    'good.zip',
    bundleOf({
      ApplicationStop: recording('stop'),
      BeforeInstall: recording('before'),
      ValidateService: recording('validate'),
    }),
  );
  const deploymentId = await fleet.create(revision);
  const info = await fleet.ended(deploymentId);
  assert.equal(info.status, 'Succeeded', JSON.stringify(info.errorInformation));
  assert.deepEqual(info.deploymentOverview, {
    Pending: 0,
    InProgress: 0,
    Succeeded: 3,
    Failed: 0,
    Skipped: 0,
    Ready: 0,
  });
  assert.match(info.revision?.s3Location?.eTag ?? '', /^[0-9a-f]{32}$/);
  for (const host of ['host-1', 'host-2', 'host-3']) {
    assert.deepEqual(record(host), [`before ${deploymentId}`, `validate ${deploymentId}`]);
    assert.deepEqual(await fleet.events(deploymentId, host), [
      'ApplicationStop Succeeded',
      'DownloadBundle Succeeded',
      'BeforeInstall Succeeded',
      'Install Succeeded',
      'AfterInstall Succeeded',
      'ApplicationStart Succeeded',
      'ValidateService Succeeded',
    ]);
  }
  const times = await Promise.all(
    ['host-1', 'host-2', 'host-3'].map(async (targetId) => {
      const { deploymentTarget } = await fleet.deploy.getDeploymentTarget({ deploymentId, targetId });
      const events = deploymentTarget?.instanceTarget?.lifecycleEvents ?? [];
      return [Number(events[0]?.startTime), Number(events[6]?.endTime)] as const;
    }),
  );
  times.sort(([a], [b]) => a - b);
  assert.ok(times.every(([start], index) => index === 0 || start >= (times[index - 1]?.[1] ?? 0)));
});

test('a failing hook stops the deployment, rolls back, and says what the script said', async () => {
  await fleet.deploy.updateDeploymentGroup({
    applicationName: 'App',
    currentDeploymentGroupName: 'Group',
    autoRollbackConfiguration: { enabled: true, events: ['DEPLOYMENT_FAILURE'] },
  });
  const failing = 'for i in $(seq 300); do echo line $i; done; echo reason >&2; exit 7';
  const revision = await fleet.bundle('bad.zip', bundleOf({ AfterInstall: failing }));
  const failedId = await fleet.create(revision);
  const failed = await fleet.ended(failedId);
  assert.equal(failed.status, 'Failed');
  assert.equal(failed.errorInformation?.code, 'HEALTH_CONSTRAINTS');
  assert.equal(failed.deploymentOverview?.Failed, 1);
  assert.equal(failed.deploymentOverview?.Skipped, 2);
  const { rollbackDeploymentId } = failed.rollbackInfo ?? {};
  const rollback = await fleet.ended(rollbackDeploymentId);
  assert.equal(rollback.status, 'Succeeded');
  assert.equal(rollback.creator, 'codeDeployRollback');
  assert.equal(rollback.rollbackInfo?.rollbackTriggeringDeploymentId, failedId);
  assert.equal(rollback.revision?.s3Location?.key, 'good.zip');

  const { targetIds = [] } = await fleet.deploy.listDeploymentTargets({
    deploymentId: failedId,
    targetFilters: { TargetStatus: ['Failed'] },
  });
  const [host = ''] = targetIds;
  const { deploymentTarget } = await fleet.deploy.getDeploymentTarget({
    deploymentId: failedId,
    targetId: host,
  });
  const event = deploymentTarget?.instanceTarget?.lifecycleEvents?.[4];
  assert.equal(event?.diagnostics?.errorCode, 'ScriptFailed');
  assert.equal(event?.diagnostics?.scriptName, 'scripts/AfterInstall.sh');
  assert.match(event?.diagnostics?.message ?? '', /failed with exit code 7/);
  assert.match(event?.diagnostics?.logTail ?? '', /\[stderr\]reason\n$/);
  assert.ok((event?.diagnostics?.logTail ?? '').length <= 2048);
  const logs = new Logs.CloudWatchLogs({ ...house, credentials: house.credentials });
  const { events = [] } = await logs.getLogEvents({
    logGroupName: '/aws/codedeploy/App/Group',
    logStreamName: `${failedId}/${host}`,
    startFromHead: true,
  });
  const lines = events.map(({ message }) => message);
  assert.equal(lines.filter((line) => line?.startsWith('[stdout]line ')).length, 300);
  assert.ok(lines.includes('[stderr]reason'));
});

test('a stop lets the running event finish, leaves the other hosts alone, and is told once', async () => {
  const gate = join(directory, 'gate');
  const revision = await fleet.bundle(
    'slow.zip',
    bundleOf({ BeforeInstall: `touch ${gate}.began; while [ ! -e ${gate} ]; do sleep 0.05; done` }),
  );
  const deploymentId = await fleet.create(revision);
  await until('the script', 20_000, () => existsSync(`${gate}.began`) || undefined);
  const refused = fleet.create(revision);
  await assert.rejects(refused, (error: Error) => {
    assert.equal(error.name, 'DeploymentLimitExceededException');
    assert.match(error.message, new RegExp(`'Group' already has an active Deployment '${deploymentId}'`));
    return true;
  });
  const stop = () => fleet.deploy.stopDeployment({ deploymentId, autoRollbackEnabled: false });
  assert.equal((await stop()).status, 'Pending');
  writeFileSync(gate, '');
  const info = await fleet.ended(deploymentId);
  assert.equal(info.status, 'Stopped');
  assert.equal(info.errorInformation?.code, 'MANUAL_STOP');
  assert.equal(info.deploymentOverview?.Skipped, 3);
  await assert.rejects(stop(), { name: 'DeploymentAlreadyCompletedException' });
});

test('AllAtOnce deploys to all hosts at the same time', async () => {
  const meeting = join(directory, 'meeting');
  const wait = `${ON_HOST}; touch "${meeting}.$(basename "$host")"; while [ "$(ls ${meeting}.* | wc -l)" -lt 3 ]; do sleep 0.02; done`;
  const revision = await fleet.bundle('meet.zip', bundleOf({ BeforeInstall: wait }));
  const info = await fleet.ended(
    await fleet.create(revision, { deploymentConfigName: 'CodeDeployDefault.AllAtOnce' }),
  );
  assert.equal(info.status, 'Succeeded');
});

test('hooks see the deployment and none of the credentials', async () => {
  const print = `${ON_HOST}; env > "$host/environment"`;
  const revision = await fleet.bundle('env.zip', bundleOf({ AfterInstall: print }));
  const deploymentId = await fleet.create(revision, {
    deploymentConfigName: 'CodeDeployDefault.AllAtOnce',
  });
  const info = await fleet.ended(deploymentId);
  const text = readFileSync(join(directory, 'host-1', 'environment'), 'utf8');
  assert.match(text, new RegExp(`^DEPLOYMENT_ID=${deploymentId}$`, 'm'));
  assert.match(text, /^LIFECYCLE_EVENT=AfterInstall$/m);
  assert.match(text, new RegExp(`^BUNDLE_ETAG="${info.revision?.s3Location?.eTag}"$`, 'm'));
  assert.doesNotMatch(text, /AWS_|SECRET/);
});

test('the AWS CLI waits for a deployment until it has succeeded', { skip: cliSkip }, async () => {
  const revision = await fleet.bundle('cli.zip', bundleOf({}));
  const deploymentId = await fleet.create(revision, {
    deploymentConfigName: 'CodeDeployDefault.AllAtOnce',
  });
  await fleet.ended(deploymentId);
  const wait = ['deploy', 'wait', 'deployment-successful', '--deployment-id', deploymentId];
  const { code, stderr } = await runCli(house.endpoint, house.credentials, ...wait);
  assert.equal(code, 0, stderr);
});

test('nothing of commands is left on the hosts', async () => {
  for (const { root } of fleet.hosts) {
    await until('the end of commands', 5_000, () =>
      readdirSync(join(root, 'slipway/commands')).length === 0 ? true : undefined,
    );
    assert.deepEqual(readdirSync(join(root, 'ongoing-deployment')), []);
  }
});
