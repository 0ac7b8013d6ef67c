/**
 * What nodes that share a database tell each other: one short text, heard by the others when the transaction that tells
 * it commits. PostgreSQL carries it (LISTEN and NOTIFY) over a connection of its own. Notices only make things prompt:
 * one can be lost with the connection, so whatever they speak of must also be found by looking.
 */

import { type Kysely, sql } from 'kysely';
import pg from 'pg';
import { createChance } from '#base/chance.ts';
import type { Log } from '#base/log.ts';

export interface Notices {
  /** Inside a transaction: when it commits, the other nodes hear it. PostgreSQL takes at most 8000 bytes. */
  tell(transaction: Kysely<unknown>, text: string): Promise<void>;
  /**
   * From now on `hear` gets what other nodes tell; `undefined` means that the connection was away for a while and
   * anything may have been told.
   */
  listen(hear: (text: string | undefined) => void): void;
}

export interface OpenNotices extends Notices {
  close(): Promise<void>;
}

const CHANNEL = 'slipway';
const AGAIN_MS = 1_000;

/** Nobody listens, and no connection is made, until somebody asks. */
export function openNotices(url: string, log: Log): OpenNotices {
  const node = createChance().slice(0, 12);
  const hearers: ((text: string | undefined) => void)[] = [];
  let client: pg.Client | undefined;
  let again: NodeJS.Timeout | undefined;
  let isClosed = false;
  let connecting: Promise<void> | undefined;

  const tellHearers = (text: string | undefined) => {
    for (const hear of hearers) hear(text);
  };

  async function connect(): Promise<void> {
    const fresh = new pg.Client({ connectionString: url, application_name: 'slipway notices' });
    const lose = (error?: unknown) => {
      if (client !== fresh || isClosed) return;
      client = undefined;
      log.warn('the connection for notices was lost', { error });
      void fresh.end().catch(() => {});
      connectLater();
    };
    client = fresh;
    fresh.on('error', lose);
    fresh.on('end', lose);
    fresh.on('notification', ({ payload = '' }) => {
      const space = payload.indexOf(' ');
      if (payload.slice(0, space) !== node) tellHearers(payload.slice(space + 1));
    });
    try {
      await fresh.connect();
      await fresh.query(`listen ${CHANNEL}`);
      tellHearers(undefined);
    } catch (error) {
      lose(error);
    }
  }

  function connectLater(): void {
    again = setTimeout(() => (connecting = connect()), AGAIN_MS);
    again.unref();
  }

  return {
    async tell(transaction, text) {
      await sql`select pg_notify(${CHANNEL}, ${`${node} ${text}`})`.execute(transaction);
    },
    listen(hear) {
      hearers.push(hear);
      connecting ??= connect();
    },
    async close() {
      isClosed = true;
      clearTimeout(again);
      await connecting;
      await client?.end().catch(() => {});
    },
  };
}
