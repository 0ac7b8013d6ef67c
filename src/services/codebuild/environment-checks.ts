/** What of an environment, a VPC and tags no build could honour, in the words of AWS where they are known. */

import type { ProjectEnvironment, Tag, VpcConfig } from '@aws-sdk/client-codebuild';
import { fault } from '#base/fault.ts';
import { isCurated } from './curated-images.ts';

const TAGS_MAX = 50;
const SUBNETS_MAX = 16;
const SECURITY_GROUPS_MAX = 5;
const TAG_KEY = /^[\p{L}\p{N}\s_.:/=+@-]{1,127}$/u;
const TAG_VALUE = /^[\p{L}\p{N}\s_.:/=+@-]{0,255}$/u;

const invalid = (message: string) => fault('InvalidInputException', message);

export function checkEnvironment(environment: ProjectEnvironment): void {
  const {
    image = '',
    registryCredential,
    imagePullCredentialsType,
    computeConfiguration,
    computeType,
  } = environment;
  if (isCurated(image) && imagePullCredentialsType === 'SERVICE_ROLE') {
    throw invalid('Invalid environment: images of CodeBuild need imagePullCredentialsType CODEBUILD');
  }
  if (registryCredential && imagePullCredentialsType !== 'SERVICE_ROLE') {
    throw invalid('Invalid environment: registryCredential needs imagePullCredentialsType SERVICE_ROLE');
  }
  const isCustom = computeType === 'ATTRIBUTE_BASED_COMPUTE' || computeType === 'CUSTOM_INSTANCE_TYPE';
  if (computeConfiguration && !isCustom) {
    throw invalid(
      'Invalid environment: computeConfiguration is only for ATTRIBUTE_BASED_COMPUTE and CUSTOM_INSTANCE_TYPE',
    );
  }
  for (const { name = '', value = '', type } of environment.environmentVariables ?? []) {
    if (type !== undefined && type !== 'PLAINTEXT' && value === '') {
      throw invalid(`Invalid environment: the variable ${name} of type ${type} has no value`);
    }
  }
}

export function checkVpc(vpc: VpcConfig | undefined): void {
  if (!vpc?.vpcId) return;
  const bounds = [
    ['subnets', vpc.subnets?.length ?? 0, SUBNETS_MAX],
    ['securityGroupIds', vpc.securityGroupIds?.length ?? 0, SECURITY_GROUPS_MAX],
  ] as const;
  for (const [name, count, max] of bounds) {
    if (count < 1 || count > max) throw invalid(`Invalid vpc config: ${name} must be between 1 and ${max}`);
  }
}

export function checkTags(tags: readonly Tag[] | undefined, what: string): void {
  const all = tags ?? [];
  if (all.length > TAGS_MAX) throw invalid(`A ${what} can have ${TAGS_MAX} tags`);
  if (new Set(all.map(({ key }) => key)).size < all.length)
    throw invalid('Invalid tags: a key is there twice');
  for (const { key = '', value = '' } of all) {
    if (!TAG_KEY.test(key) || !TAG_VALUE.test(value) || key.startsWith('aws:')) {
      throw invalid(`Invalid tags: ${key.slice(0, 127)}`);
    }
  }
}
