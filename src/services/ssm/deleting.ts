/** Parameters that are deleted, with all their versions; their names are free at once. */

import { isFault } from '#base/fault.ts';
import type { Handler } from '#services/service.ts';
import { findParameter, locate, permissionFor, requireParameter } from './finding.ts';
import { parameterNotFound, type Room } from './room.ts';
import type { ParameterRow } from './tables.ts';

export function deletingOperations(room: Room) {
  const { house, machine } = room;

  const DeleteParameter: Handler<'ssm', 'DeleteParameter'> = async (call, input) => {
    await remove(await requireParameter(room, call, 'DeleteParameter', input.Name));
    return {};
  };

  const DeleteParameters: Handler<'ssm', 'DeleteParameters'> = async (call, input) => {
    const names = [...new Set(input.Names ?? [])];
    const targets = await Promise.all(names.map((text) => locate(room, text)));
    await call.authorize(...targets.map((target) => permissionFor('DeleteParameters', target)));
    const DeletedParameters: string[] = [];
    const InvalidParameters: string[] = [];
    for (const { row, text, reference } of targets) {
      const isDeleted = row && reference?.selector === undefined && (await removeIfThere(row));
      (isDeleted === true ? DeletedParameters : InvalidParameters).push(text);
    }
    return { DeletedParameters, InvalidParameters };
  };

  async function removeIfThere(row: ParameterRow): Promise<boolean> {
    try {
      await remove(row);
      return true;
    } catch (error) {
      if (isFault(error, 'ParameterNotFound')) return false;
      throw error;
    }
  }

  /** Somebody else may have been faster: then there is no machine any more, or another one under this name. */
  async function remove({ name, parameter_id }: ParameterRow): Promise<void> {
    await house.engine.send(machine, parameter_id, { type: 'ParameterDeleted' }, async (transaction) => {
      const there = await findParameter(transaction, [name]);
      if (there?.parameter_id !== parameter_id) throw parameterNotFound(name);
    });
  }

  return { DeleteParameter, DeleteParameters };
}
