/** Who sent a message, as its attribute SenderId shows it. AWS: "ReceiveMessage" in the SQS API reference. */

import type { Principal } from '#core/policy/principal.ts';

export function senderOf(principal: Principal): string {
  switch (principal.type) {
    case 'root':
      return principal.account;
    case 'user':
      return principal.userId;
    case 'role':
      return `${principal.roleId}:${principal.sessionName}`;
    case 'service':
      return principal.service;
    case 'anonymous':
      return 'anonymous';
  }
}
