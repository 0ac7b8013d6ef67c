/**
 * CodeDeploy: applications, deployment groups and in-place deployments to hosts, which fetch bundles from S3 and ask
 * for their lifecycle events themselves. One room, two doors: the public API, and the host-command service of agents.
 *
 * Gaps: compute platforms Lambda and ECS, blue/green, EC2 instances (their filters are kept and match nothing), Auto
 * Scaling, load balancers, SNS triggers, zonal configurations, bundles from GitHub, instance state events.
 * What cannot be done is refused when it is asked for, never ignored.
 *
 * By design: the revision's version and ETag are fixed when a deployment starts, if the service role may read it; a
 * failed deployment that touched no host is not rolled back; alarms are read at the start and every ten seconds, and
 * one that cannot be read has an error code of its own; the whole output of hooks goes to the logs service.
 */

import { gap, type House, type Operations, type Service } from '#services/service.ts';
import { applicationOperations } from './applications.ts';
import { createBell } from '#base/bell.ts';
import { configOperations } from './configs.ts';
import { deploymentOperations } from './deployments.ts';
import { groupOperations } from './groups.ts';
import { hostCommandOperations } from './host-commands.ts';
import { instanceOperations } from './instances.ts';
import { createGroupMachine } from './machine.ts';
import { permissions } from './permissions.ts';
import { revisionOperations } from './revisions.ts';
import type { Room } from './room.ts';
import { createSigner } from './signer.ts';
import { migrations, rows } from './tables.ts';
import { taggingOperations } from './tagging.ts';
import { targetOperations } from './targets.ts';

const inPlaceOnly = gap('only blue/green deployments wait, and deployments here are in place');
const noGitHub = gap('revisions come from S3; there are no GitHub connections');

export function openCodedeploy(
  house: House,
): readonly [Service<'codedeploy'>, Service<'codedeploy-commands'>] {
  const bell = createBell(house.clock);
  const room: Room = { house, bell, machine: createGroupMachine(house, bell) };
  const operations: Operations<'codedeploy'> = {
    ...applicationOperations(room),
    ...groupOperations(room),
    ...configOperations(room),
    ...instanceOperations(room),
    ...revisionOperations(room),
    ...deploymentOperations(room),
    ...targetOperations(room),
    ...taggingOperations(room),
    ContinueDeployment: inPlaceOnly,
    SkipWaitTimeForInstanceTermination: inPlaceOnly,
    PutLifecycleEventHookExecutionStatus: gap(
      'hook functions belong to the compute platforms Lambda and ECS',
    ),
    DeleteResourcesByExternalId: gap('deployments driven by CloudFormation are not available'),
    DeleteGitHubAccountToken: noGitHub,
    ListGitHubAccountTokenNames: noGitHub,
  };
  const api: Service<'codedeploy'> = {
    name: 'codedeploy',
    operations,
    permissions,
    machines: [room.machine],
    migrations,
    recover: () => restartPickUp(room),
  };
  const everyone = () => [];
  const commands: Service<'codedeploy-commands'> = {
    name: 'codedeploy-commands',
    operations: hostCommandOperations(room, createSigner(house)),
    // Hosts need no policy: they may ask for what is theirs, which the handlers check.
    permissions: {
      PollHostCommand: everyone,
      GetDeploymentSpecification: everyone,
      PutHostCommandAcknowledgement: everyone,
      PutHostCommandComplete: everyone,
      PostHostCommandUpdate: everyone,
    },
    machines: [],
    migrations: [],
    drain: () => bell.silence(),
  };
  return [api, commands];
}

/** While the house was closed no host could pick anything up; that time is not counted against them. */
async function restartPickUp({ house, machine }: Room): Promise<void> {
  const groups = await rows(house.database)
    .selectFrom('codedeploy_assignments')
    .select('group_id')
    .distinct()
    .execute();
  for (const { group_id } of groups) await house.engine.send(machine, group_id, { type: 'HouseOpened' });
}
