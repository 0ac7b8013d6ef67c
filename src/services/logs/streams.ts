/** Log streams: made and deleted. */

import { createText } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { Handler, House } from '#services/service.ts';
import type { Dropping } from './dropping.ts';
import { checkUnprotected } from './groups.ts';
import { dropStreams, requireGroup, requireStream } from './room.ts';
import { tables } from './tables.ts';

export function streamOperations({ database }: House, dropping: Dropping) {
  const CreateLogStream: Handler<'logs', 'CreateLogStream'> = async (call, input) => {
    const [group, name] = [input.logGroupName ?? '', input.logStreamName ?? ''];
    const streamId = Number(createText('0123456789', 15));
    await database.transaction(async (transaction) => {
      await requireGroup(transaction, group);
      const { numInsertedOrUpdatedRows: made } = await tables(transaction)
        .insertInto('logs_stream')
        .values({
          stream_id: streamId,
          group_name: group,
          name,
          created_at: call.at,
          first_event_at: null,
          last_event_at: null,
          last_ingestion_at: null,
          event_count: 0,
          stored_bytes: 0,
          loose_chunks: 0,
          loose_size: 0,
        })
        .onConflict((conflict) => conflict.columns(['group_name', 'name']).doNothing())
        .executeTakeFirstOrThrow();
      if (made) return;
      throw fault('ResourceAlreadyExistsException', 'The specified log stream already exists');
    });
    return {};
  };

  const DeleteLogStream: Handler<'logs', 'DeleteLogStream'> = async (_call, input) => {
    await database.transaction(async (transaction) => {
      const stream = await requireStream(transaction, input.logGroupName ?? '', input.logStreamName);
      const group = await requireGroup(transaction, stream.group_name);
      checkUnprotected(group.is_protected, group.name);
      await dropStreams(tables(transaction), group.name, stream.name);
    });
    dropping.soon();
    return {};
  };

  return { CreateLogStream, DeleteLogStream };
}
