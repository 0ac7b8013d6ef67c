/** The machine of sandboxes as the engine runs it, and the rows that follow its state. */

import type { Kysely } from 'kysely';
import { sandboxDecider } from '#core/sandbox/decide.ts';
import type { SandboxEffect, SandboxEvent, SandboxState } from '#core/sandbox/state.ts';
import type { Change, EngineEvent } from '#engine/machine.ts';
import type { RoleSessions } from '#services/codebuild/credentials.ts';
import type { Room } from '#services/codebuild/room.ts';
import type { SandboxMachine, Sandboxes } from './room.ts';
import { killSandbox, runSandbox } from './run.ts';
import { sandboxTables } from './tables.ts';

export const SANDBOX_KIND = 'codebuild.sandbox';
/** What a command says that its sandbox took along. */
const TAKEN_ALONG = 'The sandbox ended before the command did.\n';

export function createSandboxes(room: Room, sessions: RoleSessions): Sandboxes {
  const waiting = new Map<string, () => void>();
  const sandboxes: Sandboxes = {
    room,
    sessions,
    machine: () => machine,
    notice(id) {
      const wake = waiting.get(id);
      waiting.delete(id);
      wake?.();
    },
    noticed: (id) => new Promise((resolve) => waiting.set(id, resolve)),
  };
  const machine: SandboxMachine = {
    kind: SANDBOX_KIND,
    decider: sandboxDecider,
    effects: {
      PlaceSandbox() {
        const { id: worker, name } = room.workplace;
        return Promise.resolve({ type: 'SandboxPlaced', worker: { id: worker, name } });
      },
      RunSandbox: (_effect, performance) => runSandbox(sandboxes, performance),
      KillSandbox: (_effect, { machineId }) => killSandbox(sandboxes, machineId),
    },
    record: recordCommands,
  };
  return sandboxes;
}

async function recordCommands(
  transaction: Kysely<unknown>,
  { id, before, after, event }: Change<SandboxState, SandboxEvent | EngineEvent, SandboxEffect>,
): Promise<void> {
  const rows = sandboxTables(transaction);
  const known = new Set(before?.commands.map((command) => command.id));
  for (const command of after.commands.filter((each) => !known.has(each.id))) {
    await rows
      .insertInto('codebuild_command')
      .values({
        command_id: command.id,
        sandbox_id: id,
        number: command.number,
        command: command.text,
        submitted_at: command.submitAt,
        started_at: null,
        ended_at: null,
        status: 'SUBMITTED',
        exit_code: null,
        standard_output: null,
        standard_error: null,
      })
      .execute();
  }
  if (event.type === 'SandboxPlaced') {
    await rows
      .updateTable('codebuild_sandbox')
      .set({ worker_id: after.worker?.id ?? null })
      .where('sandbox_id', '=', id)
      .execute();
  }
  if (event.type === 'CommandStarted') {
    await rows
      .updateTable('codebuild_command')
      .set({ status: 'RUNNING', started_at: event.at })
      .where('command_id', '=', event.commandId)
      .where('status', '=', 'SUBMITTED')
      .execute();
  }
  if (event.type === 'CommandEnded' && known.has(event.commandId)) {
    await rows
      .updateTable('codebuild_command')
      .set({
        status: event.exitCode === 0 ? 'SUCCEEDED' : 'FAILED',
        ended_at: event.at,
        exit_code: event.exitCode,
        standard_output: event.standardOutput,
        standard_error: event.standardError,
      })
      .where('command_id', '=', event.commandId)
      .execute();
  }
  if (!after.isComplete || before?.isComplete) return;
  await rows
    .updateTable('codebuild_command')
    .set({ status: 'FAILED', ended_at: event.at, standard_output: '', standard_error: TAKEN_ALONG })
    .where('sandbox_id', '=', id)
    .where('ended_at', 'is', null)
    .execute();
  await rows.updateTable('codebuild_sandbox').set({ is_complete: 1 }).where('sandbox_id', '=', id).execute();
}
