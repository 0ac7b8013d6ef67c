/** Attacks on deployments: a host that speaks for another, that lies, that comes twice, or that should be dead. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Principal } from '#core/policy/principal.ts';
import { type Fleet, type FleetHost, bundleOf, createFleet } from '#test/support/fleet.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

const UNTIL_MS = 20_000;

let house: TestHouse;
let directory: string;
let fleet: Fleet;
let good: FleetHost;
let bad: FleetHost;
before(async () => {
  house = await createTestHouse();
  directory = mkdtempSync(join(tmpdir(), 'slipway-attack-'));
  fleet = await createFleet(house, directory, ['good', 'bad'], {
    deploymentConfigName: 'CodeDeployDefault.AllAtOnce',
  });
  const [first, second] = fleet.hosts;
  assert.ok(first && second);
  [good, bad] = [first, second];
});
after(async () => {
  await house.close();
  rmSync(directory, { recursive: true, force: true });
});

const who = async (host: FleetHost): Promise<Principal> =>
  (await house.slipway.house.trust.identify(host.credentials.accessKeyId, undefined)).principal;
/** Speaks the agents' protocol under the credentials of this host, whatever it says. */
const as = async (host: FleetHost) => house.slipway.house.trust.as(await who(host));

async function poll(host: FleetHost) {
  const caller = await as(host);
  return until(`a command for ${host.name}`, UNTIL_MS, async () => {
    const { HostCommand } = await caller.send('codedeploy-commands:PollHostCommand', {
      HostIdentifier: host.arn,
    });
    return HostCommand;
  });
}

const refused = (work: Promise<unknown>) => assert.rejects(work, { code: 'ClientException' });

test('a host polls, reads and completes for itself only, and what it says counts once', async () => {
  const deploymentId = await fleet.create(await fleet.bundle('one.zip', bundleOf({})));
  const theirs = await poll(good);
  const mine = await poll(bad);
  const caller = await as(bad);
  for (const HostIdentifier of [good.arn, good.arn.toUpperCase(), 'good', '', '*', `${bad.arn}/../good`])
    await refused(caller.send('codedeploy-commands:PollHostCommand', { HostIdentifier }));
  const specification = { HostIdentifier: good.arn, DeploymentExecutionId: theirs.DeploymentExecutionId };
  await refused(caller.send('codedeploy-commands:GetDeploymentSpecification', specification));
  const id = theirs.HostCommandIdentifier ?? '';
  const own = Buffer.from(mine.HostCommandIdentifier ?? '', 'base64url').toString();
  const forge = (from: string | RegExp, to: string) =>
    Buffer.from(own.replace(from, to)).toString('base64url');
  const identifiers = [
    id,
    `${id} `,
    `${mine.HostCommandIdentifier}\n${id}`,
    forge(/bad$/, 'good'),
    forge(/bad$/, '../good'),
    forge(/^[0-9a-f-]+/, '00000000-0000-0000-0000-000000000000'),
    forge(/ApplicationStop/, 'Everything'),
    'x',
    '{}',
  ];
  for (const HostCommandIdentifier of identifiers) {
    await assert.rejects(
      caller.send('codedeploy-commands:PutHostCommandComplete', {
        HostCommandIdentifier,
        CommandStatus: 'Succeeded',
      }),
      HostCommandIdentifier,
    );
  }
  // Of its own, but a later one, which was never ordered: nothing happens.
  await caller.send('codedeploy-commands:PutHostCommandComplete', {
    HostCommandIdentifier: forge(/ApplicationStop/, 'ValidateService'),
    CommandStatus: 'Succeeded',
  });
  assert.ok(!(await fleet.events(deploymentId, 'bad')).includes('ValidateService Succeeded'));
  const events = await fleet.events(deploymentId, 'good');
  assert.ok(!events.some((event) => event.endsWith(' Failed')), events.join());
  // It fails once, and does not succeed afterwards.
  const complete = (CommandStatus: 'Succeeded' | 'Failed') =>
    caller.send('codedeploy-commands:PutHostCommandComplete', {
      HostCommandIdentifier: mine.HostCommandIdentifier,
      CommandStatus,
      Diagnostics: {
        Format: 'JSON',
        Payload: JSON.stringify({
          error_code: 4,
          script_name: 'x',
          message: 'line\n\u001b[31m"$(id)',
          log: '',
        }),
      },
    });
  await caller.send('codedeploy-commands:PutHostCommandAcknowledgement', {
    HostCommandIdentifier: mine.HostCommandIdentifier,
  });
  await complete('Failed');
  await complete('Succeeded');
  await complete('Succeeded');
  const status = (await fleet.deploy.getDeploymentTarget({ deploymentId, targetId: 'bad' })).deploymentTarget;
  assert.equal(status?.instanceTarget?.status, 'Failed');
  await fleet.deploy.stopDeployment({ deploymentId });
});

test('a host that was deregistered, or whose user is gone, is nobody', async () => {
  const principal = await who(good);
  const caller = house.slipway.house.trust.as(principal);
  await fleet.deploy.deregisterOnPremisesInstance({ instanceName: 'good' });
  await refused(caller.send('codedeploy-commands:PollHostCommand', { HostIdentifier: good.arn }));
  await fleet.deploy.registerOnPremisesInstance({ instanceName: 'again', iamUserArn: good.arn });
  const UserName = 'good';
  await fleet.iam.deleteUserPolicy({ UserName, PolicyName: 'bundles' });
  await fleet.iam.deleteAccessKey({ UserName, AccessKeyId: good.credentials.accessKeyId });
  await fleet.iam.deleteUser({ UserName });
  await assert.rejects(caller.send('codedeploy-commands:PollHostCommand', { HostIdentifier: good.arn }), {
    code: 'UnrecognizedClientException',
  });
});
