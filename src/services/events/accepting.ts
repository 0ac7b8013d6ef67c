/**
 * The way of every event into this room, whoever sends it: it is matched first, and only what matches is written. An
 * event is known by its id on its bus, so that one that is told again, or comes around in a circle of buses, is not
 * delivered again.
 */

import { fault } from '#base/fault.ts';
import type { Json } from '#core/event-pattern/match.ts';
import type { House } from '#services/service.ts';
import type { Room } from './room.ts';
import type { BookedArchive, BookedRule } from './rule-book.ts';
import { tables } from './tables.ts';

/** An event in EventBridge's form. */
export interface Envelope {
  readonly id: string;
  /** Its whole JSON. */
  readonly text: string;
  readonly json: Json;
  readonly at: number;
}

export interface EnvelopeParts {
  readonly id: string;
  readonly source: string;
  readonly detailType: string;
  readonly at: number;
  readonly resources: readonly string[];
  /** JSON of an object, kept as it was written. */
  readonly detail: string;
}

export function createEnvelope({ account, region }: House, parts: EnvelopeParts): Envelope {
  const head = {
    version: '0',
    id: parts.id,
    'detail-type': parts.detailType,
    source: parts.source,
    account,
    time: secondsOf(parts.at),
    region,
    resources: parts.resources,
  };
  const text = `${JSON.stringify(head).slice(0, -1)},"detail":${parts.detail}}`;
  return { id: parts.id, text, json: JSON.parse(text) as Json, at: parts.at };
}

/** Durable when it resolves. */
export async function acceptEvent(room: Room, bus: string, envelope: Envelope): Promise<void> {
  const { rules, archives } = await room.ruleBook.match(bus, envelope.json);
  if (archives.length > 0) await archiveEvent(room, archives, envelope);
  await deliverEvent(room, rules, envelope, bus);
}

/** To the targets of these rules; `occasion` tells apart the ways on which one event comes to one rule. */
export async function deliverEvent(
  { house, deliveries }: Room,
  rules: readonly BookedRule[],
  envelope: Envelope,
  occasion: string,
): Promise<void> {
  await Promise.all(
    rules.map(({ id, name, arn, targets }) =>
      house.engine.send(deliveries, `${occasion}/${envelope.id}/${id}`, {
        type: 'EventMatched',
        event: envelope.text,
        rule: { name, arn },
        targets,
      }),
    ),
  );
}

async function archiveEvent(
  { house }: Room,
  archives: readonly BookedArchive[],
  envelope: Envelope,
): Promise<void> {
  const rows = archives.map(({ id }) => ({
    archive_id: id,
    at: envelope.at,
    event_id: envelope.id,
    event: envelope.text,
    size: Buffer.byteLength(envelope.text),
    archived_at: house.clock.now(),
  }));
  await house.database.transaction(async (transaction) => {
    await tables(transaction)
      .insertInto('events_archived')
      .values(rows)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }, 'snapshot');
}

/** AWS shows whole seconds. */
function secondsOf(at: number): string {
  const text = new Date(at).toISOString();
  if (text.length !== 24) throw fault('ValidationException', 'The time of an event is out of range.');
  return `${text.slice(0, 19)}Z`;
}
