/** What a host is told about a deployment, out of a verified envelope. Names become paths, so they are checked. */

export interface Specification {
  readonly deploymentId: string;
  readonly groupId: string;
  readonly groupName: string;
  readonly applicationName: string;
  readonly appSpecFilename: string;
  readonly fileExistsBehavior: 'DISALLOW' | 'OVERWRITE' | 'RETAIN';
  readonly revision: S3Bundle;
}

export interface S3Bundle {
  readonly bucket: string;
  readonly key: string;
  readonly bundleType: 'tar' | 'tgz' | 'zip';
  readonly version: string | undefined;
  /** As it was sent, quotes included. */
  readonly eTag: string | undefined;
}

type Members = Readonly<Record<string, unknown>>;

const SAFE_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/;

/** Throws with a sentence when something that is needed is not there. */
export function parseSpecification(text: string): Specification {
  const members = objectOf(JSON.parse(text) as unknown, 'specification');
  const revision = objectOf(members['Revision'], 'Revision');
  const overrides = optional(optional(members, 'AgentActionOverrides'), 'AgentOverrides');
  return {
    // A deployment ARN may stand for the id.
    deploymentId: safe(textOf(members, 'DeploymentId').split('/').at(-1) ?? '', 'DeploymentId'),
    groupId: safe(textOf(members, 'DeploymentGroupId'), 'DeploymentGroupId'),
    groupName: textOf(members, 'DeploymentGroupName'),
    applicationName: textOf(members, 'ApplicationName'),
    appSpecFilename: safe(optionalText(members, 'AppSpecFilename') ?? 'appspec.yml', 'AppSpecFilename'),
    fileExistsBehavior: behaviorOf(optionalText(overrides, 'FileExistsBehavior')),
    revision: bundleOf(revision),
  };
}

function bundleOf(revision: Members): S3Bundle {
  const type = textOf(revision, 'RevisionType');
  if (type !== 'S3') throw new Error(`Revisions of the type ${type} are not supported by this agent.`);
  const s3 = objectOf(revision['S3Revision'], 'S3Revision');
  const bundleType = textOf(s3, 'BundleType');
  if (bundleType !== 'tar' && bundleType !== 'tgz' && bundleType !== 'zip') {
    throw new Error(`Bundles of the type ${bundleType} are not supported.`);
  }
  return {
    bucket: textOf(s3, 'Bucket'),
    key: textOf(s3, 'Key'),
    bundleType,
    version: optionalText(s3, 'Version'),
    eTag: optionalText(s3, 'ETag'),
  };
}

function behaviorOf(text: string | undefined): Specification['fileExistsBehavior'] {
  const behavior = (text ?? 'DISALLOW').toUpperCase();
  if (behavior === 'DISALLOW' || behavior === 'OVERWRITE' || behavior === 'RETAIN') return behavior;
  throw new Error(`FileExistsBehavior ${behavior} is not known.`);
}

function objectOf(value: unknown, what: string): Members {
  if (typeof value === 'object' && value !== null) return value as Members;
  throw new Error(`The specification has no ${what}.`);
}

function optional(members: Members, name: string): Members {
  const value = members[name];
  return typeof value === 'object' && value !== null ? (value as Members) : {};
}

/** Empty counts as missing. */
function optionalText(members: Members, name: string): string | undefined {
  const value = members[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function textOf(members: Members, name: string): string {
  const value = optionalText(members, name);
  if (value !== undefined) return value;
  throw new Error(`The specification has no ${name}.`);
}

function safe(text: string, name: string): string {
  if (SAFE_NAME.test(text)) return text;
  throw new Error(`${name} cannot be the name of a file.`);
}
