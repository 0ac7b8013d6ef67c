/**
 * The keys of services (`alias/aws/s3`): made when they are first named, with a key policy that lets everybody in the
 * account use them through the service. The id is derived, so that two nodes which come together make one key.
 */

import type { Kysely } from 'kysely';
import { managedKeyPolicy } from '#core/key/key-policy.ts';
import { createWrapped, keepMaterial } from './material.ts';
import { keyArn, type Room } from './room.ts';
import { withTables } from './tables.ts';

export async function openManagedKey(room: Room, service: string): Promise<string> {
  const { house, machine } = room;
  const id = uuidOf(house.keyring.derive('kms.managed-key', `${house.account}/${house.region}/${service}`));
  const wrapped = await createWrapped(house.keyring, id, 1, 'SYMMETRIC_DEFAULT');
  const at = house.clock.now();
  const alongside = async (transaction: Kysely<unknown>) => {
    await keepMaterial(transaction, id, 1, wrapped);
    await withTables(transaction)
      .insertInto('kms_alias')
      .values({ name: `alias/aws/${service}`, key_id: id, created_at: at, updated_at: at })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  };
  await house.engine.send(
    machine,
    id,
    {
      type: 'KeyCreated',
      id,
      arn: keyArn(house, id),
      manager: 'AWS',
      spec: 'SYMMETRIC_DEFAULT',
      usage: 'ENCRYPT_DECRYPT',
      description: `Default key that protects my ${service} data when no other key is defined`,
      policy: managedKeyPolicy(service, house.account, house.region),
      tags: {},
      materialId: wrapped.materialId,
    },
    alongside,
  );
  return id;
}

/** 16 of the bytes as a version 4 UUID. */
function uuidOf(bytes: Buffer): string {
  const uuid = Buffer.from(bytes.subarray(0, 16));
  uuid[6] = ((uuid[6] as number) & 0x0f) | 0x40;
  uuid[8] = ((uuid[8] as number) & 0x3f) | 0x80;
  const hex = uuid.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
