/** Staging labels that somebody moves by hand. */

import { moveStage } from '#core/secret/stages.ts';
import type { Handler } from '#services/service.ts';
import { refuseDeleted, requireAgain, requireSecret, type Room } from './room.ts';
import { touch } from './updating.ts';
import { readVersion, stagesOf, versionNotFound, writeStages } from './versions.ts';

export function stagingOperations(room: Room) {
  const { database } = room.house;

  const UpdateSecretVersionStage: Handler<'secretsmanager', 'UpdateSecretVersionStage'> = async (
    call,
    input,
  ) => {
    const stage = input.VersionStage ?? '';
    const context = { 'secretsmanager:VersionStage': stage };
    const row = await requireSecret(room, call, 'UpdateSecretVersionStage', input.SecretId, context);
    const { RemoveFromVersionId: from, MoveToVersionId: to } = input;
    await database.transaction(async (transaction) => {
      refuseDeleted(await requireAgain(room, transaction, row));
      for (const id of [from, to]) {
        if (id !== undefined && !(await readVersion(transaction, row.arn, id))) {
          throw versionNotFound(`VersionId: ${id}`);
        }
      }
      const stages = moveStage(await stagesOf(transaction, row.arn), { stage, from, to });
      await writeStages(transaction, row.arn, stages);
      await touch(transaction, row.arn, call.at);
    });
    return { ARN: row.arn, Name: row.name };
  };

  return { UpdateSecretVersionStage };
}
