/**
 * Finds the key that a request means and asks whether the caller may use it. Every operation on a key is authorized here,
 * because only the room knows which key an alias names, and which grants a request meets.
 */

import { parseArn } from '#base/arn.ts';
import { fault } from '#base/fault.ts';
import { isKeyId } from '#core/key/ciphertext.ts';
import { ambiguousKey, contextConditions, type EncryptionContext } from '#core/key/encryption-context.ts';
import { notFound, stateFault } from '#core/key/faults.ts';
import { GRANT_CONDITION, grantsMet } from '#core/key/grant.ts';
import { serviceOfAlias } from '#core/key/key-policy.ts';
import type { KeyUsage } from '#core/key/specs.ts';
import type { KeyState } from '#core/key/state.ts';
import type { Call } from '#services/service.ts';
import { checkTokens, grantsOf } from './grant-rows.ts';
import { openManagedKey } from './managed.ts';
import { aliasArn, keyArn, type Room } from './room.ts';
import { withTables } from './tables.ts';

/** A key, and how the request named it. */
export interface FoundKey {
  readonly state: KeyState;
  /** `alias/name`, when it was named so. */
  readonly alias?: string;
}

/** By id, ARN, alias name or alias ARN. Keys of services come to be when they are first named. */
export async function findKey(
  room: Room,
  call: Call,
  action: string,
  text: string | undefined,
): Promise<FoundKey> {
  const name = localName(room, text ?? '');
  if (!name.startsWith('alias/')) return { state: await readKey(room, call, action, name) };
  const row = await withTables(room.house.database.read)
    .selectFrom('kms_alias')
    .select('key_id')
    .where('name', '=', name)
    .executeTakeFirst();
  const service = row ? undefined : serviceOfAlias(name);
  const id = row?.key_id ?? (service === undefined ? undefined : await openManagedKey(room, service));
  if (id !== undefined) return { state: await readKey(room, call, action, id), alias: name };
  const arn = aliasArn(room.house, name);
  return await refuseMissing(call, action, arn, `Alias ${arn} is not found.`);
}

/** By id or ARN: operations that change a key take no alias for it. */
export async function findKeyById(
  room: Room,
  call: Call,
  action: string,
  text: string | undefined,
): Promise<FoundKey> {
  const name = localName(room, text ?? '');
  if (name.startsWith('alias/')) throw fault('InvalidArnException', `Invalid keyId ${text}`);
  return { state: await readKey(room, call, action, name) };
}

function localName({ house }: Room, text: string): string {
  if (!text.startsWith('arn:')) return text;
  const arn = parseArn(text);
  if (arn?.service !== 'kms') throw fault('InvalidArnException', `Invalid arn ${text}`);
  if (arn.region !== house.region) throw fault('NotFoundException', `Invalid arn ${arn.region}`);
  if (arn.account !== house.account) throw fault('NotFoundException', `Key '${text}' does not exist`);
  return arn.resource.replace(/^key\//, '');
}

async function readKey({ house, machine }: Room, call: Call, action: string, id: string): Promise<KeyState> {
  const state = isKeyId(id) ? await house.engine.read(machine, id) : undefined;
  if (state && state.status !== 'Deleted') return state;
  const arn = keyArn(house, id);
  return await refuseMissing(call, action, arn, notFound(arn).message);
}

/** That something is not there is learned only by those who might do this to it. */
async function refuseMissing(call: Call, action: string, arn: string, message: string): Promise<never> {
  await call.authorize({ action: `kms:${action}`, resource: arn, context: callConditions(call) });
  throw fault('NotFoundException', message);
}

/** What a request asks of a key, besides the action. */
export interface Use {
  readonly action: string;
  readonly context?: EncryptionContext | undefined;
  readonly grantTokens?: readonly string[] | undefined;
  /** Condition keys that only this operation has. */
  readonly conditions?: Readonly<Record<string, string | readonly string[]>>;
}

/** Throws AccessDenied unless key policy, grants and identity policies together let the caller do this. */
export async function authorize(room: Room, call: Call, { state, alias }: FoundKey, use: Use): Promise<void> {
  const { context = {}, conditions = {} } = use;
  const ambiguous = ambiguousKey(context);
  if (ambiguous !== undefined) {
    const message = `The encryption context has the key ${ambiguous} twice, in different case, which policies could not tell apart.`;
    throw fault('ValidationException', message);
  }
  const grants = await grantsOf(room.house.database.read, state.id);
  const met = grantsMet(grants, context);
  await checkTokens(room.house.database.read, use.grantTokens ?? []);
  await call.authorize({
    action: `kms:${use.action}`,
    resource: state.arn,
    context: {
      ...callConditions(call),
      'kms:KeySpec': state.spec,
      'kms:KeyUsage': state.usage,
      'kms:KeyOrigin': 'AWS_KMS',
      'kms:MultiRegion': 'false',
      ...(alias === undefined ? {} : { 'kms:RequestAlias': alias }),
      ...tagConditions(state.tags),
      ...contextConditions(context),
      ...(met.length > 0 ? { [GRANT_CONDITION]: met } : {}),
      ...conditions,
    },
  });
}

/** `kms:ViaService` is there when a service passes on who called it; the service itself is nobody's way. */
export function callConditions(call: Call): Record<string, string> {
  const { principal, source, region } = call;
  const service = /^([a-z0-9-]+)\.amazonaws\.com$/.exec(source)?.[1];
  return {
    ...(principal.type === 'anonymous' ? {} : { 'kms:CallerAccount': principal.account }),
    ...(service === undefined ? {} : { 'kms:ViaService': `${service}.${region}.amazonaws.com` }),
  };
}

function tagConditions(tags: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(tags).map(([key, value]) => [`aws:ResourceTag/${key}`, value]));
}

/** Throws what KMS says when a key cannot do cryptography now, or not this kind. */
export function checkUsable({ state }: FoundKey, usage: KeyUsage, operation: string): void {
  const blocked = stateFault(state);
  if (blocked) throw fault(blocked.code, blocked.message);
  if (state.usage !== usage) {
    const message = `${state.arn} key usage is ${state.usage} which is not valid for ${operation}.`;
    throw fault('InvalidKeyUsageException', message);
  }
}

/** Everything was in order, and the caller asked that it not be done. */
export function checkDryRun(isDryRun: boolean | undefined): void {
  if (isDryRun !== true) return;
  throw fault('DryRunOperationException', 'The request would have succeeded, but the DryRun option is set.');
}
