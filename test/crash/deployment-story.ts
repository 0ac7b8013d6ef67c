/**
 * The story of a deployment group: a first revision succeeds, a second one fails on its host and is rolled back. The
 * room and its machine are real; the host is one that keeps a diary on disk, as our agent does, and speaks with the
 * handlers of the host-command service. The world is that diary, and what was told to the bus.
 */

import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isFault } from '#base/fault.ts';
import { silentLog } from '#base/log.ts';
import { openCodedeploy } from '#services/codedeploy/index.ts';
import { migrations } from '#services/codedeploy/tables.ts';
import type { Call, House } from '#services/service.ts';
import type { Chapter, Life, Story } from './harness.ts';

const HOST = 'arn:aws:iam::123456789012:user/host-1';
const GROUP = { applicationName: 'App', deploymentGroupName: 'Group' };
const REVISIONS = ['one', 'two'];
/** For these the host goes the whole way; the others it only completes, which keeps the story short. */
const WHOLE = ['ApplicationStop', 'Install'];

type AnyHandler = (call: Call, input: object) => Promise<Record<string, unknown>>;

export const story: Story = {
  migrations,
  open: (life) => tellStory(life),
};

function tellStory({ directory, database, engine, clock }: Life): Chapter {
  const world = join(directory, 'world');
  mkdirSync(world, { recursive: true });
  const note = (file: string, line: string) => appendFileSync(join(world, file), `${line}\n`);
  const notes = (file: string) => {
    const path = join(world, file);
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
  };
  const role = { send: async () => ({ ETag: '"etag"' }) };
  const house = {
    account: '123456789012',
    region: 'us-east-1',
    directory,
    clock,
    log: silentLog,
    database,
    engine,
    assumeRole: async () => role,
    // One event under one id, however often it is published.
    publish: async ({ id, detail }: { id: string; detail: { state: string } }) => {
      if (!notes('bus').some((line) => line.startsWith(id))) note('bus', `${id} ${detail.state}`);
    },
  } as unknown as House;
  const services = openCodedeploy(house);
  const handlers = Object.assign({}, ...services.map((service) => service.operations)) as Record<
    string,
    AnyHandler
  >;
  const call = {
    account: house.account,
    region: house.region,
    at: 0,
    source: 'codepipeline.amazonaws.com',
    principal: { type: 'user', arn: HOST },
    // Polls are not held.
    signal: AbortSignal.abort(),
    authorize: async () => {},
  } as unknown as Call;
  const send = (operation: string, input: object) => {
    const handler = handlers[operation];
    if (!handler) throw new Error(operation);
    return handler(call, input);
  };
  const unlessThere = (work: Promise<unknown>) =>
    work.catch((error: unknown) => {
      if (!isFault(error) || !/Already/.test(error.code)) throw error;
    });
  const deployments = async () => {
    const { deployments: ids = [] } = (await send('ListDeployments', GROUP)) as { deployments?: string[] };
    const infos = await Promise.all(ids.map((deploymentId) => send('GetDeployment', { deploymentId })));
    return infos.map(({ deploymentInfo }) => deploymentInfo as Record<string, unknown>);
  };

  async function create(name: string): Promise<void> {
    await send('CreateDeployment', {
      ...GROUP,
      description: `codepipeline-action:${name}`,
      revision: { revisionType: 'S3', s3Location: { bucket: 'b', key: name, bundleType: 'zip' } },
    });
  }

  /** What the host has in work is in its diary, so that the next life goes on with it. */
  async function workOnce(): Promise<void> {
    const diary = join(world, 'diary');
    let id = existsSync(diary) ? readFileSync(diary, 'utf8') : '';
    if (id === '') {
      const { HostCommand: command } = (await send('PollHostCommand', { HostIdentifier: HOST })) as {
        HostCommand?: { HostCommandIdentifier: string };
      };
      if (!command) return;
      id = command.HostCommandIdentifier;
      writeFileSync(diary, id);
    }
    const [, , event = '', host = ''] = Buffer.from(id, 'base64url').toString().split('/');
    const isFailing = event === 'ApplicationStop' && (await isSecond(id));
    if (WHOLE.includes(event)) {
      const payload = JSON.stringify({ AgentToken: 'token' });
      const answer = await send('PutHostCommandAcknowledgement', {
        HostCommandIdentifier: id,
        Diagnostics: { Format: 'JSON', Payload: payload },
      });
      if (answer['CommandStatus'] !== 'InProgress') return writeFileSync(diary, '');
    }
    if (!notes('executed').includes(id)) note('executed', id);
    note('calls', `${event} ${host}`);
    await send('PutHostCommandComplete', {
      HostCommandIdentifier: id,
      CommandStatus: isFailing ? 'Failed' : 'Succeeded',
    });
    writeFileSync(diary, '');
  }

  async function isSecond(id: string): Promise<boolean> {
    const [, deploymentId] = Buffer.from(id, 'base64url').toString().split('/');
    const { deploymentInfo } = await send('GetDeployment', { deploymentId });
    const { creator, description } = deploymentInfo as { creator: string; description?: string };
    return creator === 'user' && description === 'codepipeline-action:two';
  }

  return {
    machines: services.flatMap((service) => service.machines),
    async begin() {
      await unlessThere(send('CreateApplication', GROUP));
      const group = {
        ...GROUP,
        serviceRoleArn: 'arn:aws:iam::123456789012:role/deploy',
        onPremisesInstanceTagFilters: [{ Key: 'a', Value: 'b' }],
        autoRollbackConfiguration: { enabled: true, events: ['DEPLOYMENT_FAILURE'] },
      };
      await unlessThere(send('CreateDeploymentGroup', group));
      await unlessThere(send('RegisterOnPremisesInstance', { instanceName: 'host-1', iamUserArn: HOST }));
      await send('AddTagsToOnPremisesInstances', {
        instanceNames: ['host-1'],
        tags: [{ Key: 'a', Value: 'b' }],
      });
      await create('one');
    },
    async isOver() {
      await workOnce();
      const infos = await deployments();
      if (infos.some(({ status }) => status === 'Created' || status === 'InProgress')) return false;
      if (infos.length === 1) await create('two');
      return infos.length === REVISIONS.length + 1;
    },
    async end() {
      const infos = await deployments();
      return {
        deployments: infos
          .map(({ status, creator, errorInformation, rollbackInfo, deploymentOverview }) =>
            JSON.stringify([
              status,
              creator,
              (errorInformation as { code?: string } | undefined)?.code,
              Object.keys(rollbackInfo ?? {}),
              deploymentOverview,
            ]),
          )
          .sort(),
        // Each command once, in the order in which the host came to them, without ids.
        executed: notes('executed').map((id) => Buffer.from(id, 'base64url').toString().split('/')[2]),
        bus: notes('bus').map((line) => line.split(' ')[1]),
      };
    },
  };
}
