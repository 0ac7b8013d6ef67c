/** What the files of this room share: the house, the machine of parameters, names, limits and faults. */

import { arnOf } from '#base/arn.ts';
import { fault, type Fault } from '#base/fault.ts';
import { parameterResource } from '#core/parameter/name.ts';
import type { ParameterEffect, ParameterEvent, ParameterState } from '#core/parameter/state.ts';
import type { Machine } from '#engine/machine.ts';
import type { House, Scope } from '#services/service.ts';

export type ParameterMachine = Machine<ParameterState, ParameterEvent, ParameterEffect>;

/** AWS's quota of standard parameters; here for both tiers together. */
export const PARAMETERS_MAX = 10_000;
export const VERSIONS_MAX = 100;
export const LABELS_PER_VERSION_MAX = 10;
export const TAGS_MAX = 50;
export const DEFAULT_KEY = 'alias/aws/ssm';

export interface Room {
  readonly house: House;
  readonly machine: ParameterMachine;
}

export function parameterArn({ region, account }: Scope, name: string): string {
  return arnOf('ssm', region, account, parameterResource(name));
}

/** What the ARNs of all parameters of this account and region begin with. */
export function arnPrefix({ region, account }: Scope): string {
  return arnOf('ssm', region, account, 'parameter/');
}

export function invalid(message: string): Fault {
  return fault('ValidationException', message);
}

export function parameterNotFound(text: string): Fault {
  return fault('ParameterNotFound', `Parameter ${text} not found.`);
}
