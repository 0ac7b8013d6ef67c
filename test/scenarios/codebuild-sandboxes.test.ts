/** Interactive sandboxes: the environment of a project, in which commands are run one by one. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { CommandExecution, Sandbox } from '@aws-sdk/client-codebuild';
import { connectBuilds, createBuildRole, spec, type BuildClients } from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';
import { until } from '#test/support/until.ts';

const WAIT_MS = 30_000;

let house: TestHouse;
let clients: BuildClients;
const clock = createMovableClock();

before(async () => {
  house = await createTestHouse({ clock });
  clients = connectBuilds(house);
  await createBuildRole(clients.iam);
  await clients.createProject('shop', spec(['echo this is not run']), {
    environment: {
      type: 'LINUX_CONTAINER',
      image: 'aws/codebuild/standard:7.0',
      computeType: 'BUILD_GENERAL1_SMALL',
      environmentVariables: [{ name: 'STAGE', value: 'test' }],
    },
    timeoutInMinutes: 5,
  });
});
after(async () => {
  clients.close();
  await house.close();
});

async function sandbox(id: string | undefined): Promise<Sandbox> {
  const { sandboxes } = await clients.codebuild.batchGetSandboxes({ ids: [id ?? ''] });
  return sandboxes?.[0] ?? {};
}

const reach = (id: string | undefined, status: string) =>
  until(`sandbox ${id} being ${status}`, WAIT_MS, async () => {
    const found = await sandbox(id);
    return found.status === status ? found : undefined;
  });

async function start(): Promise<Sandbox> {
  const { sandbox: started } = await clients.codebuild.startSandbox({ projectName: 'shop' });
  assert.equal(started?.status, 'QUEUED');
  return reach(started.id, 'RUN_SANDBOX');
}

async function run(sandboxId: string | undefined, command: string): Promise<CommandExecution> {
  const { commandExecution } = await clients.codebuild.startCommandExecution({ sandboxId, command });
  assert.equal(commandExecution?.status, 'SUBMITTED');
  return until(`the end of ${command}`, WAIT_MS, async () => {
    const { commandExecutions } = await clients.codebuild.batchGetCommandExecutions({
      sandboxId,
      commandExecutionIds: [commandExecution.id ?? ''],
    });
    const [found] = commandExecutions ?? [];
    return found?.endTime ? found : undefined;
  });
}

const phases = (found: Sandbox) =>
  found.currentSession?.phases?.map(({ phaseType, phaseStatus }) =>
    phaseStatus ? `${phaseType}=${phaseStatus}` : phaseType,
  );

test('scenario 76: commands of a sandbox succeed and fail, and it stops when it is told to', async () => {
  const { id, arn } = await start();
  assert.match(arn ?? '', /^arn:aws:codebuild:us-east-1:123456789012:sandbox\/shop:[0-9a-f-]{36}$/);
  const fine = await run(id, 'echo x');
  assert.deepEqual(
    [fine.status, fine.exitCode, fine.standardOutputContent, fine.standardErrContent, fine.type],
    ['SUCCEEDED', '0', 'x\n', '', 'SHELL'],
  );
  const unknown = await run(id, 'no-such-command-here');
  assert.deepEqual([unknown.status, unknown.exitCode, unknown.standardOutputContent], ['FAILED', '127', '']);
  assert.match(unknown.standardErrContent ?? '', /no-such-command-here: not found/);
  // What one command leaves is there for the next, as between the items of a buildspec.
  await run(arn, 'mkdir -p sub && cd sub; COLOUR=blue');
  const state = await run(
    id,
    'basename "$PWD"; echo "$COLOUR $STAGE"; aws --version >/dev/null 2>&1; exit 3',
  );
  assert.deepEqual([state.exitCode, state.standardOutputContent], ['3', 'sub\nblue test\n']);
  const { commandExecutions } = await clients.codebuild.listCommandExecutionsForSandbox({
    sandboxId: id,
    sortOrder: 'ASCENDING',
  });
  assert.deepEqual(
    commandExecutions?.map(({ exitCode }) => exitCode),
    ['0', '127', '0', '3'],
  );
  const { sandbox: stopping } = await clients.codebuild.stopSandbox({ id });
  assert.equal(stopping?.status, 'STOPPING');
  const stopped = await reach(id, 'STOPPED');
  assert.deepEqual(phases(stopped), [
    'SUBMITTED=SUCCEEDED',
    'QUEUED=SUCCEEDED',
    'PROVISIONING=SUCCEEDED',
    'DOWNLOAD_SOURCE=SUCCEEDED',
    'RUN_SANDBOX=STOPPED',
    'COMPLETED',
  ]);
  await assert.rejects(clients.codebuild.startCommandExecution({ sandboxId: id, command: 'echo' }), {
    name: 'InvalidInputException',
    message: `Sandbox ${id} does not run commands: its status is STOPPED, not RUN_SANDBOX`,
  });
  const { events } = await clients.logs.getLogEvents({
    logGroupName: stopped.currentSession?.logs?.groupName,
    logStreamName: stopped.currentSession?.logs?.streamName,
    startFromHead: true,
  });
  const log = (events ?? []).map(({ message }) => message ?? '');
  for (const line of ['x\n', 'blue test\n']) assert.ok(log.includes(line), log.join(''));
  assert.ok(log.some((line) => line.endsWith('Sandbox ended: STOPPED\n')));
});

test('a sandbox is stopped with the command that runs in it', async () => {
  const { id } = await start();
  const { commandExecution } = await clients.codebuild.startCommandExecution({
    sandboxId: id,
    command: 'echo begun; sleep 300',
  });
  const ids = [commandExecution?.id ?? ''];
  const get = async () =>
    (await clients.codebuild.batchGetCommandExecutions({ sandboxId: id, commandExecutionIds: ids }))
      .commandExecutions?.[0];
  await until('the command to run', WAIT_MS, async () => (await get())?.status === 'RUNNING' || undefined);
  await clients.codebuild.stopSandbox({ id });
  await reach(id, 'STOPPED');
  const taken = await get();
  assert.deepEqual(
    [taken?.status, taken?.exitCode, taken?.standardErrContent],
    ['FAILED', undefined, 'The sandbox ended before the command did.\n'],
  );
});

test('a sandbox outlives a restart of the server, with what its commands left', async () => {
  const { id } = await start();
  await run(id, 'KEPT=yes; echo once >> count');
  await house.restart();
  clients.close();
  clients = connectBuilds(house);
  const after = await run(id, 'echo "$KEPT"; wc -l < count');
  assert.equal(after.standardOutputContent, 'yes\n1\n');
  await clients.codebuild.stopSandbox({ id });
  await reach(id, 'STOPPED');
});

test('sandboxes are listed, repeated requests start one, and what is not there is told', async () => {
  const again = { projectName: 'shop', idempotencyToken: 'token-1' };
  const [one, two] = [
    await clients.codebuild.startSandbox(again),
    await clients.codebuild.startSandbox(again),
  ];
  assert.equal(one.sandbox?.id, two.sandbox?.id);
  const id = one.sandbox?.id ?? '';
  const { ids } = await clients.codebuild.listSandboxesForProject({ projectName: 'shop', maxResults: 1 });
  assert.deepEqual(ids, [id]);
  assert.ok((await clients.codebuild.listSandboxes({})).ids?.includes(id));
  const { sandboxes, sandboxesNotFound } = await clients.codebuild.batchGetSandboxes({
    ids: [id, 'shop:11111111-2222-4333-8444-555555555555'],
  });
  assert.equal(sandboxes?.length, 1);
  assert.deepEqual(sandboxesNotFound, ['shop:11111111-2222-4333-8444-555555555555']);
  await clients.codebuild.stopSandbox({ id });
  await reach(id, 'STOPPED');
  await assert.rejects(clients.codebuild.startSandbox({ projectName: 'nothing' }), {
    name: 'ResourceNotFoundException',
  });
  await assert.rejects(clients.codebuild.listSandboxesForProject({ projectName: 'nothing' }), {
    name: 'ResourceNotFoundException',
  });
  await assert.rejects(clients.codebuild.stopSandbox({ id: 'shop:11111111-2222-4333-8444-555555555555' }), {
    name: 'ResourceNotFoundException',
    message: 'Sandbox shop:11111111-2222-4333-8444-555555555555 does not exist',
  });
  await assert.rejects(clients.codebuild.batchGetSandboxes({ ids: ['nonsense'] }), {
    name: 'InvalidInputException',
  });
});

test('scenario 76: a sandbox that is late has TIMED_OUT', async () => {
  const late = await start();
  clock.advance(6 * 60_000);
  clients.codebuild.config.systemClockOffset = clock.aheadMs;
  const over = await reach(late.id, 'TIMED_OUT');
  assert.deepEqual(phases(over)?.at(-2), 'RUN_SANDBOX=TIMED_OUT');
  assert.deepEqual(over.currentSession?.phases?.at(-2)?.contexts, [
    { statusCode: 'BUILD_TIMED_OUT', message: 'Build has timed out. ' },
  ]);
});
