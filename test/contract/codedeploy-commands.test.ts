/** The protocol of deploy agents, call by call, as an agent that is not ours would speak it. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openEnvelope } from '#agent/envelope.ts';
import { isFault } from '#base/fault.ts';
import { createJsonClient } from '#wire/json-client.ts';
import { bundleOf, createFleet, type Fleet, type FleetHost } from '#test/support/fleet.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

interface Polled {
  readonly HostCommandIdentifier: string;
  readonly HostIdentifier: string;
  readonly DeploymentExecutionId: string;
  readonly CommandName: string;
}

let house: TestHouse;
let directory: string;
let fleet: Fleet;
let one: FleetHost;
let two: FleetHost;

before(async () => {
  house = await createTestHouse();
  directory = mkdtempSync(join(tmpdir(), 'slipway-commands-'));
  fleet = await createFleet(house, directory, ['host-1', 'host-2'], {
    deploymentConfigName: 'CodeDeployDefault.AllAtOnce',
  });
  const [first, second] = fleet.hosts;
  assert.ok(first && second);
  [one, two] = [first, second];
});
after(async () => {
  await house.close();
  rmSync(directory, { recursive: true, force: true });
});

function agentOf(
  host: FleetHost,
  prefix = 'CodeDeployCommandService_v20141006',
  name = 'codedeploy-commands',
) {
  const client = createJsonClient({
    endpoint: house.endpoint,
    region: house.region,
    credentials: host.credentials,
    signingName: name,
    targetPrefix: prefix,
    timeoutMs: 30_000,
  });
  return {
    poll: async (identifier = host.arn) =>
      (await client.send('PollHostCommand', { HostIdentifier: identifier }))['HostCommand'] as
        Polled | undefined,
    send: (operation: string, input: object) => client.send(operation, input),
    acknowledge: async (id: string, payload: object = { IsCommandNoop: false }) =>
      (
        await client.send('PutHostCommandAcknowledgement', {
          HostCommandIdentifier: id,
          Diagnostics: { Format: 'JSON', Payload: JSON.stringify(payload) },
        })
      )['CommandStatus'],
    complete: (id: string, status: string, payload: object = { error_code: 0 }) =>
      client.send('PutHostCommandComplete', {
        HostCommandIdentifier: id,
        CommandStatus: status,
        Diagnostics: { Format: 'JSON', Payload: JSON.stringify(payload) },
      }),
  };
}

const refused = (work: Promise<unknown>, message: RegExp) =>
  assert.rejects(work, (error) => {
    assert.ok(isFault(error, 'ClientException'), String(error));
    assert.match(error.message, message);
    return true;
  });

async function deployed(): Promise<string> {
  return fleet.create(await fleet.bundle('app.zip', bundleOf({})));
}

test('a held poll is answered at once when something is due', async () => {
  const polling = agentOf(one).poll();
  const began = Date.now();
  const deploymentId = await deployed();
  const command = await polling;
  assert.ok(Date.now() - began < 4_000, 'not only when the server looks by itself');
  assert.equal(command?.CommandName, 'ApplicationStop');
  assert.equal(command?.HostIdentifier, one.arn);
  assert.match(
    command?.DeploymentExecutionId ?? '',
    new RegExp(`^123456789012/[^/]+/[^/]+/${deploymentId}$`),
  );

  const { DeploymentSystem, DeploymentSpecification } = await agentOf(one).send(
    'GetDeploymentSpecification',
    {
      DeploymentExecutionId: command?.DeploymentExecutionId,
      HostIdentifier: one.arn,
    },
  );
  assert.equal(DeploymentSystem, 'CodeDeploy');
  const { GenericEnvelope } = DeploymentSpecification as {
    GenericEnvelope: { Format: string; Payload: string };
  };
  assert.equal(GenericEnvelope.Format, 'PKCS7/JSON');
  const specification = JSON.parse(openEnvelope(GenericEnvelope.Payload).content) as Record<string, unknown>;
  const { deploymentInfo } = await fleet.deploy.getDeployment({ deploymentId });
  assert.equal(specification['DeploymentId'], deploymentId);
  assert.equal(specification['DeploymentGroupName'], 'Group');
  assert.deepEqual(specification['Revision'], {
    RevisionType: 'S3',
    S3Revision: {
      Bucket: 'fleet-bundles',
      Key: 'app.zip',
      BundleType: 'zip',
      ETag: `"${deploymentInfo?.revision?.s3Location?.eTag}"`,
    },
  });

  // The rest of the deployment: every event of both hosts, one after another.
  await agentOf(one).acknowledge(command?.HostCommandIdentifier ?? '');
  await agentOf(one).complete(command?.HostCommandIdentifier ?? '', 'Succeeded');
  for (const host of [one, two]) {
    const agent = agentOf(host, 'CodeDeployCommandService', 'codedeploy-commands-secure');
    for (let events = host === one ? 6 : 7; events > 0; events--) {
      const next = await agent.poll();
      assert.equal(await agent.acknowledge(next?.HostCommandIdentifier ?? ''), 'InProgress');
      await agent.complete(next?.HostCommandIdentifier ?? '', 'Succeeded');
    }
  }
  assert.equal((await fleet.ended(deploymentId)).status, 'Succeeded');
});

test('the next event is not handed out before the last one is completed, and a command is executed by one agent', async () => {
  const deploymentId = await deployed();
  const agent = agentOf(one);
  const command = await agent.poll();
  const id = command?.HostCommandIdentifier ?? '';
  assert.equal(await agent.acknowledge(id), 'InProgress');
  assert.equal(await agent.acknowledge(id), 'Succeeded', 'a second agent drops it');
  const controller = agentOf(one).poll();
  const early = await Promise.race([controller, new Promise((resolve) => setTimeout(resolve, 300, 'held'))]);
  assert.equal(early, 'held');
  await agent.complete(id, 'Failed', {
    error_code: 4,
    script_name: 'a.sh',
    message: 'the reason',
    log: '[stdout]x\n',
  });
  await agent.complete(id, 'Failed', { error_code: 5, script_name: '', message: 'again', log: '' });
  const { deploymentTarget } = await fleet.deploy.getDeploymentTarget({ deploymentId, targetId: 'host-1' });
  assert.equal(deploymentTarget?.instanceTarget?.status, 'Failed');
  assert.deepEqual(deploymentTarget?.instanceTarget?.lifecycleEvents?.[0]?.diagnostics, {
    errorCode: 'ScriptFailed',
    scriptName: 'a.sh',
    message: 'the reason',
    logTail: '[stdout]x\n',
  });
  await fleet.deploy.stopDeployment({ deploymentId });
  await fleet.ended(deploymentId);
  // The held poll of the failed host gets the first command of the next deployment.
  const next = await deployed();
  const polled = await controller;
  assert.match(polled?.DeploymentExecutionId ?? '', new RegExp(`${next}$`));
  await fleet.deploy.stopDeployment({ deploymentId: next });
  await fleet.ended(next);
});

test('a host that says it is another one is refused, and so is a command of another host', async () => {
  const deploymentId = await deployed();
  await refused(agentOf(one).poll(two.arn), /not the identity/);
  const command = await agentOf(two).poll();
  const id = command?.HostCommandIdentifier ?? '';
  await refused(agentOf(one).acknowledge(id), /another host/);
  await refused(agentOf(one).complete(id, 'Failed'), /another host/);
  await refused(agentOf(one).complete('bm9uc2Vuc2U', 'Failed'), /not one of this server/);
  const root = { ...one, arn: `arn:aws:iam::${house.account}:root`, credentials: house.credentials };
  await refused(agentOf(root).poll(), /No on-premises instance/);
  await fleet.deploy.stopDeployment({ deploymentId });
  await fleet.ended(deploymentId);
  assert.equal(await agentOf(two).acknowledge(id), 'Succeeded', 'a cancelled command is dropped');
});

test('an agent obeys its pinned signer only: a specification of another one fails the event and does nothing', async () => {
  const other = await createTestHouse();
  const otherDirectory = mkdtempSync(join(tmpdir(), 'slipway-other-'));
  try {
    const otherFleet = await createFleet(other, otherDirectory, ['host-9']);
    const [host] = otherFleet.hosts;
    assert.ok(host);
    // The certificate of this house, on a host of the other one.
    const deploymentId = await deployed();
    const command = await agentOf(one).poll();
    const answer = await agentOf(one).send('GetDeploymentSpecification', {
      DeploymentExecutionId: command?.DeploymentExecutionId,
      HostIdentifier: one.arn,
    });
    const payload = (answer['DeploymentSpecification'] as { GenericEnvelope: { Payload: string } })
      .GenericEnvelope.Payload;
    writeFileSync(join(host.root, 'signer.pem'), openEnvelope(payload).certificate);
    await fleet.deploy.stopDeployment({ deploymentId });
    const agent = otherFleet.startAgent(host);
    const id = await otherFleet.create(
      await otherFleet.bundle('x.zip', bundleOf({ BeforeInstall: 'touch "$0.ran"' })),
    );
    const info = await otherFleet.ended(id);
    assert.equal(info.status, 'Failed');
    const { deploymentTarget } = await otherFleet.deploy.getDeploymentTarget({
      deploymentId: id,
      targetId: 'host-9',
    });
    const [event] = deploymentTarget?.instanceTarget?.lifecycleEvents ?? [];
    assert.match(event?.diagnostics?.message ?? '', /another signer/);
    await agent.stop();
  } finally {
    await other.close();
    rmSync(otherDirectory, { recursive: true, force: true });
  }
});
