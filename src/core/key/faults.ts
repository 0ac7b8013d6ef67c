/** What KMS says about keys that cannot be used, in its own texts. */

import type { KeyState } from './state.ts';

export interface KeyFault {
  readonly code: string;
  readonly message: string;
}

export function notFound(arn: string): KeyFault {
  return { code: 'NotFoundException', message: `Key '${arn}' does not exist` };
}

/** Why a key in this state does no cryptography; nothing for an enabled key. */
export function stateFault({ status, arn }: KeyState): KeyFault | undefined {
  switch (status) {
    case 'Enabled':
      return undefined;
    case 'Disabled':
      return { code: 'DisabledException', message: `${arn} is disabled.` };
    case 'PendingDeletion':
      return { code: 'KMSInvalidStateException', message: `${arn} is pending deletion.` };
    case 'Deleted':
      return notFound(arn);
  }
}
