/**
 * The whole output of hooks, as Slipway's agent sends it while scripts run: into the logs room, group
 * `/aws/codedeploy/<application>/<group>`, stream `<deploymentId>/<host>`. Pieces may come twice, after a restart of
 * the agent or a lost answer: what is stored already is known by its place in the output.
 */

import { fault, isFault } from '#base/fault.ts';
import type { House } from '#services/service.ts';
import type { CommandId } from './command-id.ts';
import { findDeployment, groupOfId, type Room } from './room.ts';
import { rows, within } from './tables.ts';

/** What our agent puts in the diagnostics of an update; other agents may send what they like, it is not kept. */
export interface OutputPiece {
  /** Bytes of the command's output before this piece. */
  readonly offset: number;
  readonly sizeBytes: number;
  /** Whole lines. */
  readonly text: string;
}

export function parseOutputPiece(payload: string | undefined): OutputPiece | undefined {
  if (payload === undefined) return undefined;
  let piece: Partial<Record<keyof OutputPiece, unknown>>;
  try {
    piece = (JSON.parse(payload) ?? {}) as typeof piece;
  } catch {
    return undefined;
  }
  const { offset, sizeBytes, text } = piece;
  const isPiece = isCount(offset) && isCount(sizeBytes) && sizeBytes > 0 && typeof text === 'string';
  return isPiece ? { offset, sizeBytes, text } : undefined;
}

export async function storeOutput(
  room: Room,
  command: CommandId,
  id: string,
  piece: OutputPiece,
): Promise<void> {
  const { database } = room.house;
  const row = await rows(database)
    .selectFrom('codedeploy_output')
    .select('received')
    .where('command_id', '=', id)
    .executeTakeFirst();
  const received = row?.received ?? 0;
  if (piece.offset + piece.sizeBytes <= received) return;
  if (piece.offset > received) {
    throw fault(
      'ClientException',
      `Output is stored up to byte ${received}; a piece began at ${piece.offset}.`,
    );
  }
  await writeLines(room, command, unseen(piece, received).replace(/\n$/, '').split('\n'));
  await database.transaction(async (transaction) => {
    await within(transaction)
      .insertInto('codedeploy_output')
      .values({
        command_id: id,
        deployment_id: command.deploymentId,
        received: piece.offset + piece.sizeBytes,
      })
      .onConflict((conflict) =>
        conflict.column('command_id').doUpdateSet({ received: piece.offset + piece.sizeBytes }),
      )
      .execute();
  });
}

/** What is new of a piece that overlaps. Where bytes that are no text hide the place, rather twice than not at all. */
function unseen({ offset, sizeBytes, text }: OutputPiece, received: number): string {
  const bytes = Buffer.from(text);
  return bytes.length === sizeBytes ? bytes.subarray(received - offset).toString('utf8') : text;
}

async function writeLines(room: Room, command: CommandId, lines: readonly string[]): Promise<void> {
  const { house } = room;
  const logGroupName = await logGroupOf(room, command);
  const logStreamName = `${command.deploymentId}/${command.host}`;
  const at = house.clock.now();
  const input = {
    logGroupName,
    logStreamName,
    // CloudWatch Logs has no empty messages.
    logEvents: lines.map((line) => ({ timestamp: at, message: line === '' ? ' ' : line })),
  };
  const caller = house.asService('codedeploy');
  try {
    await caller.send('logs:PutLogEvents', input);
  } catch (error) {
    if (!isFault(error, 'ResourceNotFoundException')) throw error;
    await createStream(house, logGroupName, logStreamName);
    await caller.send('logs:PutLogEvents', input);
  }
}

async function logGroupOf(room: Room, command: CommandId): Promise<string> {
  const group = await groupOfId(room.house, command.groupId);
  if (group) return `/aws/codedeploy/${group.application.name}/${group.row.name}`;
  const found = await findDeployment(room, command.deploymentId);
  if (!found) throw fault('ClientException', `There is no deployment ${command.deploymentId}.`);
  return `/aws/codedeploy/${found.row.application_name}/${found.row.group_name}`;
}

async function createStream(house: House, logGroupName: string, logStreamName: string): Promise<void> {
  const caller = house.asService('codedeploy');
  const ignoreExisting = (error: unknown) => {
    if (!isFault(error, 'ResourceAlreadyExistsException')) throw error;
  };
  await caller.send('logs:CreateLogGroup', { logGroupName }).catch(ignoreExisting);
  await caller.send('logs:CreateLogStream', { logGroupName, logStreamName }).catch(ignoreExisting);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
