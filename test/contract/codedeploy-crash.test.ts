/** What must survive: the agent killed in the middle of a hook, the server killed in the middle of a deployment. */

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as Logs from '@aws-sdk/client-cloudwatch-logs';
import { bundleOf, createFleet, type Fleet, type FleetHost, type Place } from '#test/support/fleet.ts';
import { createServerProcess, type ServerProcess } from '#test/support/server.ts';
import { until } from '#test/support/until.ts';

let directory: string;
let server: ServerProcess;
let place: Place;
let fleet: Fleet;
let host: FleetHost;
const agents = new Set<ChildProcess>();

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'slipway-crash-'));
  server = await createServerProcess(join(directory, 'data'));
  await server.start();
  const text = readFileSync(join(directory, 'data', 'credentials'), 'utf8');
  const [, accessKeyId = ''] = /aws_access_key_id\s*=\s*(\S+)/.exec(text) ?? [];
  const [, secretAccessKey = ''] = /aws_secret_access_key\s*=\s*(\S+)/.exec(text) ?? [];
  place = { endpoint: server.url, region: 'us-east-1', credentials: { accessKeyId, secretAccessKey } };
  fleet = await createFleet(place, directory, ['host-1']);
  const [first] = fleet.hosts;
  assert.ok(first);
  host = first;
});
after(async () => {
  for (const agent of agents) await kill(agent);
  await server.kill();
  rmSync(directory, { recursive: true, force: true });
});

function startAgent(): ChildProcess {
  const agent = fleet.spawnAgent(host);
  agents.add(agent);
  return agent;
}

function kill(agent: ChildProcess): Promise<void> {
  agents.delete(agent);
  return new Promise((resolve) => {
    if (agent.exitCode !== null || agent.signalCode !== null) return resolve();
    agent.once('exit', () => resolve());
    agent.kill('SIGKILL');
  });
}

/** A hook that says when it begins, waits for its gate, and says when it ends. */
function gatedHook(name: string) {
  const path = join(directory, name);
  return {
    script: `echo began; echo began >> ${path}.log; while [ ! -e ${path} ]; do sleep 0.05; done; echo ended; echo ended >> ${path}.log`,
    began: () => until('the hook', 20_000, () => (existsSync(`${path}.log`) ? true : undefined)),
    open: () => writeFileSync(path, ''),
    lines: () => readFileSync(`${path}.log`, 'utf8').trim().split('\n'),
  };
}

test('an agent that is killed in the middle of a hook waits for it after its restart, and reports once', async () => {
  const hook = gatedHook('agent-killed');
  const agent = startAgent();
  const revision = await fleet.bundle('agent.zip', bundleOf({ ApplicationStart: hook.script }));
  const deploymentId = await fleet.create(revision);
  await hook.began();
  await kill(agent);
  const again = startAgent();
  hook.open();
  const info = await fleet.ended(deploymentId);
  assert.equal(info.status, 'Succeeded');
  assert.deepEqual(hook.lines(), ['began', 'ended']);
  const logs = new Logs.CloudWatchLogs({ ...place });
  const { events = [] } = await logs.getLogEvents({
    logGroupName: '/aws/codedeploy/App/Group',
    logStreamName: `${deploymentId}/host-1`,
    startFromHead: true,
  });
  const said = events.map(({ message }) => message).filter((line) => line?.startsWith('[stdout]'));
  assert.deepEqual(said, ['[stdout]began', '[stdout]ended']);
  await kill(again);
});

test('a hook that ends while no agent is there is reported by the next one', async () => {
  const hook = gatedHook('agent-away');
  const agent = startAgent();
  const revision = await fleet.bundle('away.zip', bundleOf({ ApplicationStart: `${hook.script}; exit 3` }));
  const deploymentId = await fleet.create(revision);
  await hook.began();
  await kill(agent);
  hook.open();
  await until('the end of the hook', 10_000, () => (hook.lines().length === 2 ? true : undefined));
  const again = startAgent();
  const info = await fleet.ended(deploymentId);
  assert.equal(info.status, 'Failed');
  const { deploymentTarget } = await fleet.deploy.getDeploymentTarget({ deploymentId, targetId: 'host-1' });
  const event = deploymentTarget?.instanceTarget?.lifecycleEvents?.[5];
  assert.match(event?.diagnostics?.message ?? '', /failed with exit code 3/);
  assert.match(event?.diagnostics?.logTail ?? '', /\[stdout\]began\n\[stdout\]ended\n$/);
  await kill(again);
});

test('a server that is killed while a hook runs finishes the deployment under the same id, and nothing runs twice', async () => {
  const hook = gatedHook('server-killed');
  startAgent();
  const revision = await fleet.bundle('server.zip', bundleOf({ BeforeInstall: hook.script }));
  const deploymentId = await fleet.create(revision);
  await hook.began();
  const before_ = await fleet.read(deploymentId);
  await server.kill();
  hook.open();
  await until('the end of the hook', 10_000, () => (hook.lines().length === 2 ? true : undefined));
  await server.start();
  const info = await fleet.ended(deploymentId, 60_000);
  assert.equal(info.status, 'Succeeded');
  assert.deepEqual(info.startTime, before_.startTime);
  assert.deepEqual(hook.lines(), ['began', 'ended']);
});

test('a server that is killed again and again at any moment of a deployment loses and repeats nothing', async () => {
  const path = join(directory, 'often');
  const count = (event: string) => `echo ${event} >> ${path}`;
  const events = ['BeforeInstall', 'AfterInstall', 'ApplicationStart', 'ValidateService'];
  const revision = await fleet.bundle(
    'often.zip',
    bundleOf(Object.fromEntries(events.map((event) => [event, count(event)]))),
  );
  const deploymentId = await fleet.create(revision);
  for (let life = 0; life < 4; life++) {
    await server.kill();
    await server.start();
  }
  const info = await fleet.ended(deploymentId, 90_000);
  assert.equal(info.status, 'Succeeded');
  assert.deepEqual(readFileSync(path, 'utf8').trim().split('\n'), events);
});
