/** Deployment configurations: how many hosts must stay healthy. The predefined ones are data, not rows. */

import { createUuid } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { MinimumHealthy } from '#core/deployment/state.ts';
import type { Handler, House } from '#services/service.ts';
import type { MinimumHealthyHosts } from '@aws-sdk/client-codedeploy';
import * as names from './names.ts';
import { pageOf } from './paging.ts';
import type { GroupSettings, Room } from './room.ts';
import { rows, within } from './tables.ts';

type Codedeploy<Operation extends string> = Handler<'codedeploy', Operation>;

export const CONFIG_DEFAULT = 'CodeDeployDefault.OneAtATime';
const PREDEFINED_PREFIX = 'CodeDeployDefault.';

/** "Working with deployment configurations": those of the compute platform that we deploy to. */
const PREDEFINED: ReadonlyMap<string, MinimumHealthy> = new Map([
  ['CodeDeployDefault.AllAtOnce', { type: 'HOST_COUNT', value: 0 }],
  ['CodeDeployDefault.HalfAtATime', { type: 'FLEET_PERCENT', value: 50 }],
  ['CodeDeployDefault.OneAtATime', { type: 'MOST_CONCURRENCY', value: 1 }],
]);

interface Config {
  readonly id: string;
  readonly name: string;
  readonly minimumHealthy: MinimumHealthy;
  readonly createdAt: number;
}

export async function requireConfig(house: House, name: string | undefined): Promise<Config> {
  const wanted = names.configName(name);
  const predefined = PREDEFINED.get(wanted);
  if (predefined) return { id: wanted, name: wanted, minimumHealthy: predefined, createdAt: 0 };
  const row = await rows(house.database)
    .selectFrom('codedeploy_configs')
    .selectAll()
    .where('name', '=', wanted)
    .executeTakeFirst();
  if (!row) {
    throw fault('DeploymentConfigDoesNotExistException', `No Deployment Config found for name: ${wanted}`);
  }
  return {
    id: row.config_id,
    name: row.name,
    minimumHealthy: JSON.parse(row.minimum_healthy) as MinimumHealthy,
    createdAt: row.created_at,
  };
}

export function configOperations({ house }: Room) {
  const CreateDeploymentConfig: Codedeploy<'CreateDeploymentConfig'> = async (call, input) => {
    const name = names.configName(input.deploymentConfigName);
    if (name.startsWith(PREDEFINED_PREFIX)) {
      throw fault(
        'InvalidDeploymentConfigNameException',
        `Names that begin with ${PREDEFINED_PREFIX} are reserved for predefined configurations.`,
      );
    }
    if ((input.computePlatform ?? 'Server') !== 'Server') {
      throw fault(
        'InvalidComputePlatformException',
        `Slipway deploys to hosts (compute platform Server); ${input.computePlatform} is not available.`,
      );
    }
    if (input.trafficRoutingConfig) {
      throw fault(
        'InvalidTrafficRoutingConfigurationException',
        'Traffic routing belongs to the compute platforms Lambda and ECS, which are not available.',
      );
    }
    if (input.zonalConfig) {
      throw fault(
        'InvalidZonalDeploymentConfigurationException',
        'Zonal configurations are not available: hosts of Slipway have no Availability Zones.',
      );
    }
    const row = {
      config_id: createUuid(),
      name,
      created_at: call.at,
      minimum_healthy: JSON.stringify(readMinimum(input.minimumHealthyHosts)),
    };
    await house.database.transaction(async (transaction) => {
      const existing = await within(transaction).selectFrom('codedeploy_configs').select('name').execute();
      if (existing.some((other) => other.name === name)) {
        throw fault(
          'DeploymentConfigAlreadyExistsException',
          `A deployment configuration with the name ${name} already exists.`,
        );
      }
      if (existing.length >= names.CONFIGS_MAX) {
        throw fault(
          'DeploymentConfigLimitExceededException',
          `There are ${names.CONFIGS_MAX} configurations.`,
        );
      }
      await within(transaction).insertInto('codedeploy_configs').values(row).execute();
    });
    return { deploymentConfigId: row.config_id };
  };

  const GetDeploymentConfig: Codedeploy<'GetDeploymentConfig'> = async (_call, input) => {
    const config = await requireConfig(house, input.deploymentConfigName);
    return {
      deploymentConfigInfo: {
        deploymentConfigId: config.id,
        deploymentConfigName: config.name,
        minimumHealthyHosts: config.minimumHealthy as MinimumHealthyHosts,
        createTime: new Date(config.createdAt),
        computePlatform: 'Server',
      },
    };
  };

  const ListDeploymentConfigs: Codedeploy<'ListDeploymentConfigs'> = async (_call, input) => {
    const own = await rows(house.database)
      .selectFrom('codedeploy_configs')
      .select('name')
      .orderBy('name')
      .execute();
    const page = pageOf([...PREDEFINED.keys(), ...own.map((row) => row.name)], input.nextToken);
    return { deploymentConfigsList: page.items, nextToken: page.nextToken };
  };

  const DeleteDeploymentConfig: Codedeploy<'DeleteDeploymentConfig'> = async (_call, input) => {
    const name = names.configName(input.deploymentConfigName);
    if (name.startsWith(PREDEFINED_PREFIX)) {
      throw fault('InvalidOperationException', 'Predefined deployment configurations cannot be deleted.');
    }
    await house.database.transaction(async (transaction) => {
      const groups = await within(transaction)
        .selectFrom('codedeploy_groups')
        .select(['name', 'settings'])
        .execute();
      const user = groups.find((group) => (JSON.parse(group.settings) as GroupSettings).configName === name);
      if (user) {
        throw fault(
          'DeploymentConfigInUseException',
          `The deployment configuration ${name} is in use by the deployment group ${user.name}.`,
        );
      }
      await within(transaction).deleteFrom('codedeploy_configs').where('name', '=', name).execute();
    });
    return {};
  };

  return { CreateDeploymentConfig, GetDeploymentConfig, ListDeploymentConfigs, DeleteDeploymentConfig };
}

function readMinimum(given: MinimumHealthyHosts | undefined): MinimumHealthy {
  const value = given?.value ?? 0;
  if (given?.type === 'HOST_COUNT' && value >= 0) return { type: 'HOST_COUNT', value };
  if (given?.type === 'FLEET_PERCENT' && value >= 0 && value <= 99) return { type: 'FLEET_PERCENT', value };
  throw fault(
    'InvalidMinimumHealthyHostValueException',
    'minimumHealthyHosts must be HOST_COUNT of 0 or more, or FLEET_PERCENT from 0 to 99.',
  );
}
