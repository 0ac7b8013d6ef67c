/**
 * What nobody has here, because nothing in this room can make it. Tools ask for these before they delete a user or a
 * role, so the answer is the true one: there is none.
 */

import type { Operations } from '#services/service.ts';
import { findUser, userNameOf, type Iam } from './entities.ts';

export function absentOperations(iam: Iam) {
  return {
    async ListMFADevices(call, input) {
      if (input.UserName !== undefined || call.principal.type !== 'root') {
        await findUser(iam.read(), userNameOf(call, input.UserName));
      }
      return { MFADevices: [], IsTruncated: false };
    },
    async ListSigningCertificates(call, input) {
      await findUser(iam.read(), userNameOf(call, input.UserName));
      return { Certificates: [], IsTruncated: false };
    },
    async ListAccountAliases() {
      return { AccountAliases: [], IsTruncated: false };
    },
  } satisfies Partial<Operations<'iam'>>;
}
