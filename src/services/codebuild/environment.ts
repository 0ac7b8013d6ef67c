/**
 * The environment that a build's commands start with. For one name, CodeBuild's own variables win over StartBuild's,
 * those over the project's, and those over the buildspec's.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html
 */

import type { BatchPart } from '#core/batch/batch-spec.ts';
import type { Buildspec } from '#core/buildspec/buildspec.ts';
import type { Bench } from './bench.ts';
import { CREDENTIALS_PREFIX, credentialsToken } from './credentials.ts';
import type { SourcePlace } from './places.ts';
import { gitHelperVariables } from './git-helper.ts';
import { projectArn } from './room.ts';
import { authoritiesFor } from './authorities.ts';
import { resolveValues } from './secret-values.ts';

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

export async function createEnvironment(
  bench: Bench,
  spec: Buildspec,
  places: readonly SourcePlace[],
  resolvedVersion: string | undefined,
): Promise<ReadonlyMap<string, string>> {
  const variables = new Map<string, string>(Object.entries(spec.environment.variables));
  for (const { name, value } of bench.plan.environment.variables) variables.set(name, value);
  for (const [name, value] of await resolveValues(bench, spec)) variables.set(name, value);
  for (const [name, value] of ownVariables(bench, places, resolvedVersion)) variables.set(name, value);
  for (const [name, value] of gitHelperVariables(bench, spec)) variables.set(name, value);
  for (const name of variables.keys()) {
    if (NAME.test(name)) continue;
    bench.say(`Warning: variable '${name}' is not set: a shell cannot have a variable of this name`);
    variables.delete(name);
  }
  return variables;
}

function ownVariables(
  bench: Bench,
  places: readonly SourcePlace[],
  resolvedVersion: string | undefined,
): [string, string][] {
  const { plan, sandbox, room } = bench;
  const { house } = room;
  const [primary, ...secondary] = places;
  const endpoint = house.endpoint();
  return [
    ['HOME', sandbox.home],
    ['AWS_DEFAULT_REGION', house.region],
    ['AWS_REGION', house.region],
    ['AWS_ENDPOINT_URL', endpoint],
    ['AWS_CONTAINER_CREDENTIALS_FULL_URI', `${endpoint}${CREDENTIALS_PREFIX}${plan.uuid}`],
    ['AWS_CONTAINER_AUTHORIZATION_TOKEN', credentialsToken(house, plan.uuid)],
    ...authorityVariables(bench),
    ['AWS_EXECUTION_ENV', 'AWS_ECS_EC2'],
    ['CODEBUILD_CI', 'true'],
    ['CODEBUILD_CONTAINER_NAME', 'default'],
    ['CODEBUILD_BUILD_ARN', plan.arn],
    ['CODEBUILD_BUILD_ID', plan.id],
    ['CODEBUILD_BUILD_IMAGE', plan.environment.image],
    ['CODEBUILD_BUILD_NUMBER', String(bench.number)],
    ['CODEBUILD_BUILD_SUCCEEDING', '1'],
    ['CODEBUILD_INITIATOR', plan.initiator],
    ['CODEBUILD_KMS_KEY_ID', plan.encryptionKey],
    ['CODEBUILD_LOG_PATH', plan.logs?.streamName ?? ''],
    ['CODEBUILD_PROJECT_ARN', projectArn(house, plan.projectName)],
    ['CODEBUILD_START_TIME', String(bench.startAt)],
    ['CODEBUILD_SOURCE_REPO_URL', repoUrl(primary)],
    ['CODEBUILD_SOURCE_VERSION', sourceVersion(bench)],
    ['CODEBUILD_SRC_DIR', primary?.path ?? ''],
    ...(resolvedVersion === undefined ? [] : [['CODEBUILD_RESOLVED_SOURCE_VERSION', resolvedVersion]]),
    ...Object.entries(plan.webhook ?? {}),
    ...(plan.batch ? batchVariables(plan.batch) : []),
    ...secondary.flatMap((place) => [
      [`CODEBUILD_SRC_DIR_${place.source.identifier}`, place.path],
      [`CODEBUILD_SOURCE_REPO_URL_${place.source.identifier}`, repoUrl(place)],
      [`CODEBUILD_SOURCE_VERSION_${place.source.identifier}`, place.source.version ?? ''],
    ]),
  ] as [string, string][];
}

/** How the programs of a build come to trust an endpoint whose certificate only this installation vouches for. */
function authorityVariables(bench: Bench): [string, string][] {
  const path = authoritiesFor(bench);
  if (path === undefined) return [];
  const names = ['AWS_CA_BUNDLE', 'GIT_SSL_CAINFO', 'SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS'];
  return names.map((name) => [name, path]);
}

/** The part of a fan-out is for `codebuild-tests-run`; AWS does not tell how it knows. */
function batchVariables({ identifier, shard }: BatchPart): [string, string][] {
  return [
    ['CODEBUILD_BATCH_BUILD_IDENTIFIER', identifier],
    ...(shard
      ? ([
          ['CODEBUILD_BATCH_SHARD_INDEX', String(shard.index)],
          ['CODEBUILD_BATCH_SHARD_TOTAL', String(shard.total)],
        ] as [string, string][])
      : []),
  ];
}

/** Under CodePipeline the version is where the input artifact lies. */
function sourceVersion({ plan }: Bench): string {
  return plan.source.type === 'CODEPIPELINE' && plan.source.location
    ? `arn:aws:s3:::${plan.source.location}`
    : (plan.sourceVersion ?? '');
}

function repoUrl(place: SourcePlace | undefined): string {
  switch (place?.source.type) {
    case 'S3':
      return `s3://${place.source.location ?? ''}`;
    case 'CODECOMMIT':
    case 'GITHUB':
    case 'GITHUB_ENTERPRISE':
    case 'GITLAB':
    case 'GITLAB_SELF_MANAGED':
    case 'BITBUCKET':
      return place.source.location ?? '';
    default:
      return '';
  }
}
