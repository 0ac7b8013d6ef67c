/**
 * Grants: made by whoever may, counted at once, and given back by their retiring principal or taken back by the key's
 * administrators. Tokens are chance; only their hashes are kept.
 */

import { createHash, randomBytes } from 'node:crypto';
import { fault } from '#base/fault.ts';
import { stateFault } from '#core/key/faults.ts';
import { GRANT_CONDITION, isGrantPrincipal } from '#core/key/grant.ts';
import type { Call, Handler } from '#services/service.ts';
import { authorize, callConditions, checkDryRun, findKeyById, type FoundKey } from './finding.ts';
import { bodyOf, hashToken, type GrantBody } from './grant-rows.ts';
import { pageOf } from './paging.ts';
import { GRANTS_PER_KEY_MAX, type Room } from './room.ts';
import { withTables, type GrantRow } from './tables.ts';

export function grantOperations(room: Room) {
  const { house } = room;

  const CreateGrant: Handler<'kms', 'CreateGrant'> = async (call, input) => {
    const key = await findKeyById(room, call, 'CreateGrant', input.KeyId);
    const operations = input.Operations ?? [];
    const body = {
      granteePrincipal: input.GranteePrincipal ?? '',
      ...(input.RetiringPrincipal === undefined ? {} : { retiringPrincipal: input.RetiringPrincipal }),
      operations,
      ...(input.Constraints === undefined ? {} : { constraints: { ...input.Constraints } }),
      issuingAccount: house.account,
    };
    await authorize(room, call, key, {
      action: 'CreateGrant',
      grantTokens: input.GrantTokens,
      conditions: {
        'kms:GranteePrincipal': body.granteePrincipal,
        'kms:GrantOperations': operations,
        'kms:GrantIsForAWSResource': String(call.source.endsWith('.amazonaws.com')),
        ...(body.retiringPrincipal === undefined ? {} : { 'kms:RetiringPrincipal': body.retiringPrincipal }),
        ...(input.Constraints === undefined
          ? {}
          : { 'kms:GrantConstraintType': Object.keys(input.Constraints) }),
      },
    });
    checkPrincipal(input.GranteePrincipal);
    if (input.RetiringPrincipal !== undefined) checkPrincipal(input.RetiringPrincipal);
    if (operations.includes('CreateGrant')) {
      // A grantee that makes grants may make only narrower ones, which nothing here would see to.
      const message = 'Grants that allow CreateGrant are not supported.';
      throw fault('UnsupportedOperationException', message);
    }
    const blocked = stateFault(key.state);
    if (blocked) throw fault(blocked.code, blocked.message);
    checkDryRun(input.DryRun);
    const token = randomBytes(48).toString('base64url');
    const id = await keep(room, key, body, input.Name ?? null, token, call.at);
    return { GrantId: id, GrantToken: token };
  };

  const ListGrants: Handler<'kms', 'ListGrants'> = async (call, input) => {
    const key = await findKeyById(room, call, 'ListGrants', input.KeyId);
    await authorize(room, call, key, { action: 'ListGrants' });
    const rows = await withTables(house.database.read)
      .selectFrom('kms_grant')
      .selectAll()
      .where('key_id', '=', key.state.id)
      .orderBy('grant_id')
      .execute();
    const chosen = rows.filter(
      (row) =>
        (input.GrantId === undefined || row.grant_id === input.GrantId) &&
        (input.GranteePrincipal === undefined || bodyOf(row).granteePrincipal === input.GranteePrincipal),
    );
    const { shown, page } = pageOf(chosen, (row) => row.grant_id, input, 50);
    return { Grants: shown.map((row) => grantView(row, key.state.arn)), ...page };
  };

  const ListRetirableGrants: Handler<'kms', 'ListRetirableGrants'> = async (call, input) => {
    await call.authorize({
      action: 'kms:ListRetirableGrants',
      resource: '*',
      context: callConditions(call),
    });
    const rows = await withTables(house.database.read)
      .selectFrom('kms_grant')
      .selectAll()
      .where('retiring_principal', '=', input.RetiringPrincipal ?? '')
      .orderBy('grant_id')
      .execute();
    const { shown, page } = pageOf(rows, (row) => row.grant_id, input, 50);
    const arnOf = (keyId: string) => `arn:aws:kms:${house.region}:${house.account}:key/${keyId}`;
    return { Grants: shown.map((row) => grantView(row, arnOf(row.key_id))), ...page };
  };

  const RevokeGrant: Handler<'kms', 'RevokeGrant'> = async (call, input) => {
    const key = await findKeyById(room, call, 'RevokeGrant', input.KeyId);
    await authorize(room, call, key, { action: 'RevokeGrant' });
    const row = await findGrant(room, key, input.GrantId);
    checkDryRun(input.DryRun);
    await remove(room, row);
    return {};
  };

  const RetireGrant: Handler<'kms', 'RetireGrant'> = async (call, input) => {
    const { key, row } = await grantToRetire(room, call, input);
    // Only the grant itself lets somebody retire it, besides the policies.
    const conditions = { [GRANT_CONDITION]: [row.grant_id] };
    await authorize(room, call, key, { action: 'RetireGrant', conditions });
    checkDryRun(input.DryRun);
    await remove(room, row);
    return {};
  };

  return { CreateGrant, ListGrants, ListRetirableGrants, RevokeGrant, RetireGrant };
}

function checkPrincipal(text: string | undefined): void {
  if (text !== undefined && isGrantPrincipal(text)) return;
  throw fault('InvalidArnException', `${text} is not a valid principal.`);
}

/** A grant with a name, made again as it is, is the same grant; its new token counts too. */
async function keep(
  { house }: Room,
  { state }: FoundKey,
  body: Omit<GrantBody, 'id'>,
  name: string | null,
  token: string,
  at: number,
): Promise<string> {
  const id = randomBytes(32).toString('hex');
  return await house.database.transaction(async (transaction) => {
    const rows = withTables(transaction);
    const there = await rows.selectFrom('kms_grant').selectAll().where('key_id', '=', state.id).execute();
    const same = there.find((row) => name !== null && row.name === name && isSame(bodyOf(row), body));
    if (same) {
      await rows
        .updateTable('kms_grant')
        .set({ token_hash: hashToken(token) })
        .where('grant_id', '=', same.grant_id)
        .execute();
      return same.grant_id;
    }
    if (there.length >= GRANTS_PER_KEY_MAX) {
      throw fault('LimitExceededException', `A key can have ${GRANTS_PER_KEY_MAX} grants.`);
    }
    const row: GrantRow = {
      grant_id: id,
      key_id: state.id,
      token_hash: hashToken(token),
      name,
      retiring_principal: body.retiringPrincipal ?? null,
      created_at: at,
      body: JSON.stringify({ id, ...body }),
    };
    await rows.insertInto('kms_grant').values(row).execute();
    return id;
  });
}

function isSame({ id: _, ...a }: GrantBody, b: Omit<GrantBody, 'id'>): boolean {
  const digest = (body: object) => createHash('sha256').update(JSON.stringify(body)).digest('hex');
  return digest(a) === digest(b);
}

async function findGrant({ house }: Room, { state }: FoundKey, id: string | undefined): Promise<GrantRow> {
  const row = await withTables(house.database.read)
    .selectFrom('kms_grant')
    .selectAll()
    .where('key_id', '=', state.id)
    .where('grant_id', '=', id ?? '')
    .executeTakeFirst();
  if (!row) throw fault('NotFoundException', `Grant ID ${id} not found`);
  return row;
}

async function grantToRetire(
  room: Room,
  call: Call,
  input: {
    readonly GrantToken?: string | undefined;
    readonly KeyId?: string | undefined;
    readonly GrantId?: string | undefined;
  },
): Promise<{ readonly key: FoundKey; readonly row: GrantRow }> {
  if (input.GrantToken === undefined) {
    if (input.KeyId === undefined || input.GrantId === undefined) {
      throw fault('ValidationException', 'Name the grant by its token, or by its key and its id.');
    }
    const key = await findKeyById(room, call, 'RetireGrant', input.KeyId);
    return { key, row: await findGrant(room, key, input.GrantId) };
  }
  const row = await withTables(room.house.database.read)
    .selectFrom('kms_grant')
    .selectAll()
    .where('token_hash', '=', hashToken(input.GrantToken))
    .executeTakeFirst();
  if (!row) throw fault('InvalidGrantTokenException', 'The grant token is not valid.');
  return { key: await findKeyById(room, call, 'RetireGrant', row.key_id), row };
}

async function remove({ house }: Room, row: GrantRow): Promise<void> {
  await house.database.transaction(async (transaction) => {
    await withTables(transaction).deleteFrom('kms_grant').where('grant_id', '=', row.grant_id).execute();
  });
}

function grantView(row: GrantRow, keyArn: string) {
  const body = bodyOf(row);
  return {
    KeyId: keyArn,
    GrantId: row.grant_id,
    Name: row.name ?? '',
    CreationDate: new Date(row.created_at),
    GranteePrincipal: body.granteePrincipal,
    ...(body.retiringPrincipal === undefined ? {} : { RetiringPrincipal: body.retiringPrincipal }),
    IssuingAccount: `arn:aws:iam::${body.issuingAccount}:root`,
    Operations: [...body.operations] as never[],
    ...(body.constraints === undefined
      ? {}
      : {
          Constraints: {
            EncryptionContextSubset: body.constraints.EncryptionContextSubset,
            EncryptionContextEquals: body.constraints.EncryptionContextEquals,
          },
        }),
  };
}
