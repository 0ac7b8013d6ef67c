/** The catalogue of actions that compute: builds, tests, commands. */

import type { ActionType } from './catalogue-type.ts';
import {
  aws,
  between,
  BOOLEAN,
  exactly,
  HOUR_MS,
  JSON_TEXT,
  MINUTE_MS,
  oneOf,
  optional,
  required,
} from './catalogue-type.ts';

const CODEBUILD = {
  properties: [
    required('ProjectName'),
    // Required of an action with several inputs; see validate-actions.ts.
    optional('PrimarySource'),
    optional('BatchEnabled', BOOLEAN),
    optional('CombineArtifacts', BOOLEAN),
    optional('BuildspecOverride'),
    optional('EnvironmentVariables', JSON_TEXT),
    optional('ServiceRoleArnOverride'),
  ],
  inputs: between(1, 5),
  outputs: between(0, 5),
} as const;

export const BUILD_TYPES: readonly ActionType[] = [
  { ...CODEBUILD, id: aws('Build', 'CodeBuild'), timeoutMs: 36 * HOUR_MS },
  { ...CODEBUILD, id: aws('Test', 'CodeBuild'), timeoutMs: 8 * HOUR_MS },
  {
    id: aws('Build', 'ECRBuildAndPublish'),
    properties: [
      required('ECRRepositoryName'),
      optional('DockerFilePath'),
      optional('ImageTags'),
      optional('RegistryType', oneOf('private', 'public')),
    ],
    inputs: exactly(1),
    outputs: exactly(0),
    timeoutMs: HOUR_MS,
    isV2Only: true,
  },
  {
    id: aws('Compute', 'Commands'),
    properties: [
      optional('EnvironmentType'),
      optional('ComputeType'),
      optional('VpcId'),
      optional('Subnets'),
      optional('SecurityGroupIds'),
    ],
    inputs: between(1, 10),
    outputs: between(0, 1),
    timeoutMs: 55 * MINUTE_MS,
    isV2Only: true,
    fields: ['commands', 'files', 'outputVariables', 'environmentVariables', 'secretVariables'],
  },
  {
    id: aws('Test', 'DeviceFarm'),
    properties: [
      required('ProjectId'),
      required('AppType'),
      required('App'),
      required('DevicePoolArn'),
      required('TestType'),
      required('AppiumVersion'),
      optional('Test'),
      optional('TestSpec'),
      optional('FuzzEventCount'),
      optional('FuzzEventThrottle'),
      optional('FuzzRandomizerSeed'),
      optional('RadioWifiEnabled', BOOLEAN),
      optional('RadioBluetoothEnabled', BOOLEAN),
      optional('RadioNfcEnabled', BOOLEAN),
      optional('RadioGpsEnabled', BOOLEAN),
      optional('Latitude'),
      optional('Longitude'),
      optional('RecordVideo', BOOLEAN),
      optional('RecordAppPerformanceData', BOOLEAN),
    ],
    inputs: exactly(1),
    outputs: exactly(0),
    timeoutMs: HOUR_MS,
  },
];
