/** The machine of keys: who makes material when it is ordered, and which rows go with a key that is deleted. */

import type { KeyEvent, KeyState, MakeMaterial } from '#core/key/state.ts';
import { keyDecider } from '#core/key/decide.ts';
import type { Machine } from '#engine/machine.ts';
import type { House } from '#services/service.ts';
import { createWrapped, keepMaterial } from './material.ts';
import { withTables } from './tables.ts';

export type KeyMachine = Machine<KeyState, KeyEvent, MakeMaterial>;

export function createKeyMachine(house: House): KeyMachine {
  return {
    kind: 'kms.key',
    decider: keyDecider,
    effects: {
      // Kept under its number: whoever comes second finds what the first one made.
      async MakeMaterial({ keyId, number }) {
        const wrapped = await createWrapped(house.keyring, keyId, number, 'SYMMETRIC_DEFAULT');
        const materialId = await house.database.transaction((transaction) =>
          keepMaterial(transaction, keyId, number, wrapped),
        );
        return { type: 'MaterialMade', number, materialId };
      },
    },
    async record(transaction, { id, before, after }) {
      const rows = withTables(transaction);
      if (!before) {
        await rows.insertInto('kms_key').values({ key_id: id, created_at: after.createdAt }).execute();
      }
      if (after.status !== 'Deleted' || before?.status === 'Deleted') return;
      for (const table of ['kms_material', 'kms_alias', 'kms_grant', 'kms_key'] as const) {
        await rows.deleteFrom(table).where('key_id', '=', id).execute();
      }
    },
  };
}
