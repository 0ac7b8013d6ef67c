/**
 * AWS's own host agent (github.com/aws/aws-codedeploy-agent, 1.8.1), unmodified, against the real server, and in turn
 * with ours on one host. Runs where SLIPWAY_AWS_AGENT names a checkout of it, Ruby and the Debian packages
 * ruby-aws-sdk-core, ruby-aws-sdk-s3, ruby-zip, ruby-logging, ruby-minitar and ruby-concurrent are there.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { bundleOf, createFleet, type Fleet, type FleetHost } from '#test/support/fleet.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

const checkout = process.env['SLIPWAY_AWS_AGENT'];
const skip = checkout ? false : 'wants a checkout of the AWS agent; set SLIPWAY_AWS_AGENT';

/** What the agent's own start script does, without its command line parser and its forking master. */
const LAUNCH = `
$:.unshift File.join(ARGV[0], 'lib')
Dir[File.join(ARGV[0], 'vendor/gems/*/lib')].each { |directory| $:.push directory }
require 'instance_agent'
InstanceAgent::Platform.util = InstanceAgent::LinuxUtil
InstanceAgent::Config.init
InstanceAgent::Config.config(config_file: ARGV[1])
InstanceAgent::Config.load_config
InstanceAgent::Log.init(File.join(InstanceAgent::Config.config[:log_dir], 'agent.log'))
InstanceAgent::Runner::Child.new(0, Process.pid).start
`;

let house: TestHouse;
let directory: string;
let fleet: Fleet;
let host: FleetHost;

before(async () => {
  if (skip) return;
  house = await createTestHouse();
  directory = mkdtempSync(join(tmpdir(), 'slipway-aws-agent-'));
  fleet = await createFleet(house, directory, ['host-1']);
  const [first] = fleet.hosts;
  assert.ok(first);
  host = first;
});
after(async () => {
  if (skip) return;
  await house.close();
  rmSync(directory, { recursive: true, force: true });
});

function startAwsAgent(): ChildProcess {
  const configuration = join(directory, 'agent');
  mkdirSync(configuration, { recursive: true });
  const onPremises = join(configuration, 'onpremises.yml');
  const { accessKeyId, secretAccessKey } = host.credentials;
  writeFileSync(
    onPremises,
    `region: us-east-1\niam_user_arn: ${host.arn}\naws_access_key_id: ${accessKeyId}\naws_secret_access_key: ${secretAccessKey}\n`,
  );
  const main = join(configuration, 'agent.yml');
  // The profile "beta" lets it speak plain HTTP.
  writeFileSync(
    main,
    `---\n:log_dir: '${configuration}'\n:pid_dir: '${configuration}'\n:root_dir: '${host.root}'\n:wait_between_runs: 1\n` +
      `:max_revisions: 5\n:codedeploy_test_profile: beta\n:on_premises_config_file: '${onPremises}'\n` +
      `:deploy_control_endpoint: '${house.endpoint}'\n:s3_endpoint_override: '${house.endpoint}'\n`,
  );
  return spawn('ruby', ['-e', LAUNCH, checkout ?? '', main], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: process.env['PATH'], HOME: configuration },
  });
}

function kill(agent: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    agent.once('exit', () => resolve());
    agent.kill('SIGKILL');
  });
}

/** A version with these files, whose ApplicationStop tells which version was stopped. */
function version(name: string, files: Readonly<Record<string, string>>) {
  const content = Object.entries(files).map(([path, text]) => [`content/${path}`, text]);
  return fleet.bundle(
    `${name}.zip`,
    bundleOf(
      { ApplicationStop: `echo stopped ${name} >> ${directory}/record` },
      Object.fromEntries(content),
      `files:\n  - source: content\n    destination: ${directory}/srv\n`,
    ),
  );
}
const installed = (path: string) => {
  const file = join(directory, 'srv', path);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
};

test('the AWS agent deploys, and tells the reason of a failure', { skip }, async () => {
  const agent = startAwsAgent();
  try {
    const good = await fleet.ended(await fleet.create(await version('v1', { a: 'a1', b: 'b1' })));
    assert.equal(good.status, 'Succeeded', JSON.stringify(good.errorInformation));
    assert.deepEqual([installed('a'), installed('b')], ['a1', 'b1']);
    const failing = bundleOf({ BeforeInstall: 'for i in $(seq 300); do echo line $i; done; exit 7' });
    const deploymentId = await fleet.create(await fleet.bundle('failing.zip', failing));
    assert.equal((await fleet.ended(deploymentId)).status, 'Failed');
    const { deploymentTarget } = await fleet.deploy.getDeploymentTarget({ deploymentId, targetId: 'host-1' });
    const { diagnostics } = deploymentTarget?.instanceTarget?.lifecycleEvents?.[2] ?? {};
    // It completes every failure twice, the second time without a reason; the first one counts.
    assert.equal(diagnostics?.errorCode, 'ScriptFailed');
    assert.match(diagnostics?.message ?? '', /failed with exit code 7/);
    assert.match(diagnostics?.logTail ?? '', /\[stdout\]line 300\n$/);
  } finally {
    await kill(agent);
  }
});

test(
  'a host changes from the AWS agent to ours and back, and every version replaces the last',
  { skip },
  async () => {
    const ours = fleet.startAgent(host);
    const second = await fleet.ended(await fleet.create(await version('v2', { b: 'b2', c: 'c2' })));
    await ours.stop();
    assert.equal(second.status, 'Succeeded', JSON.stringify(second.errorInformation));
    assert.deepEqual([installed('a'), installed('b'), installed('c')], [undefined, 'b2', 'c2']);
    const theirs = startAwsAgent();
    try {
      const third = await fleet.ended(await fleet.create(await version('v3', { c: 'c3', d: 'd3' })));
      assert.equal(third.status, 'Succeeded', JSON.stringify(third.errorInformation));
    } finally {
      await kill(theirs);
    }
    assert.deepEqual([installed('b'), installed('c'), installed('d')], [undefined, 'c3', 'd3']);
    const record = readFileSync(join(directory, 'record'), 'utf8').trim().split('\n');
    assert.deepEqual(record, ['stopped v1', 'stopped v1', 'stopped v2']);
  },
);
