/** Grants at rest. They never change: they are made, read and removed. */

import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import { fault } from '#base/fault.ts';
import type { Grant } from '#core/key/grant.ts';
import { withTables, type GrantRow } from './tables.ts';

/** What is kept of a grant beside its columns. */
export interface GrantBody extends Grant {
  readonly issuingAccount: string;
}

export async function grantsOf(database: Kysely<unknown>, keyId: string): Promise<readonly GrantBody[]> {
  const rows = await withTables(database)
    .selectFrom('kms_grant')
    .select('body')
    .where('key_id', '=', keyId)
    .orderBy('grant_id')
    .execute();
  return rows.map(bodyOf);
}

export function bodyOf({ body }: Pick<GrantRow, 'body'>): GrantBody {
  return JSON.parse(body) as GrantBody;
}

export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Grants count at once here, so a token adds nothing; but one that we never gave out is a mistake of the caller. */
export async function checkTokens(database: Kysely<unknown>, tokens: readonly string[]): Promise<void> {
  if (tokens.length === 0) return;
  const hashes = [...new Set(tokens.map(hashToken))];
  const rows = await withTables(database)
    .selectFrom('kms_grant')
    .select('token_hash')
    .where('token_hash', 'in', hashes)
    .execute();
  if (rows.length < hashes.length) throw fault('InvalidGrantTokenException', 'A grant token is not valid.');
}
