/**
 * KMS: keys that never leave, what they encrypt and sign, and who may use them. Material is wrapped by the house's
 * keyring; ciphertext blobs are AES-256-GCM and name their key and its material.
 *
 * Gaps: see `gaps`; signing a digest with ECDSA or PSS keys (node:crypto signs messages only), enclaves, grants that
 * allow CreateGrant.
 *
 * By design: grants count at once, so their tokens add nothing. Two pairs of an encryption context whose names differ
 * only by case are refused, because policies could not tell them apart. A key is authorized for in its operation, not
 * before it, since only the room knows which key an alias names.
 */

import { gap, type House, type Permissions, type Service } from '#services/service.ts';
import { aliasOperations } from './aliases.ts';
import { dataKeyOperations } from './data-keys.ts';
import { encryptionOperations } from './encrypting.ts';
import { grantOperations } from './grants.ts';
import { keyOperations } from './keys.ts';
import { createKeyMachine } from './machine.ts';
import { createPolicyReader, policyOperations } from './policies.ts';
import type { Room } from './room.ts';
import { rotationOperations } from './rotation.ts';
import { signingOperations } from './signing.ts';
import { migrations } from './tables.ts';
import { taggingOperations } from './tagging.ts';

const customStores = gap('there are no custom key stores; all material is kept by this installation');
const imports = gap('material that comes from elsewhere is not taken in');
const regions = gap('there is one region, so there are no multi-Region keys');

const gaps = {
  ConnectCustomKeyStore: customStores,
  CreateCustomKeyStore: customStores,
  DeleteCustomKeyStore: customStores,
  DescribeCustomKeyStores: customStores,
  DisconnectCustomKeyStore: customStores,
  UpdateCustomKeyStore: customStores,
  DeleteImportedKeyMaterial: imports,
  GetParametersForImport: imports,
  ImportKeyMaterial: imports,
  ReplicateKey: regions,
  UpdatePrimaryRegion: regions,
  DeriveSharedSecret: gap('keys for key agreement are not supported'),
  Decapsulate: gap('keys for key encapsulation are not supported'),
  Encapsulate: gap('keys for key encapsulation are not supported'),
  GetKeyLastUsage: gap('when a key was last used is in the audit records only'),
};

/** Authorized in their operations; see the header. */
const inOperation = () => [];
const permissions: Permissions<'kms'> = Object.fromEntries(
  [
    ...['CancelKeyDeletion', 'CreateAlias', 'CreateGrant', 'CreateKey', 'Decrypt', 'DeleteAlias'],
    ...['DescribeKey', 'DisableKey', 'DisableKeyRotation', 'EnableKey', 'EnableKeyRotation', 'Encrypt'],
    ...['GenerateDataKey', 'GenerateDataKeyPair', 'GenerateDataKeyPairWithoutPlaintext', 'GenerateMac'],
    ...['GenerateDataKeyWithoutPlaintext', 'GenerateRandom', 'GetKeyPolicy', 'GetKeyRotationStatus'],
    ...['GetPublicKey', 'ListGrants', 'ListKeyPolicies', 'ListKeyRotations', 'ListResourceTags'],
    ...['ListRetirableGrants', 'PutKeyPolicy', 'ReEncrypt', 'RetireGrant', 'RevokeGrant'],
    ...['RotateKeyOnDemand', 'ScheduleKeyDeletion', 'Sign', 'TagResource', 'UntagResource', 'UpdateAlias'],
    ...['UpdateKeyDescription', 'Verify', 'VerifyMac'],
  ].map((operation) => [operation, inOperation]),
);

export function openKms(house: House): Service<'kms'> {
  const machine = createKeyMachine(house);
  const room: Room = { house, machine };
  return {
    name: 'kms',
    operations: {
      ...gaps,
      ...aliasOperations(room),
      ...dataKeyOperations(room),
      ...encryptionOperations(room),
      ...grantOperations(room),
      ...keyOperations(room),
      ...policyOperations(room),
      ...rotationOperations(room),
      ...signingOperations(room),
      ...taggingOperations(room),
    },
    permissions,
    machines: [machine],
    migrations,
    resourcePolicy: createPolicyReader(room),
  };
}
