/**
 * What a fleet may be configured with, and what of that this house cannot give. AWS's capacities are machines; here a
 * machine of a fleet is a build that may run at the same time as others.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/fleets.html
 */

import type { CreateFleetInput, UpdateFleetInput } from '@aws-sdk/client-codebuild';
import { checkTags, checkVpc } from '#services/codebuild/environment-checks.ts';
import { invalid } from '#services/codebuild/settings.ts';
import { COMPUTE } from '#services/codebuild/provisioning.ts';
import type { FleetSettings } from './tables.ts';

const CAPACITY_MAX = 1000;
const PROXY_RULES_MAX = 100;

export function createFleetSettings(input: CreateFleetInput): FleetSettings {
  const { name: _name, ...settings } = input;
  return checkFleet({ overflowBehavior: 'QUEUE', ...present(settings) });
}

/** A member that is there replaces the old one whole. */
export function updateFleetSettings(before: FleetSettings, input: UpdateFleetInput): FleetSettings {
  const { arn: _arn, ...changes } = input;
  const merged = { ...before, ...present(changes) };
  // Without a type of scaling there is none.
  if (input.scalingConfiguration && !input.scalingConfiguration.scalingType)
    delete merged.scalingConfiguration;
  return checkFleet(merged);
}

function present<Shape extends object>(input: Shape): Shape {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)) as Shape;
}

function checkFleet(settings: FleetSettings): FleetSettings {
  const { baseCapacity = 0, scalingConfiguration: scaling, computeType, computeConfiguration } = settings;
  if (baseCapacity < 1 || baseCapacity > CAPACITY_MAX) {
    throw invalid(`Invalid baseCapacity: ${baseCapacity}. It must be between 1 and ${CAPACITY_MAX}`);
  }
  if (scaling) {
    const maxCapacity = scaling.maxCapacity ?? 0;
    if (maxCapacity < baseCapacity || maxCapacity > CAPACITY_MAX) {
      throw invalid(
        `Invalid scaling configuration: maxCapacity must be between baseCapacity and ${CAPACITY_MAX}`,
      );
    }
    const [target, ...more] = scaling.targetTrackingScalingConfigs ?? [];
    const value = target?.targetValue ?? 0;
    if (!target || more.length > 0 || value <= 0 || value > 100) {
      throw invalid('Invalid scaling configuration: one target value above 0 and up to 100 is required');
    }
  }
  if (computeType === 'ATTRIBUTE_BASED_COMPUTE' && !computeConfiguration) {
    throw invalid('Invalid compute type: ATTRIBUTE_BASED_COMPUTE needs a computeConfiguration');
  }
  if (computeType === 'CUSTOM_INSTANCE_TYPE' && !computeConfiguration?.instanceType) {
    throw invalid('Invalid compute type: CUSTOM_INSTANCE_TYPE needs an instanceType');
  }
  if ((settings.proxyConfiguration?.orderedProxyRules?.length ?? 0) > PROXY_RULES_MAX) {
    throw invalid(`A fleet can have ${PROXY_RULES_MAX} proxy rules`);
  }
  checkVpc(settings.vpcConfig);
  checkTags(settings.tags, 'fleet');
  return settings;
}

/** How many of its builds may run at the same time: all to which it may scale, as none of them costs while it waits. */
export function capacityOf({ baseCapacity = 0, scalingConfiguration }: FleetSettings): number {
  return Math.max(baseCapacity, scalingConfiguration?.maxCapacity ?? 0);
}

/** The compute type by which its builds are measured: the smallest that has what was asked for. */
export function computeTypeOf({ computeType, computeConfiguration: wanted }: FleetSettings): string {
  if (computeType !== 'ATTRIBUTE_BASED_COMPUTE') return computeType ?? '';
  const fitting = Object.entries(COMPUTE).find(
    ([, [memoryGib, cpus, diskGib]]) =>
      memoryGib >= (wanted?.memory ?? 0) && cpus >= (wanted?.vCpu ?? 0) && diskGib >= (wanted?.disk ?? 0),
  );
  return fitting?.[0] ?? computeType;
}

/** Why no build can run in such a fleet here, as a sentence. */
export function unsupportedByHouse(settings: FleetSettings): string | undefined {
  const { environmentType = '', computeType } = settings;
  const types = process.arch === 'arm64' ? ['ARM_CONTAINER'] : ['LINUX_CONTAINER'];
  if (!types.includes(environmentType)) {
    return `no machine here runs builds of environment type ${environmentType}, only ${types.join(', ')}`;
  }
  if (computeType === 'CUSTOM_INSTANCE_TYPE') return 'instance types are those of EC2, which is not here';
  if (!COMPUTE[computeTypeOf(settings)]) return `no machine here has compute of type ${computeType}`;
  if (settings.imageId !== undefined) return 'machine images are those of EC2, which is not here';
  if (settings.vpcConfig?.vpcId) return 'there are no virtual private clouds here';
  if (settings.proxyConfiguration) {
    return 'proxy rules of a fleet are not enforced here; what builds reach is set for the whole server';
  }
  return undefined;
}
