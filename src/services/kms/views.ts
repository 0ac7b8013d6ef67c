/** Keys as KMS shows them. Pure. */

import type { KeyMetadata } from '@aws-sdk/client-kms';
import { algorithmsOf } from '#core/key/specs.ts';
import type { KeyState } from '#core/key/state.ts';

export function metadataOf(state: KeyState, account: string): KeyMetadata {
  const { deletion } = state;
  const isSymmetric = state.spec === 'SYMMETRIC_DEFAULT';
  return {
    AWSAccountId: account,
    KeyId: state.id,
    Arn: state.arn,
    CreationDate: new Date(state.createdAt),
    Enabled: state.status === 'Enabled',
    Description: state.description,
    KeyUsage: state.usage,
    KeyState: state.status === 'Deleted' ? 'PendingDeletion' : state.status,
    Origin: 'AWS_KMS',
    KeyManager: state.manager,
    KeySpec: state.spec,
    ...(state.spec === 'ECC_NIST_EDWARDS25519' ? {} : { CustomerMasterKeySpec: state.spec }),
    MultiRegion: false,
    ...algorithmMembers(state),
    ...(deletion ? { DeletionDate: new Date(deletion.at) } : {}),
    ...(isSymmetric ? { CurrentKeyMaterialId: state.materials.at(-1)?.id } : {}),
  };
}

export function algorithmMembers({ spec, usage }: Pick<KeyState, 'spec' | 'usage'>): Partial<KeyMetadata> {
  const algorithms = [...algorithmsOf(spec, usage)];
  switch (usage) {
    case 'ENCRYPT_DECRYPT':
      return { EncryptionAlgorithms: algorithms as NonNullable<KeyMetadata['EncryptionAlgorithms']> };
    case 'SIGN_VERIFY':
      return { SigningAlgorithms: algorithms as NonNullable<KeyMetadata['SigningAlgorithms']> };
    case 'GENERATE_VERIFY_MAC':
      return { MacAlgorithms: algorithms as NonNullable<KeyMetadata['MacAlgorithms']> };
  }
}
