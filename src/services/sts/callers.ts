/** Who am I, and temporary credentials for oneself. */

import { fault } from '#base/fault.ts';
import { principalArn, type Principal } from '#core/policy/principal.ts';
import type { House, Operations } from '#services/service.ts';
import { isTemporary, type Tokens } from './tokens.ts';

const SECONDS_DEFAULT = 43_200;
const ROOT_SECONDS_MAX = 3600;

export function callerOperations(house: House, tokens: Tokens) {
  return {
    async GetCallerIdentity(call) {
      const { principal } = call;
      return { UserId: userIdOf(principal), Account: house.account, Arn: principalArn(principal) };
    },

    /** Only of long-term keys: nothing is stored of temporary ones. */
    async GetAccessKeyInfo(_call, input) {
      const { principal } = await house.trust.identify(input.AccessKeyId ?? '', undefined);
      return { Account: 'account' in principal ? principal.account : house.account };
    },

    async GetSessionToken(call, input) {
      const { principal } = call;
      if ((principal.type !== 'user' && principal.type !== 'root') || isTemporary(principal)) {
        throw fault('AccessDeniedException', 'Cannot call GetSessionToken with session credentials');
      }
      if (input.SerialNumber !== undefined || input.TokenCode !== undefined) {
        throw fault(
          'AccessDeniedException',
          'MultiFactorAuthentication failed, the caller has no MFA device.',
        );
      }
      const asked = input.DurationSeconds ?? SECONDS_DEFAULT;
      const seconds = principal.type === 'root' ? Math.min(asked, ROOT_SECONDS_MAX) : asked;
      const expiresAt = call.at + 1000 * seconds;
      const credentials = tokens.issue({ ...principal, issuedAt: call.at }, expiresAt);
      return {
        Credentials: {
          AccessKeyId: credentials.accessKeyId,
          SecretAccessKey: credentials.secretAccessKey,
          SessionToken: credentials.sessionToken,
          Expiration: new Date(expiresAt),
        },
      };
    },
  } satisfies Partial<Operations<'sts'>>;
}

/** See "GetCallerIdentity": what identifies each kind of caller. */
function userIdOf(principal: Principal): string {
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
