/** Who may do what: the resource of each operation. Operations on a deployment ask for its group in their handlers. */

import type { Permission, Permissions, Scope } from '#services/service.ts';
import { applicationArn, configArn, groupArn, instanceArn } from './names.ts';

interface Named {
  readonly applicationName?: string | undefined;
  readonly deploymentGroupName?: string | undefined;
  readonly currentDeploymentGroupName?: string | undefined;
  readonly deploymentConfigName?: string | undefined;
  readonly instanceName?: string | undefined;
}

const handled = () => [];

export const permissions: Permissions<'codedeploy'> = {
  CreateApplication: onApplication('CreateApplication'),
  GetApplication: onApplication('GetApplication'),
  UpdateApplication: onApplication('UpdateApplication'),
  DeleteApplication: onApplication('DeleteApplication'),
  BatchGetApplications: (input, scope) =>
    (input.applicationNames ?? []).map((name) => ({
      action: 'codedeploy:BatchGetApplications',
      resource: applicationArn(scope, name),
    })),
  RegisterApplicationRevision: onApplication('RegisterApplicationRevision'),
  GetApplicationRevision: onApplication('GetApplicationRevision'),
  BatchGetApplicationRevisions: onApplication('BatchGetApplicationRevisions'),
  ListApplicationRevisions: onApplication('ListApplicationRevisions'),
  ListDeploymentGroups: onApplication('ListDeploymentGroups'),
  CreateDeploymentGroup: onGroup('CreateDeploymentGroup'),
  GetDeploymentGroup: onGroup('GetDeploymentGroup'),
  UpdateDeploymentGroup: onGroup('UpdateDeploymentGroup'),
  DeleteDeploymentGroup: onGroup('DeleteDeploymentGroup'),
  BatchGetDeploymentGroups: (input, scope) =>
    (input.deploymentGroupNames ?? []).map((name) => ({
      action: 'codedeploy:BatchGetDeploymentGroups',
      resource: groupArn(scope, input.applicationName ?? '', name),
    })),
  CreateDeployment: onGroup('CreateDeployment'),
  ListDeployments: onGroup('ListDeployments'),
  GetDeployment: handled,
  BatchGetDeployments: handled,
  StopDeployment: handled,
  GetDeploymentTarget: handled,
  BatchGetDeploymentTargets: handled,
  ListDeploymentTargets: handled,
  GetDeploymentInstance: handled,
  BatchGetDeploymentInstances: handled,
  ListDeploymentInstances: handled,
  CreateDeploymentConfig: onConfig('CreateDeploymentConfig'),
  GetDeploymentConfig: onConfig('GetDeploymentConfig'),
  DeleteDeploymentConfig: onConfig('DeleteDeploymentConfig'),
  RegisterOnPremisesInstance: onInstance('RegisterOnPremisesInstance'),
  DeregisterOnPremisesInstance: onInstance('DeregisterOnPremisesInstance'),
  GetOnPremisesInstance: onInstance('GetOnPremisesInstance'),
  BatchGetOnPremisesInstances: onInstances('BatchGetOnPremisesInstances'),
  AddTagsToOnPremisesInstances: onInstances('AddTagsToOnPremisesInstances'),
  RemoveTagsFromOnPremisesInstances: onInstances('RemoveTagsFromOnPremisesInstances'),
  ListTagsForResource: onTagged('ListTagsForResource'),
  TagResource: onTagged('TagResource'),
  UntagResource: onTagged('UntagResource'),
};

function onApplication(operation: string) {
  return ({ applicationName }: Named, scope: Scope): readonly Permission[] => [
    { action: `codedeploy:${operation}`, resource: applicationArn(scope, applicationName ?? '') },
  ];
}

/** ListDeployments may name no group: then it is asked of all. */
function onGroup(operation: string) {
  return (input: Named, scope: Scope): readonly Permission[] => {
    const group = input.deploymentGroupName ?? input.currentDeploymentGroupName ?? '*';
    const resource = groupArn(scope, input.applicationName ?? '*', group);
    return [{ action: `codedeploy:${operation}`, resource }];
  };
}

function onInstances(operation: string) {
  return (input: { readonly instanceNames?: readonly string[] | undefined }, scope: Scope) =>
    (input.instanceNames ?? []).map((name): Permission => ({
      action: `codedeploy:${operation}`,
      resource: instanceArn(scope, name),
    }));
}

function onConfig(operation: string) {
  return ({ deploymentConfigName }: Named, scope: Scope): readonly Permission[] => [
    { action: `codedeploy:${operation}`, resource: configArn(scope, deploymentConfigName ?? '') },
  ];
}

function onInstance(operation: string) {
  return ({ instanceName }: Named, scope: Scope): readonly Permission[] => [
    { action: `codedeploy:${operation}`, resource: instanceArn(scope, instanceName ?? '') },
  ];
}

function onTagged(operation: string) {
  return (input: { readonly ResourceArn?: string | undefined }): readonly Permission[] => [
    { action: `codedeploy:${operation}`, resource: input.ResourceArn ?? '*' },
  ];
}
