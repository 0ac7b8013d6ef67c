/** Idempotency tokens: a request that is repeated with the same token finds what the first one made. */

import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Call } from '#services/service.ts';
import { PIPELINE_SERVICE } from './plan.ts';
import { invalid } from './settings.ts';
import { tables } from './tables.ts';

const TOKEN_MS = 5 * 60_000;
/** A pipeline asks again after the house was down; that is still the same request. */
const PIPELINE_TOKEN_MS = 7 * 24 * 3_600_000;

/** Another request with the same token came first. */
export class Repeated extends Error {
  readonly buildId: string;
  constructor(buildId: string) {
    super('repeated');
    this.buildId = buildId;
  }
}

export interface Token {
  readonly token: string;
  readonly request: string;
  readonly keptMs?: number;
}

export function tokenOf(operation: string, input: { readonly idempotencyToken?: string | undefined }): Token {
  const request = createHash('sha256')
    .update(JSON.stringify(sorted(input)))
    .digest('hex');
  return { token: `${operation}/${input.idempotencyToken ?? ''}`, request };
}

/** Throws `Repeated` for a request that came before, and a fault for another one with its token. */
export async function keepToken(
  transaction: Kysely<unknown>,
  call: Pick<Call, 'at' | 'source'>,
  { token, request, keptMs: wantedMs }: Token,
  id: string,
): Promise<void> {
  const rows = tables(transaction);
  const keptMs = wantedMs ?? (call.source === PIPELINE_SERVICE ? PIPELINE_TOKEN_MS : TOKEN_MS);
  await rows
    .deleteFrom('codebuild_token')
    .where('created_at', '<', call.at - PIPELINE_TOKEN_MS)
    .execute();
  await rows
    .deleteFrom('codebuild_token')
    .where('token', '=', token)
    .where('created_at', '<', call.at - keptMs)
    .execute();
  const known = await rows
    .selectFrom('codebuild_token')
    .selectAll()
    .where('token', '=', token)
    .executeTakeFirst();
  if (known?.request === request) throw new Repeated(known.build_id);
  if (known) throw invalid('The idempotency token was used before with different parameters');
  await rows
    .insertInto('codebuild_token')
    .values({ token, request, build_id: id, created_at: call.at })
    .execute();
}

/** The same members in the same order, whatever order they came in. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}
