/**
 * The action types that this house carries, as data: what each must be given, how many artifacts it takes, how long
 * it may run. A declaration with any other type is refused. AWS: "Action structure reference".
 */

import type { ActionTypeId } from './declaration.ts';

export interface ActionType {
  readonly id: ActionTypeId;
  readonly properties: readonly ActionProperty[];
  readonly inputs: Bounds;
  readonly outputs: Bounds;
  readonly timeoutMs: number;
}

export interface ActionProperty {
  readonly name: string;
  readonly required: boolean;
  readonly secret: boolean;
  readonly type: PropertyType;
  /** For `enum`. */
  readonly values?: readonly string[];
}

/** `json` values are parsed before references inside their strings are resolved. */
export type PropertyType = 'string' | 'boolean' | 'enum' | 'json';

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const CODEBUILD_PROPERTIES = [
  required('ProjectName'),
  optional('PrimarySource'),
  optional('BuildspecOverride'),
  optional('EnvironmentVariables', 'json'),
  optional('ServiceRoleArnOverride'),
  // Batches are not carried; saying so explicitly is accepted.
  optional('BatchEnabled', 'enum', ['false']),
  optional('CombineArtifacts', 'enum', ['false']),
];

export const ACTION_TYPES: readonly ActionType[] = [
  {
    id: aws('Source', 'CodeCommit'),
    properties: [
      required('RepositoryName'),
      required('BranchName'),
      optional('PollForSourceChanges', 'boolean'),
      // A full clone needs a builder that clones; only archives are carried.
      optional('OutputArtifactFormat', 'enum', ['CODE_ZIP']),
    ],
    inputs: { min: 0, max: 0 },
    outputs: { min: 1, max: 1 },
    timeoutMs: HOUR_MS,
  },
  {
    id: aws('Source', 'S3'),
    properties: [
      required('S3Bucket'),
      required('S3ObjectKey'),
      optional('PollForSourceChanges', 'boolean'),
      optional('AllowOverrideForS3ObjectKey', 'boolean'),
    ],
    inputs: { min: 0, max: 0 },
    outputs: { min: 1, max: 1 },
    timeoutMs: HOUR_MS,
  },
  {
    id: aws('Build', 'CodeBuild'),
    properties: CODEBUILD_PROPERTIES,
    inputs: { min: 1, max: 5 },
    outputs: { min: 0, max: 5 },
    timeoutMs: 36 * HOUR_MS,
  },
  {
    id: aws('Test', 'CodeBuild'),
    properties: CODEBUILD_PROPERTIES,
    inputs: { min: 1, max: 5 },
    outputs: { min: 0, max: 5 },
    timeoutMs: 8 * HOUR_MS,
  },
  {
    id: aws('Approval', 'Manual'),
    properties: [optional('NotificationArn'), optional('ExternalEntityLink'), optional('CustomData')],
    inputs: { min: 0, max: 0 },
    outputs: { min: 0, max: 0 },
    timeoutMs: 7 * DAY_MS,
  },
  {
    id: aws('Deploy', 'CodeDeploy'),
    properties: [required('ApplicationName'), required('DeploymentGroupName')],
    inputs: { min: 1, max: 1 },
    outputs: { min: 0, max: 0 },
    timeoutMs: 5 * DAY_MS,
  },
  {
    id: aws('Deploy', 'S3'),
    properties: [
      required('BucketName'),
      { ...required('Extract'), type: 'boolean' },
      optional('ObjectKey'),
      optional('CacheControl'),
      optional('CannedACL'),
      optional('KMSEncryptionKeyARN'),
    ],
    inputs: { min: 1, max: 1 },
    outputs: { min: 0, max: 0 },
    timeoutMs: 90 * 60_000,
  },
];

export function actionTypeOf(id: ActionTypeId): ActionType | undefined {
  return ACTION_TYPES.find(
    (type) =>
      type.id.category === id.category &&
      type.id.owner === id.owner &&
      type.id.provider === id.provider &&
      type.id.version === id.version,
  );
}

/** The type, or what holds for every custom action: a worker may take a day. */
export function actionTypeOrGeneric(id: ActionTypeId): ActionType {
  const any = { min: 0, max: 5 };
  return actionTypeOf(id) ?? { id, properties: [], inputs: any, outputs: any, timeoutMs: DAY_MS };
}

/** True if the work is done as a job that somebody outside takes and reports. */
export function isDoneByWorkers(id: ActionTypeId): boolean {
  if (id.owner !== 'AWS') return actionTypeOf(id) === undefined;
  return id.category === 'Invoke' && id.provider === 'Lambda';
}

export function isApproval(id: ActionTypeId): boolean {
  return id.category === 'Approval';
}

function aws(category: string, provider: string): ActionTypeId {
  return { category, owner: 'AWS', provider, version: '1' };
}

function required(name: string): ActionProperty {
  return { name, required: true, secret: false, type: 'string' };
}

function optional(name: string, type: PropertyType = 'string', values?: readonly string[]): ActionProperty {
  return { name, required: false, secret: false, type, ...(values ? { values } : {}) };
}
