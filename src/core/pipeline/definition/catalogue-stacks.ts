/** The catalogue of deploy actions to CloudFormation stacks and stack sets. */

import type { ActionProperty, ActionType } from './catalogue-type.ts';
import {
  aws,
  between,
  DAY_MS,
  exactly,
  JSON_TEXT,
  NUMBER,
  oneOf,
  optional,
  required,
  requiredIf,
} from './catalogue-type.ts';

const WITH_TEMPLATE = ['CREATE_UPDATE', 'REPLACE_ON_FAILURE', 'CHANGE_SET_REPLACE'] as const;

const PACE: readonly ActionProperty[] = ['FailureTolerancePercentage', 'MaxConcurrentPercentage'].map(
  (name) => optional(name, { ...NUMBER, bounds: between(0, 100) }),
);

export const STACK_TYPES: readonly ActionType[] = [
  {
    id: aws('Deploy', 'CloudFormation'),
    properties: [
      required('ActionMode', oneOf(...WITH_TEMPLATE, 'CHANGE_SET_EXECUTE', 'DELETE_ONLY')),
      required('StackName'),
      optional('ChangeSetName', requiredIf('ActionMode', 'CHANGE_SET_REPLACE', 'CHANGE_SET_EXECUTE')),
      optional('RoleArn', requiredIf('ActionMode', ...WITH_TEMPLATE, 'DELETE_ONLY')),
      optional('TemplatePath', requiredIf('ActionMode', ...WITH_TEMPLATE)),
      optional('TemplateConfiguration'),
      // Whether a template needs capabilities is known when it is read.
      optional('Capabilities'),
      optional('ParameterOverrides', JSON_TEXT),
      optional('OutputFileName'),
    ],
    inputs: between(0, 10),
    outputs: between(0, 1),
    timeoutMs: 3 * DAY_MS,
  },
  {
    id: aws('Deploy', 'CloudFormationStackSet'),
    properties: [
      required('StackSetName'),
      required('TemplatePath'),
      optional('Description'),
      optional('Parameters'),
      optional('Capabilities'),
      optional('PermissionModel', oneOf('SELF_MANAGED', 'SERVICE_MANAGED')),
      optional('AdministrationRoleArn'),
      optional('ExecutionRoleName'),
      optional('OrganizationsAutoDeployment', oneOf('Enabled', 'Disabled', 'EnabledWithStackRetention')),
      optional('DeploymentTargets'),
      optional('Regions'),
      ...PACE,
      optional('CallAs', oneOf('SELF', 'DELEGATED_ADMIN')),
    ],
    inputs: between(1, 3),
    outputs: exactly(0),
    timeoutMs: 3 * DAY_MS,
  },
  {
    id: aws('Deploy', 'CloudFormationStackInstances'),
    properties: [
      required('StackSetName'),
      optional('DeploymentTargets'),
      required('Regions'),
      optional('ParameterOverrides'),
      ...PACE,
    ],
    inputs: between(0, 2),
    outputs: exactly(0),
    timeoutMs: 3 * DAY_MS,
  },
];
