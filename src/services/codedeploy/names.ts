/** Names and ARNs of the room, and what may be in a name beyond what the model table can say. */

import { arnOf, parseArn } from '#base/arn.ts';
import { fault } from '#base/fault.ts';

export const APPLICATIONS_MAX = 1000;
export const GROUPS_MAX = 1000;
export const CONFIGS_MAX = 200;
export const PAGE_SIZE = 100;
export const DESCRIPTION_CHARACTERS_MAX = 256;
export const TAGS_MAX = 50;

const NAME = /^[A-Za-z0-9._+=,@-]{1,100}$/;

export interface Place {
  readonly account: string;
  readonly region: string;
}

export function applicationArn({ region, account }: Place, application: string): string {
  return arnOf('codedeploy', region, account, `application:${application}`);
}

export function groupArn({ region, account }: Place, application: string, group: string): string {
  return arnOf('codedeploy', region, account, `deploymentgroup:${application}/${group}`);
}

export function configArn({ region, account }: Place, config: string): string {
  return arnOf('codedeploy', region, account, `deploymentconfig:${config}`);
}

export function instanceArn({ region, account }: Place, instance: string): string {
  return arnOf('codedeploy', region, account, `instance/${instance}`);
}

/**
 * Application or group of a tag operation. Only the one spelling that policies are asked about is taken: not another
 * partition, region or account, and nothing behind the name.
 */
export function parseTaggedArn(
  place: Place,
  text: string,
): { readonly application: string; readonly group?: string } {
  const arn = parseArn(text);
  if (arn?.service !== 'codedeploy') throw fault('InvalidArnException', `The ARN ${text} is not valid.`);
  const [, kind, rest = ''] = /^([a-z]+):(.*)$/.exec(arn.resource) ?? [];
  const [application = '', group] = rest.split('/');
  if (kind === 'application' && applicationArn(place, application) === text) return { application };
  if (kind === 'deploymentgroup' && group !== undefined && groupArn(place, application, group) === text) {
    return { application, group };
  }
  throw fault(
    'ArnNotSupportedException',
    `Tags belong to applications and deployment groups of this account and region, not to ${text}.`,
  );
}

export function applicationName(name: string | undefined): string {
  return checkName(
    name,
    'ApplicationNameRequiredException',
    'InvalidApplicationNameException',
    'application',
  );
}

export function groupName(name: string | undefined): string {
  return checkName(
    name,
    'DeploymentGroupNameRequiredException',
    'InvalidDeploymentGroupNameException',
    'deployment group',
  );
}

export function configName(name: string | undefined): string {
  return checkName(
    name,
    'DeploymentConfigNameRequiredException',
    'InvalidDeploymentConfigNameException',
    'deployment configuration',
  );
}

export function instanceName(name: string | undefined): string {
  const checked = checkName(
    name,
    'InstanceNameRequiredException',
    'InvalidInstanceNameException',
    'instance',
  );
  if (!checked.startsWith('i-')) return checked;
  throw fault('InvalidInstanceNameException', 'The name of an on-premises instance cannot begin with "i-".');
}

/** Required and of AWS's form; whether it exists is another question. */
export function deploymentId(id: string | undefined): string {
  if (!id) throw fault('DeploymentIdRequiredException', 'A deployment ID must be specified.');
  if (/^d-[A-Z0-9]{1,20}$/.test(id)) return id;
  throw fault(
    'InvalidDeploymentIdException',
    `The deployment ID ${id.slice(0, 64)} is not in a valid format.`,
  );
}

export function description(text: string | undefined): string | undefined {
  if (text === undefined || text.length <= DESCRIPTION_CHARACTERS_MAX) return text;
  throw fault(
    'DescriptionTooLongException',
    `The description has ${text.length} characters; ${DESCRIPTION_CHARACTERS_MAX} are allowed.`,
  );
}

function checkName(name: string | undefined, required: string, invalid: string, what: string): string {
  if (!name) throw fault(required, `The name of the ${what} must be specified.`);
  if (NAME.test(name)) return name;
  const shown = name.slice(0, 128);
  throw fault(
    invalid,
    `The ${what} name ${shown} is not valid: up to 100 letters, digits and the characters . _ + = , @ - are allowed.`,
  );
}
