/** The hosts of a deployment as its targets, and as "instances" for the older operations. */

import { fault } from '#base/fault.ts';
import type { Deployment, Target } from '#core/deployment/state.ts';
import type { Call, Handler } from '#services/service.ts';
import { pageOf } from './paging.ts';
import { requireAllowedDeployment, type Room } from './room.ts';
import { instanceView, targetView } from './views.ts';

type Codedeploy<Operation extends string> = Handler<'codedeploy', Operation>;

const BATCH_MAX = 25;

export function targetOperations(room: Room) {
  const GetDeploymentTarget: Codedeploy<'GetDeploymentTarget'> = async (call, input) => {
    const deployment = await allowed(call, 'GetDeploymentTarget', input.deploymentId);
    return { deploymentTarget: targetView(deployment, requireTarget(deployment, input.targetId)) };
  };

  const BatchGetDeploymentTargets: Codedeploy<'BatchGetDeploymentTargets'> = async (call, input) => {
    const deployment = started(await allowed(call, 'BatchGetDeploymentTargets', input.deploymentId));
    const wanted = input.targetIds ?? [];
    if (wanted.length > BATCH_MAX) {
      throw fault(
        'DeploymentTargetListSizeExceededException',
        `At most ${BATCH_MAX} targets can be asked for.`,
      );
    }
    return {
      deploymentTargets: wanted.map((id) => targetView(deployment, requireTarget(deployment, id))),
    };
  };

  const ListDeploymentTargets: Codedeploy<'ListDeploymentTargets'> = async (call, input) => {
    const deployment = started(await allowed(call, 'ListDeploymentTargets', input.deploymentId));
    const filters = Object.entries(input.targetFilters ?? {});
    const unknown = filters.find(([name]) => name !== 'TargetStatus' && name !== 'ServerInstanceLabel');
    if (unknown) {
      throw fault('InvalidTargetFilterNameException', `${unknown[0]} is not the name of a target filter.`);
    }
    const statuses = input.targetFilters?.TargetStatus;
    const labels = input.targetFilters?.ServerInstanceLabel;
    if (labels && labels.length > 0) {
      throw fault(
        'InvalidDeploymentInstanceTypeException',
        'Instance labels belong to blue/green deployments; the deployment is in place.',
      );
    }
    const page = pageOf(
      deployment.targets
        .filter((target) => !statuses?.length || statuses.includes(target.status))
        .map((target) => target.host),
      input.nextToken,
    );
    return { targetIds: page.items, nextToken: page.nextToken };
  };

  const GetDeploymentInstance: Codedeploy<'GetDeploymentInstance'> = async (call, input) => {
    const deployment = await allowed(call, 'GetDeploymentInstance', input.deploymentId);
    return { instanceSummary: instanceView(deployment, requireInstance(deployment, input.instanceId)) };
  };

  const BatchGetDeploymentInstances: Codedeploy<'BatchGetDeploymentInstances'> = async (call, input) => {
    const deployment = await allowed(call, 'BatchGetDeploymentInstances', input.deploymentId);
    const wanted = input.instanceIds ?? [];
    if (wanted.length > BATCH_MAX) {
      throw fault('BatchLimitExceededException', `At most ${BATCH_MAX} instances can be asked for.`);
    }
    const found = wanted.map((id) => findTarget(deployment, id));
    const missing = wanted.filter((_, index) => found[index] === undefined);
    return {
      instancesSummary: found.flatMap((target) => (target ? [instanceView(deployment, target)] : [])),
      errorMessage: missing.length > 0 ? `Not instances of the deployment: ${missing.join(', ')}` : undefined,
    };
  };

  const ListDeploymentInstances: Codedeploy<'ListDeploymentInstances'> = async (call, input) => {
    const deployment = started(await allowed(call, 'ListDeploymentInstances', input.deploymentId));
    if (input.instanceTypeFilter?.length) {
      throw fault(
        'InvalidDeploymentInstanceTypeException',
        'Instance types belong to blue/green deployments; the deployment is in place.',
      );
    }
    const statuses: readonly string[] = input.instanceStatusFilter ?? [];
    const page = pageOf(
      deployment.targets
        .filter((target) => statuses.length === 0 || statuses.includes(target.status))
        .map((target) => target.host),
      input.nextToken,
    );
    return { instancesList: page.items, nextToken: page.nextToken };
  };

  async function allowed(call: Call, action: string, id: string | undefined): Promise<Deployment> {
    return (await requireAllowedDeployment(room, call, action, id)).deployment;
  }

  return {
    GetDeploymentTarget,
    BatchGetDeploymentTargets,
    ListDeploymentTargets,
    GetDeploymentInstance,
    BatchGetDeploymentInstances,
    ListDeploymentInstances,
  };
}

function started(deployment: Deployment): Deployment {
  if (deployment.status !== 'Created') return deployment;
  throw fault(
    'DeploymentNotStartedException',
    `The deployment ${deployment.deploymentId} has not started yet.`,
  );
}

function requireTarget(deployment: Deployment, id: string | undefined): Target {
  if (!id) throw fault('DeploymentTargetIdRequiredException', 'A target ID must be specified.');
  const target = findTarget(deployment, id);
  if (target) return target;
  throw fault(
    'DeploymentTargetDoesNotExistException',
    `The deployment ${deployment.deploymentId} has no target ${id}.`,
  );
}

function requireInstance(deployment: Deployment, id: string | undefined): Target {
  if (!id) throw fault('InstanceIdRequiredException', 'An instance ID must be specified.');
  const target = findTarget(deployment, id);
  if (target) return target;
  throw fault(
    'InstanceDoesNotExistException',
    `The deployment ${deployment.deploymentId} has no instance ${id}.`,
  );
}

/** Names and ARNs both name a host. */
function findTarget(deployment: Deployment, id: string): Target | undefined {
  return deployment.targets.find((target) => target.host === id || target.arn === id);
}
