/**
 * Secrets Manager: secrets with versions and staging labels, encrypted under keys of KMS, used as whoever asks.
 *
 * Gaps: rotation, which needs functions; replication to other regions; secrets of other vendors.
 *
 * By design: a forced deletion is done when it is answered. A secret that gets another key is encrypted anew at once, or
 * the request fails. A secret has at most 1,000 versions of the last 24 hours, and 100 old ones without labels.
 */

import { randomInt } from 'node:crypto';
import { createPassword } from '#core/secret/password.ts';
import { gap, type Handler, type House, type Permissions, type Service } from '#services/service.ts';
import { creatingOperations } from './creating.ts';
import { describingOperations } from './describing.ts';
import { createPolicyReader, policyOperations } from './policies.ts';
import { readingOperations } from './reading.ts';
import { createSecretSweep, removingOperations } from './removing.ts';
import type { Room } from './room.ts';
import { stagingOperations } from './staging.ts';
import { migrations } from './tables.ts';
import { taggingOperations } from './tagging.ts';
import { updatingOperations } from './updating.ts';

const rotation = gap('rotation needs Lambda functions, which are not there yet');
const replication = gap('there is one region, so secrets are not replicated');

const gaps = {
  CancelRotateSecret: rotation,
  RotateSecret: rotation,
  RemoveRegionsFromReplication: replication,
  ReplicateSecretToRegions: replication,
  StopReplicationToReplica: replication,
};

/** Authorized in their operations, since only the room knows which secret a name means, and its tags. */
const inOperation = () => [];
const permissions: Permissions<'secretsmanager'> = {
  CreateSecret: inOperation,
  DeleteResourcePolicy: inOperation,
  DeleteSecret: inOperation,
  DescribeSecret: inOperation,
  GetResourcePolicy: inOperation,
  GetSecretValue: inOperation,
  ListSecretVersionIds: inOperation,
  PutResourcePolicy: inOperation,
  PutSecretValue: inOperation,
  RestoreSecret: inOperation,
  TagResource: inOperation,
  UntagResource: inOperation,
  UpdateSecret: inOperation,
  UpdateSecretVersionStage: inOperation,
  ValidateResourcePolicy: inOperation,
};

const GetRandomPassword: Handler<'secretsmanager', 'GetRandomPassword'> = async (_call, input) => ({
  RandomPassword: createPassword(input, (count) => randomInt(count)),
});

export function openSecretsmanager(house: House): Service<'secretsmanager'> {
  const room: Room = { house };
  const sweep = createSecretSweep(house);
  return {
    name: 'secretsmanager',
    operations: {
      ...gaps,
      GetRandomPassword,
      ...creatingOperations(room),
      ...describingOperations(room),
      ...policyOperations(room),
      ...readingOperations(room),
      ...removingOperations(room),
      ...stagingOperations(room),
      ...taggingOperations(room),
      ...updatingOperations(room),
    },
    permissions,
    machines: [],
    migrations,
    resourcePolicy: createPolicyReader(room),
    async recover() {
      sweep.start();
    },
    close: () => sweep.stop(),
  };
}
