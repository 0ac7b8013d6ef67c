/** The ARNs and names of buses, rules, archives and replays. */

import { arnOf } from '#base/arn.ts';
import type { Scope } from '#services/service.ts';

export const DEFAULT_BUS = 'default';

export function busArn({ region, account }: Scope, name: string): string {
  return arnOf('events', region, account, `event-bus/${name}`);
}

/** Rules of the default bus do not name it. */
export function ruleArn({ region, account }: Scope, bus: string, name: string): string {
  return arnOf('events', region, account, bus === DEFAULT_BUS ? `rule/${name}` : `rule/${bus}/${name}`);
}

export function archiveArn({ region, account }: Scope, name: string): string {
  return arnOf('events', region, account, `archive/${name}`);
}

export function replayArn({ region, account }: Scope, name: string): string {
  return arnOf('events', region, account, `replay/${name}`);
}

/** Buses are named by their name or their ARN. */
export function busName(nameOrArn: string | undefined): string {
  return nameOrArn?.replace(/^arn:aws[^:]*:events:[^:]*:[^:]*:event-bus\//, '') ?? DEFAULT_BUS;
}
