/** Command executions: asked for in a sandbox that runs, looked at, listed. */

import type { CommandExecution } from '@aws-sdk/client-codebuild';
import { present } from '#base/assert.ts';
import { createUuid } from '#base/chance.ts';
import { PAGE_ROWS, pageOf, pageSize, pageStart } from '#services/codebuild/room.ts';
import { invalid } from '#services/codebuild/settings.ts';
import type { Handler } from '#services/service.ts';
import type { Sandboxes } from './room.ts';
import { requireSandbox, sandboxId } from './sandboxes.ts';
import { sandboxTables, type CommandRow } from './tables.ts';
import { viewCommand } from './views.ts';

const COMMAND_LENGTH_MAX = 64 * 1024;

export function executionOperations(sandboxes: Sandboxes) {
  const { room, machine } = sandboxes;
  const { database, engine } = room.house;

  async function findCommand(id: string): Promise<CommandRow | undefined> {
    return sandboxTables(database)
      .selectFrom('codebuild_command')
      .selectAll()
      .where('command_id', '=', id)
      .executeTakeFirst();
  }

  const StartCommandExecution: Handler<'codebuild', 'StartCommandExecution'> = async (call, input) => {
    const id = sandboxId(input.sandboxId);
    await requireSandbox(sandboxes, id);
    const text = input.command ?? '';
    if (text.length > COMMAND_LENGTH_MAX) {
      throw invalid(`Invalid command: it is longer than ${COMMAND_LENGTH_MAX} characters`);
    }
    if (text.includes('\0')) throw invalid('Invalid command: it has a NUL character');
    const commandId = createUuid();
    const { state } = await engine.send(machine(), id, { type: 'CommandRequested', commandId, text });
    sandboxes.notice(id);
    const row = present(await findCommand(commandId), 'the row of the command');
    return { commandExecution: viewCommand(call, state, row) };
  };

  const BatchGetCommandExecutions: Handler<'codebuild', 'BatchGetCommandExecutions'> = async (
    call,
    input,
  ) => {
    const id = sandboxId(input.sandboxId);
    const state = await engine.read(machine(), id);
    const commandExecutions: CommandExecution[] = [];
    const commandExecutionsNotFound: string[] = [];
    for (const given of new Set(input.commandExecutionIds ?? [])) {
      const row = state && (await findCommand(given));
      if (state && row?.sandbox_id === id) commandExecutions.push(viewCommand(call, state, row));
      else commandExecutionsNotFound.push(given);
    }
    return { commandExecutions, commandExecutionsNotFound };
  };

  const ListCommandExecutionsForSandbox: Handler<'codebuild', 'ListCommandExecutionsForSandbox'> = async (
    call,
    input,
  ) => {
    const id = sandboxId(input.sandboxId);
    const state = await requireSandbox(sandboxes, id);
    const start = pageStart(input.nextToken);
    const rows = await sandboxTables(database)
      .selectFrom('codebuild_command')
      .selectAll()
      .where('sandbox_id', '=', id)
      .orderBy('number', input.sortOrder === 'ASCENDING' ? 'asc' : 'desc')
      .limit(PAGE_ROWS)
      .offset(start)
      .execute();
    const page = pageOf(rows, start, pageSize(input.maxResults));
    return {
      commandExecutions: page.rows.map((row) => viewCommand(call, state, row)),
      ...(page.nextToken && { nextToken: page.nextToken }),
    };
  };

  return { StartCommandExecution, BatchGetCommandExecutions, ListCommandExecutionsForSandbox };
}
