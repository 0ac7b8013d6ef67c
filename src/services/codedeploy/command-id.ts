/** The identifier of a host command: which event of which deployment on which host. Opaque to agents, not a secret. */

import { fault } from '#base/fault.ts';
import { LIFECYCLE_EVENTS, type LifecycleEventName } from '#core/deployment/state.ts';

export interface CommandId {
  readonly groupId: string;
  readonly deploymentId: string;
  readonly event: LifecycleEventName;
  readonly host: string;
}

export function formatCommandId({ groupId, deploymentId, event, host }: CommandId): string {
  return Buffer.from([groupId, deploymentId, event, host].join('/')).toString('base64url');
}

export function parseCommandId(text: string | undefined): CommandId {
  const parts = Buffer.from(text ?? '', 'base64url')
    .toString()
    .split('/');
  const [groupId = '', deploymentId = '', name, host = ''] = parts;
  const event = LIFECYCLE_EVENTS.find((known) => known === name);
  if (parts.length === 4 && groupId && deploymentId && event && host) {
    return { groupId, deploymentId, event, host };
  }
  throw fault('ClientException', 'The host command identifier is not one of this server.');
}
