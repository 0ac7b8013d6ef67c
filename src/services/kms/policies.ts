/** Key policies: the one named `default` that every key has; checked, kept, and handed to the gateway's decisions. */

import { assert } from '#base/assert.ts';
import { fault } from '#base/fault.ts';
import { withGrants } from '#core/key/grant.ts';
import { defaultKeyPolicy, keepsControl } from '#core/key/key-policy.ts';
import type { PolicyDocument } from '#core/policy/document.ts';
import { isFaulty, parsePolicy } from '#core/policy/parse.ts';
import type { Call, Handler } from '#services/service.ts';
import { grantsOf } from './grant-rows.ts';
import { authorize, findKeyById } from './finding.ts';
import { decide, type Room } from './room.ts';

const POLICY_NAME = 'default';
/** Parsed policies that are kept, by key. */
const PARSED_MAX = 1000;

export function policyOperations(room: Room) {
  const GetKeyPolicy: Handler<'kms', 'GetKeyPolicy'> = async (call, input) => {
    const key = await findKeyById(room, call, 'GetKeyPolicy', input.KeyId);
    await authorize(room, call, key, { action: 'GetKeyPolicy' });
    checkName(input.PolicyName);
    return { Policy: key.state.policy, PolicyName: POLICY_NAME };
  };

  const PutKeyPolicy: Handler<'kms', 'PutKeyPolicy'> = async (call, input) => {
    const key = await findKeyById(room, call, 'PutKeyPolicy', input.KeyId);
    const { id, arn } = key.state;
    const bypass = input.BypassPolicyLockoutSafetyCheck;
    const conditions = { 'kms:BypassPolicyLockoutSafetyCheck': String(bypass === true) };
    await authorize(room, call, key, { action: 'PutKeyPolicy', conditions });
    checkName(input.PolicyName);
    const policy = input.Policy ?? '';
    checkPolicy(call, arn, policy, bypass);
    await decide(room, id, { type: 'PolicyPut', policy });
    return {};
  };

  const ListKeyPolicies: Handler<'kms', 'ListKeyPolicies'> = async (call, input) => {
    const key = await findKeyById(room, call, 'ListKeyPolicies', input.KeyId);
    await authorize(room, call, key, { action: 'ListKeyPolicies' });
    return { PolicyNames: [POLICY_NAME], Truncated: false };
  };

  return { GetKeyPolicy, PutKeyPolicy, ListKeyPolicies };
}

function checkName(name: string | undefined): void {
  if (name === undefined || name === POLICY_NAME) return;
  throw fault('NotFoundException', `No such policy exists: the only one of a key is named ${POLICY_NAME}.`);
}

/** Throws unless this is a policy, and one that its maker could change again. */
export function checkPolicy(call: Call, arn: string, text: string, bypass: boolean | undefined): void {
  const document = parsePolicy(text, 'resource');
  if (isFaulty(document)) {
    throw fault('MalformedPolicyDocumentException', document.faults[0] ?? 'Policy contains invalid JSON.');
  }
  if (bypass === true || keepsControl(document, call.principal, arn)) return;
  const message = 'The new key policy will not allow you to update the key policy in the future.';
  throw fault('MalformedPolicyDocumentException', message);
}

interface Known {
  readonly text: string;
  readonly grantIds: string;
  readonly document: PolicyDocument;
}

/** The key's policy with its grants. What is said of a key that is not there, the account decides. */
export function createPolicyReader({ house, machine }: Room) {
  const parsed = new Map<string, Known>();
  const absent = parsePolicy(defaultKeyPolicy(house.account), 'resource');
  assert(!isFaulty(absent), 'the default key policy is a policy');
  return async (resource: string): Promise<PolicyDocument | undefined> => {
    const id = /^arn:aws:kms:[^:]*:[^:]*:key\/([^/]+)$/.exec(resource)?.[1];
    if (id === undefined) return undefined;
    const state = await house.engine.read(machine, id);
    if (!state || state.status === 'Deleted' || state.arn !== resource) {
      parsed.delete(id);
      return absent;
    }
    const grants = await grantsOf(house.database.read, id);
    const grantIds = grants.map((grant) => grant.id).join();
    const known = parsed.get(id);
    if (known?.text === state.policy && known.grantIds === grantIds) return known.document;
    const policy = parsePolicy(state.policy, 'resource');
    // It was valid when it was put.
    if (isFaulty(policy)) throw new Error(`the policy of key ${id} is malformed`);
    const document = withGrants(policy, grants);
    const oldest = parsed.size >= PARSED_MAX ? parsed.keys().next().value : undefined;
    if (oldest !== undefined) parsed.delete(oldest);
    parsed.set(id, { text: state.policy, grantIds, document });
    return document;
  };
}
