/**
 * Hosts for tests of CodeDeploy: registered with an IAM user of their own, in one deployment group, with agents that
 * run in this process or in one of their own. Bundles are zipped out of a few texts.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import * as Deploy from '@aws-sdk/client-codedeploy';
import * as Iam from '@aws-sdk/client-iam';
import * as S3 from '@aws-sdk/client-s3';
import { ZipFile } from 'yazl';
import { runAgent } from '#agent/agent.ts';
import { createLog, silentLog } from '#base/log.ts';
import { until } from './until.ts';

export interface Place {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export interface FleetHost {
  readonly name: string;
  readonly root: string;
  readonly arn: string;
  readonly credentials: Place['credentials'];
}

export interface RunningAgent {
  stop(): Promise<void>;
}

export type Fleet = Awaited<ReturnType<typeof createFleet>>;

const NAMES = { application: 'App', group: 'Group', bucket: 'fleet-bundles', role: 'fleet-deploy' };
const FINAL = ['Succeeded', 'Failed', 'Stopped'];

export async function createFleet(
  place: Place,
  directory: string,
  hostNames: readonly string[],
  group: Partial<Deploy.CreateDeploymentGroupCommandInput> = {},
) {
  const settings = { ...place, maxAttempts: 10, forcePathStyle: true };
  const deploy = new Deploy.CodeDeploy(settings);
  const iam = new Iam.IAM(settings);
  const s3 = new S3.S3(settings);
  await s3.createBucket({ Bucket: NAMES.bucket });
  const { Role: role } = await iam.createRole({
    RoleName: NAMES.role,
    AssumeRolePolicyDocument: statement({
      Principal: { Service: 'codedeploy.amazonaws.com' },
      Action: 'sts:AssumeRole',
    }),
  });
  const readBundles = statement({ Action: ['s3:GetObject*', 's3:ListBucket'], Resource: '*' });
  await iam.putRolePolicy({ RoleName: NAMES.role, PolicyName: 'bundles', PolicyDocument: readBundles });
  await deploy.createApplication({ applicationName: NAMES.application });
  await deploy.createDeploymentGroup({
    applicationName: NAMES.application,
    deploymentGroupName: NAMES.group,
    serviceRoleArn: role?.Arn,
    onPremisesInstanceTagFilters: [{ Key: 'Fleet', Value: 'web', Type: 'KEY_AND_VALUE' }],
    ...group,
  });
  const hosts = await Promise.all(hostNames.map(registerHost));

  async function registerHost(name: string): Promise<FleetHost> {
    const { User: user } = await iam.createUser({ UserName: name, Path: '/AWS/CodeDeploy/' });
    await iam.putUserPolicy({ UserName: name, PolicyName: 'bundles', PolicyDocument: readBundles });
    const { AccessKey: key } = await iam.createAccessKey({ UserName: name });
    await deploy.registerOnPremisesInstance({ instanceName: name, iamUserArn: user?.Arn });
    await deploy.addTagsToOnPremisesInstances({
      instanceNames: [name],
      tags: [{ Key: 'Fleet', Value: 'web' }],
    });
    const root = join(directory, name);
    mkdirSync(root, { recursive: true });
    return {
      name,
      root,
      arn: user?.Arn ?? '',
      credentials: {
        accessKeyId: key?.AccessKeyId ?? '',
        secretAccessKey: key?.SecretAccessKey ?? '',
      },
    };
  }

  return {
    deploy,
    iam,
    s3,
    hosts,
    names: NAMES,
    /** Puts a bundle into the bucket; its revision is what a deployment wants. */
    async bundle(key: string, files: Readonly<Record<string, string>>): Promise<Deploy.RevisionLocation> {
      await s3.putObject({ Bucket: NAMES.bucket, Key: key, Body: await zip(files) });
      return { revisionType: 'S3', s3Location: { bucket: NAMES.bucket, key, bundleType: 'zip' } };
    },
    async create(
      revision: Deploy.RevisionLocation,
      more: Partial<Deploy.CreateDeploymentCommandInput> = {},
    ): Promise<string> {
      const { deploymentId = '' } = await deploy.createDeployment({
        applicationName: NAMES.application,
        deploymentGroupName: NAMES.group,
        revision,
        ...more,
      });
      return deploymentId;
    },
    read: async (deploymentId: string | undefined) =>
      (await deploy.getDeployment({ deploymentId })).deploymentInfo ?? {},
    /** The deployment, once it has ended. */
    ended: (deploymentId: string | undefined, withinMs = 30_000) =>
      until(`the end of ${deploymentId}`, withinMs, async () => {
        const { deploymentInfo: info } = await deploy.getDeployment({ deploymentId });
        return FINAL.includes(info?.status ?? '') ? info : undefined;
      }),
    /** Each event of a host with its status: `Install Succeeded`. */
    async events(deploymentId: string | undefined, targetId: string): Promise<string[]> {
      const { deploymentTarget: target } = await deploy.getDeploymentTarget({ deploymentId, targetId });
      const { lifecycleEvents = [] } = target?.instanceTarget ?? {};
      return lifecycleEvents.map((event) => `${event.lifecycleEventName} ${event.status}`);
    },
    /** An agent in this process. */
    startAgent(host: FleetHost): RunningAgent {
      const end = new AbortController();
      const running = runAgent({
        endpoint: place.endpoint,
        region: place.region,
        credentials: host.credentials,
        name: host.name,
        root: host.root,
        log: process.env['SLIPWAY_LOG'] ? createLog((line) => process.stderr.write(`${line}\n`)) : silentLog,
        signal: end.signal,
      });
      return {
        async stop() {
          end.abort();
          await running;
        },
      };
    },
    /** An agent in a process of its own, to be killed. */
    spawnAgent(host: FleetHost): ChildProcess {
      return spawn(process.execPath, [resolve(import.meta.dirname, 'agent-process.ts')], {
        stdio: ['ignore', 'ignore', process.env['SLIPWAY_LOG'] ? 'inherit' : 'ignore'],
        env: {
          PATH: process.env['PATH'],
          AGENT_ENDPOINT: place.endpoint,
          AGENT_REGION: place.region,
          AGENT_ROOT: host.root,
          AWS_ACCESS_KEY_ID: host.credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: host.credentials.secretAccessKey,
        },
      });
    },
  };
}

/** An AppSpec file with one script per event, which are written into the bundle too. */
export function bundleOf(
  hooks: Readonly<Record<string, string>>,
  more: Readonly<Record<string, string>> = {},
  appSpec = '',
): Record<string, string> {
  const lines = Object.keys(hooks).map((event) => `  ${event}:\n    - location: scripts/${event}.sh\n`);
  const scripts = Object.entries(hooks).map(([event, text]) => [
    `scripts/${event}.sh`,
    `#!/bin/sh\n${text}\n`,
  ]);
  return {
    'appspec.yml': `version: 0.0\nos: linux\n${appSpec}${lines.length > 0 ? `hooks:\n${lines.join('')}` : ''}`,
    ...Object.fromEntries(scripts),
    ...more,
  };
}

export async function zip(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const archive = new ZipFile();
  for (const [name, text] of Object.entries(files)) archive.addBuffer(Buffer.from(text), name);
  archive.end();
  return buffer(archive.outputStream);
}

function statement(given: object): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...given }] });
}
