/** Replays: archived events told again to the rules of their bus, in the order of their times. */

import { fault } from '#base/fault.ts';
import {
  type ReplayBatch,
  replayDecider,
  type ReplayEvent,
  type ReplayOrder,
  type ReplayState,
} from '#core/event-delivery/replay.ts';
import type { Json } from '#core/event-pattern/match.ts';
import type { Machine } from '#engine/machine.ts';
import type { Handler } from '#services/service.ts';
import { deliverEvent, type Envelope } from './accepting.ts';
import { requireArchive } from './archives.ts';
import { archiveArn, busArn, replayArn } from './names.ts';
import { readPage } from './paging.ts';
import { requireBus, type Room } from './room.ts';
import { type ReplayRow, tables } from './tables.ts';

type Events<Operation extends string> = Handler<'events', Operation>;
export type ReplayMachine = Machine<ReplayState, ReplayEvent, ReplayBatch>;

const BATCH = 50;

export function createReplays(room: () => Room): ReplayMachine {
  return {
    kind: 'events.replay',
    decider: replayDecider,
    effects: { ReplayBatch: (effect, { machineId }) => replayBatch(room(), effect, machineId) },
    async record(transaction, { id, after }) {
      const changed = { state: after.status, facts: JSON.stringify(after) };
      await tables(transaction)
        .insertInto('events_replay')
        .values({ name: id, archive_arn: after.order.archiveArn, started_at: after.startedAt, ...changed })
        .onConflict((conflict) => conflict.column('name').doUpdateSet(changed))
        .execute();
    },
  };
}

export function replayOperations(room: Room, machine: ReplayMachine) {
  const { house } = room;
  const { database, engine } = house;

  const StartReplay: Events<'StartReplay'> = async (call, input) => {
    const name = input.ReplayName ?? '';
    const archive = await requireArchive(house, archiveName(input.EventSourceArn));
    const destination = input.Destination;
    if (destination?.Arn !== busArn(call, archive.bus)) {
      throw fault('ValidationException', 'The destination of a replay is the event bus of its archive.');
    }
    await requireBus(database, archive.bus);
    const [fromMs, toMs] = [input.EventStartTime?.getTime() ?? 0, input.EventEndTime?.getTime() ?? 0];
    if (fromMs >= toMs) {
      throw fault('ValidationException', 'EventStartTime must be before EventEndTime.');
    }
    const order: ReplayOrder = {
      archiveId: archive.archive_id,
      archiveArn: archiveArn(call, archive.name),
      bus: archive.bus,
      ...(destination.FilterArns?.length && { ruleArns: destination.FilterArns }),
      ...(input.Description !== undefined && { description: input.Description }),
      fromMs,
      toMs,
    };
    const { state, changed } = await engine.send(machine, name, { type: 'ReplayStarted', order });
    if (!changed) throw fault('ResourceAlreadyExistsException', `Replay ${name} already exists.`);
    return {
      ReplayArn: replayArn(call, name),
      State: 'STARTING',
      ReplayStartTime: new Date(state.startedAt),
    };
  };

  const CancelReplay: Events<'CancelReplay'> = async (call, input) => {
    const { name } = await requireReplay(input.ReplayName);
    const { state } = await engine.send(machine, name, { type: 'CancelRequested' });
    return { ReplayArn: replayArn(call, name), State: state.status };
  };

  const DescribeReplay: Events<'DescribeReplay'> = async (call, input) => {
    const row = await requireReplay(input.ReplayName);
    const { order } = factsOf(row);
    return {
      ReplayArn: replayArn(call, row.name),
      ...(order.description !== undefined && { Description: order.description }),
      Destination: {
        Arn: busArn(call, order.bus),
        ...(order.ruleArns && { FilterArns: [...order.ruleArns] }),
      },
      ...viewReplay(row),
    };
  };

  const ListReplays: Events<'ListReplays'> = async (_call, input) => {
    const prefix = input.NamePrefix ?? '';
    const { State, EventSourceArn } = input;
    const page = await readPage<ReplayRow>(
      house,
      ['ListReplays', prefix, State ?? '', EventSourceArn ?? ''],
      input,
      (row) => row.name,
      (after, limit) => {
        let query = tables(database)
          .selectFrom('events_replay')
          .selectAll()
          .where('name', '>', after)
          .where('name', '>=', prefix)
          .where('name', '<', `${prefix}\u{10ffff}`);
        if (State !== undefined) query = query.where('state', '=', State);
        if (EventSourceArn !== undefined) query = query.where('archive_arn', '=', EventSourceArn);
        return query.orderBy('name').limit(limit).execute();
      },
    );
    return { Replays: page.rows.map(viewReplay), ...page.next };
  };

  const requireReplay = async (name: string | undefined): Promise<ReplayRow> => {
    const row = await tables(database)
      .selectFrom('events_replay')
      .selectAll()
      .where('name', '=', name ?? '')
      .executeTakeFirst();
    if (row) return row;
    throw fault('ResourceNotFoundException', `Replay ${name} does not exist.`);
  };

  return { StartReplay, CancelReplay, DescribeReplay, ListReplays };
}

/** Repeated harmlessly: each event is known on the occasion of this replay. */
async function replayBatch(room: Room, { order, cursor }: ReplayBatch, name: string): Promise<ReplayEvent> {
  const { archiveId, bus, ruleArns, fromMs, toMs } = order;
  let query = tables(room.house.database)
    .selectFrom('events_archived')
    .selectAll()
    .where('archive_id', '=', archiveId)
    .where('at', '>=', cursor?.at ?? fromMs)
    .where('at', '<', toMs);
  if (cursor) {
    query = query.where((row) => row.or([row('at', '>', cursor.at), row('event_id', '>', cursor.eventId)]));
  }
  const rows = await query.orderBy('at').orderBy('event_id').limit(BATCH).execute();
  for (const row of rows) {
    const json = { ...(JSON.parse(row.event) as Record<string, Json>), 'replay-name': name };
    const envelope: Envelope = { id: row.event_id, text: JSON.stringify(json), json, at: row.at };
    const { rules } = await room.ruleBook.match(bus, json);
    const wanted = ruleArns ? rules.filter(({ arn }) => ruleArns.includes(arn)) : rules;
    await deliverEvent(room, wanted, envelope, `replay ${name}`);
  }
  const last = rows.at(-1);
  return {
    type: 'BatchReplayed',
    ...(last && { cursor: { at: last.at, eventId: last.event_id } }),
    isLast: rows.length < BATCH,
  };
}

function archiveName(arn: string | undefined): string {
  return /:archive\/([^/]+)$/.exec(arn ?? '')?.[1] ?? '';
}

function factsOf(row: ReplayRow): ReplayState {
  return JSON.parse(row.facts) as ReplayState;
}

function viewReplay(row: ReplayRow) {
  const { status, reason, order, cursor, startedAt, endedAt } = factsOf(row);
  return {
    ReplayName: row.name,
    EventSourceArn: order.archiveArn,
    State: status,
    ...(reason !== undefined && { StateReason: reason }),
    EventStartTime: new Date(order.fromMs),
    EventEndTime: new Date(order.toMs),
    ...(cursor && { EventLastReplayedTime: new Date(cursor.at) }),
    ReplayStartTime: new Date(startedAt),
    ...(endedAt !== undefined && { ReplayEndTime: new Date(endedAt) }),
  };
}
