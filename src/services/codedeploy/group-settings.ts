/** What people may configure of a deployment group, checked; what cannot be done here is refused, never ignored. */

import { fault } from '#base/fault.ts';
import type { AlarmSettings } from '#core/deployment/state.ts';
import { tagFilterOf, type TagFilter } from '#core/deployment/tags.ts';
import type { House } from '#services/service.ts';
import type {
  AlarmConfiguration,
  AutoRollbackConfiguration,
  CreateDeploymentGroupInput,
  EC2TagFilter,
  TagFilter as TagFilterInput,
  UpdateDeploymentGroupInput,
} from '@aws-sdk/client-codedeploy';
import { CONFIG_DEFAULT, requireConfig } from './configs.ts';
import type { GroupSettings } from './room.ts';

type Input =
  | Omit<CreateDeploymentGroupInput, 'deploymentGroupName'>
  | Omit<UpdateDeploymentGroupInput, 'currentDeploymentGroupName' | 'newDeploymentGroupName'>;

const FILTERS_MAX = 10;
const SETS_MAX = 3;
/** See "AlarmConfiguration" in the CodeDeploy API reference. */
const ALARMS_MAX = 10;
const ALARM_NAME_LENGTH_MAX = 255;
const ROLLBACK_EVENTS = ['DEPLOYMENT_FAILURE', 'DEPLOYMENT_STOP_ON_ALARM', 'DEPLOYMENT_STOP_ON_REQUEST'];

/** `old` is what an update starts from: members that are absent keep their values. */
export async function readSettings(
  house: House,
  input: Input,
  old: GroupSettings | undefined,
): Promise<GroupSettings> {
  refuseGaps(input);
  const configName = input.deploymentConfigName ?? old?.configName ?? CONFIG_DEFAULT;
  await requireConfig(house, configName);
  const serviceRoleArn = input.serviceRoleArn ?? old?.serviceRoleArn;
  if (!serviceRoleArn) throw fault('RoleRequiredException', 'The ARN of a service role must be specified.');
  return {
    configName,
    serviceRoleArn,
    ...readOnPremises(input, old),
    ...readEc2(input, old),
    autoRollback: input.autoRollbackConfiguration
      ? readAutoRollback(input.autoRollbackConfiguration)
      : old?.autoRollback,
    outdatedInstancesStrategy: input.outdatedInstancesStrategy ?? old?.outdatedInstancesStrategy ?? 'UPDATE',
    alarms: input.alarmConfiguration ? readAlarms(input.alarmConfiguration) : old?.alarms,
  };
}

export function readAutoRollback(given: AutoRollbackConfiguration): GroupSettings['autoRollback'] {
  const events = given.events ?? [];
  const unknown = events.find((event) => !ROLLBACK_EVENTS.includes(event));
  if (unknown !== undefined) {
    throw fault('InvalidAutoRollbackConfigException', `${unknown} is not an event of automatic rollback.`);
  }
  if (given.enabled && events.length === 0) {
    throw fault(
      'InvalidAutoRollbackConfigException',
      'An enabled automatic rollback needs at least one event.',
    );
  }
  return { enabled: given.enabled ?? false, events };
}

export function readAlarms(given: AlarmConfiguration): AlarmSettings {
  const alarms = (given.alarms ?? []).map(({ name = '' }) => name);
  if (alarms.length > ALARMS_MAX) {
    throw fault('AlarmsLimitExceededException', `At most ${ALARMS_MAX} alarms can watch over a deployment.`);
  }
  const wrong = alarms.find((name) => name === '' || name.length > ALARM_NAME_LENGTH_MAX);
  if (wrong !== undefined) {
    const message = `The name of an alarm has 1 to ${ALARM_NAME_LENGTH_MAX} characters.`;
    throw fault('InvalidAlarmConfigException', message);
  }
  if (new Set(alarms).size < alarms.length) {
    throw fault('InvalidAlarmConfigException', 'The names of the alarms must differ.');
  }
  const isEnabled = given.enabled ?? false;
  if (isEnabled && alarms.length === 0) {
    throw fault('InvalidAlarmConfigException', 'An enabled alarm configuration needs at least one alarm.');
  }
  return { isEnabled, names: alarms, ignoresPollFailure: given.ignorePollAlarmFailure ?? false };
}

/** Each line is something of AWS that we do not have; an empty or neutral value of it is fine. */
function refuseGaps(input: Input): void {
  refuse(input.autoScalingGroups, 'InvalidAutoScalingGroupException', 'Auto Scaling groups');
  refuse(input.triggerConfigurations, 'InvalidTriggerConfigException', 'Triggers');
  refuse(input.ecsServices, 'InvalidECSServiceException', 'ECS services');
  const { loadBalancerInfo: balancers, deploymentStyle: style } = input;
  refuse(
    [
      ...(balancers?.elbInfoList ?? []),
      ...(balancers?.targetGroupInfoList ?? []),
      ...(balancers?.targetGroupPairInfoList ?? []),
    ],
    'InvalidLoadBalancerInfoException',
    'Load balancers',
  );
  if (style?.deploymentType === 'BLUE_GREEN' || input.blueGreenDeploymentConfiguration) {
    throw fault('InvalidDeploymentStyleException', 'Blue/green deployments are not available; use IN_PLACE.');
  }
  if (style?.deploymentOption === 'WITH_TRAFFIC_CONTROL') {
    throw fault(
      'InvalidDeploymentStyleException',
      'Traffic control needs a load balancer, which is not available; use WITHOUT_TRAFFIC_CONTROL.',
    );
  }
}

function refuse(given: readonly unknown[] | undefined, code: string, what: string): void {
  if (given && given.length > 0) throw fault(code, `${what} are not available for deployment groups here.`);
}

function readOnPremises(input: Input, old: GroupSettings | undefined) {
  const filters = input.onPremisesInstanceTagFilters;
  const sets = input.onPremisesTagSet?.onPremisesTagSetList;
  if (filters && filters.length > 0 && sets && sets.length > 0) {
    throw fault(
      'InvalidOnPremisesTagCombinationException',
      'Give either onPremisesInstanceTagFilters or onPremisesTagSet, not both.',
    );
  }
  const isGiven = input.onPremisesInstanceTagFilters !== undefined || input.onPremisesTagSet !== undefined;
  if (!isGiven && old)
    return { onPremisesFilters: old.onPremisesFilters, onPremisesSets: old.onPremisesSets };
  return {
    onPremisesFilters: readFilters(filters ?? [], 'InvalidTagException'),
    onPremisesSets: readSets(sets ?? [], 'InvalidTagException'),
  };
}

function readEc2(input: Input, old: GroupSettings | undefined) {
  const filters = input.ec2TagFilters;
  const sets = input.ec2TagSet?.ec2TagSetList;
  if (filters && filters.length > 0 && sets && sets.length > 0) {
    throw fault('InvalidEC2TagCombinationException', 'Give either ec2TagFilters or ec2TagSet, not both.');
  }
  const isGiven = input.ec2TagFilters !== undefined || input.ec2TagSet !== undefined;
  if (!isGiven && old) return { ec2Filters: old.ec2Filters, ec2Sets: old.ec2Sets };
  return {
    ec2Filters: readFilters(filters ?? [], 'InvalidEC2TagException'),
    ec2Sets: readSets(sets ?? [], 'InvalidEC2TagException'),
  };
}

function readSets(sets: readonly (readonly (TagFilterInput | EC2TagFilter)[])[], code: string) {
  if (sets.length > SETS_MAX) {
    throw fault('TagSetListLimitExceededException', `At most ${SETS_MAX} groups of tags are allowed.`);
  }
  return sets.map((filters) => readFilters(filters, code));
}

function readFilters(
  filters: readonly (TagFilterInput | EC2TagFilter)[],
  code: string,
): readonly TagFilter[] {
  if (filters.length > FILTERS_MAX) throw fault(code, `At most ${FILTERS_MAX} tag filters are allowed.`);
  return filters.map((filter) => {
    if (filter.Key === undefined && filter.Value === undefined) {
      throw fault(code, 'A tag filter needs a key or a value.');
    }
    return tagFilterOf(filter.Key, filter.Value, filter.Type);
  });
}
