/**
 * IAM: users, groups, roles, policies and credentials of the account; and for the gateway, who is behind a credential
 * and which policies count for a principal.
 *
 * Gaps: multi-factor devices, certificates, SAML, reports of use; git over SSH, though keys for it are kept. `gaps.ts` has
 * them all.
 *
 * By design: changes count at once, where AWS takes seconds. The contents of AWS's managed policies are our own.
 * Principals of other accounts can be trusted only as whole accounts, because nothing can be known about their users.
 */

import { fault } from '#base/fault.ts';
import type { Call, Gap, House, Operations, Permissions, Service } from '#services/service.ts';
import { absentOperations } from './absent.ts';
import { accessKeyOperations } from './access-keys.ts';
import { accountOperations } from './account.ts';
import { attachmentOperations } from './attachments.ts';
import { contextKeyOperations } from './context-keys.ts';
import type { Iam } from './entities.ts';
import { gaps } from './gaps.ts';
import { groupOperations } from './groups.ts';
import { createIdentities, trustOf } from './identities.ts';
import { identityProviderOperations } from './identity-providers.ts';
import { inlinePolicyOperations } from './inline-policies.ts';
import { createMemory } from './memory.ts';
import { instanceProfileOperations } from './instance-profiles.ts';
import { createNoteKeyUse, keyUseOperations } from './key-uses.ts';
import { passwordOperations } from './passwords.ts';
import { permissionsOf } from './permissions.ts';
import { policyOperations } from './policies.ts';
import { policyVersionOperations } from './policy-versions.ts';
import { roleOperations } from './roles.ts';
import { serviceCredentialOperations } from './service-credentials.ts';
import { serviceLinkedRoleOperations } from './service-linked-roles.ts';
import { sshKeyOperations } from './ssh-keys.ts';
import { simulationOperations } from './simulation.ts';
import { migrations, type IamTables } from './tables.ts';
import { tagOperations } from './tags.ts';
import { userOperations } from './users.ts';

export function openIam(house: House): Service<'iam'> {
  const memory = createMemory(house.clock, house.database.dialect === 'postgres');
  const iam: Iam = {
    house,
    memory,
    read: () => house.database.read.withTables<IamTables>(),
    async write(work) {
      try {
        return await house.database.transaction((transaction) => work(transaction.withTables<IamTables>()));
      } finally {
        memory.forget();
      }
    },
  };
  const operations: Operations<'iam'> = {
    ...gaps,
    ...userOperations(iam),
    ...accessKeyOperations(iam),
    ...groupOperations(iam),
    ...roleOperations(iam),
    ...inlinePolicyOperations(iam),
    ...policyOperations(iam),
    ...policyVersionOperations(iam),
    ...attachmentOperations(iam),
    ...tagOperations(iam),
    ...serviceCredentialOperations(iam),
    ...simulationOperations(iam),
    ...contextKeyOperations(iam),
    ...identityProviderOperations(iam),
    ...passwordOperations(iam),
    ...sshKeyOperations(iam),
    ...keyUseOperations(iam),
    ...serviceLinkedRoleOperations(iam),
    ...instanceProfileOperations(iam),
    ...accountOperations(iam),
    ...absentOperations(iam),
  };
  return {
    name: 'iam',
    operations: authorized(iam, operations),
    permissions: askedInside(operations),
    machines: [],
    migrations,
    resourcePolicy: (resource) => trustOf(iam, resource),
    identities: { ...createIdentities(iam), noteUse: createNoteKeyUse(iam) },
  };
}

/** The gateway asks for nothing but a valid signature, because `authorized` asks for the rest. */
function askedInside(operations: Operations<'iam'>): Permissions<'iam'> {
  return Object.fromEntries(Object.keys(operations).map((name) => [name, () => []]));
}

/** Every handler behind its permission; a gap stays a gap. */
function authorized(iam: Iam, operations: Operations<'iam'>): Operations<'iam'> {
  const guarded = Object.entries<AnyOperation>(operations as unknown as AnyOperations).map(
    ([name, operation]) => {
      if (typeof operation !== 'function') return [name, operation] as const;
      const guard: AnyHandler = async (call, input) => {
        refuseUserSessions(call);
        await call.authorize(...(await permissionsOf(iam, call, name, input)));
        return operation(call, input);
      };
      return [name, guard] as const;
    },
  );
  return Object.fromEntries(guarded) as unknown as Operations<'iam'>;
}

/** "GetSessionToken: you cannot call any IAM API operations unless MFA information is included", which never is here. */
function refuseUserSessions({ principal }: Call): void {
  if ((principal.type === 'user' || principal.type === 'root') && principal.issuedAt !== undefined) {
    throw fault('UnrecognizedClientException', 'The security token included in the request is invalid.');
  }
}

/** Operations with their types erased, as one loop over all of them sees them. */
type AnyHandler = (call: Call, input: object) => Promise<object>;
type AnyOperation = AnyHandler | Gap;
type AnyOperations = Readonly<Record<string, AnyOperation>>;
