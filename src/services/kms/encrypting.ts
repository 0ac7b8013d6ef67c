/** Encrypt, Decrypt and ReEncrypt: with symmetric keys under an encryption context, and with RSA keys without one. */

import { assert, present } from '#base/assert.ts';
import { fault } from '#base/fault.ts';
import { parseCiphertext, type ParsedCiphertext } from '#core/key/ciphertext.ts';
import type { EncryptionContext } from '#core/key/encryption-context.ts';
import type { EncryptionAlgorithm } from '#core/key/specs.ts';
import type { KeyState } from '#core/key/state.ts';
import type { Call, Handler } from '#services/service.ts';
import { openWithPair, sealWithPair } from './asymmetric.ts';
import { authorize, checkDryRun, checkUsable, findKey, type FoundKey } from './finding.ts';
import { materialGone, useMaterial } from './material.ts';
import { keyArn, type Room } from './room.ts';
import { open, seal } from './symmetric.ts';

const PLAINTEXT_BYTES_MAX = 4096;

export function encryptionOperations(room: Room) {
  const Encrypt: Handler<'kms', 'Encrypt'> = async (call, input) => {
    const key = await findKey(room, call, 'Encrypt', input.KeyId);
    const algorithm = readAlgorithm(input.EncryptionAlgorithm);
    const context = input.EncryptionContext ?? {};
    const grantTokens = input.GrantTokens;
    const conditions = { 'kms:EncryptionAlgorithm': algorithm };
    await authorize(room, call, key, { action: 'Encrypt', context, grantTokens, conditions });
    checkUsable(key, 'ENCRYPT_DECRYPT', 'Encrypt');
    checkDryRun(input.DryRun);
    const plaintext = input.Plaintext ?? new Uint8Array();
    const blob = await encrypt(room, key.state, algorithmFor(key.state, algorithm), plaintext, context);
    return { CiphertextBlob: blob, KeyId: key.state.arn, EncryptionAlgorithm: algorithm };
  };

  const Decrypt: Handler<'kms', 'Decrypt'> = async (call, input) => {
    checkRecipient(input.Recipient);
    const algorithm = readAlgorithm(input.EncryptionAlgorithm);
    const source: Source = {
      operation: 'Decrypt',
      blob: input.CiphertextBlob,
      keyId: input.KeyId,
      algorithm,
      context: input.EncryptionContext ?? {},
      grantTokens: input.GrantTokens,
    };
    const { state, plaintext, material } = await decrypt(room, call, source, input.DryRun);
    return {
      KeyId: state.arn,
      Plaintext: plaintext,
      EncryptionAlgorithm: algorithm,
      ...(material === undefined ? {} : { KeyMaterialId: material }),
    };
  };

  const ReEncrypt: Handler<'kms', 'ReEncrypt'> = async (call, input) => {
    const sourceAlgorithm = readAlgorithm(input.SourceEncryptionAlgorithm);
    const algorithm = readAlgorithm(input.DestinationEncryptionAlgorithm);
    const context = input.DestinationEncryptionContext ?? {};
    const grantTokens = input.GrantTokens;
    const key = await findKey(room, call, 'ReEncryptTo', input.DestinationKeyId);
    const conditions = { 'kms:EncryptionAlgorithm': algorithm };
    await authorize(room, call, key, { action: 'ReEncryptTo', context, grantTokens, conditions });
    checkUsable(key, 'ENCRYPT_DECRYPT', 'ReEncrypt');
    const source: Source = {
      operation: 'ReEncryptFrom',
      blob: input.CiphertextBlob,
      keyId: input.SourceKeyId,
      algorithm: sourceAlgorithm,
      context: input.SourceEncryptionContext ?? {},
      grantTokens,
    };
    const opened = await decrypt(room, call, source, input.DryRun);
    const chosen = algorithmFor(key.state, algorithm);
    const blob = await encrypt(room, key.state, chosen, opened.plaintext, context);
    opened.plaintext.fill(0);
    return {
      CiphertextBlob: blob,
      SourceKeyId: opened.state.arn,
      KeyId: key.state.arn,
      SourceEncryptionAlgorithm: sourceAlgorithm,
      DestinationEncryptionAlgorithm: algorithm,
    };
  };

  return { Encrypt, Decrypt, ReEncrypt };
}

export function checkRecipient(recipient: unknown): void {
  if (recipient === undefined) return;
  throw fault('UnsupportedOperationException', 'Answers for enclaves (Recipient) are not supported.');
}

function readAlgorithm(text: string = 'SYMMETRIC_DEFAULT'): EncryptionAlgorithm {
  switch (text) {
    case 'SYMMETRIC_DEFAULT':
    case 'RSAES_OAEP_SHA_1':
    case 'RSAES_OAEP_SHA_256':
      return text;
    default:
      throw fault('UnsupportedOperationException', `The algorithm ${text} is not supported.`);
  }
}

function algorithmFor({ arn, spec }: KeyState, wanted: EncryptionAlgorithm): EncryptionAlgorithm {
  if ((spec === 'SYMMETRIC_DEFAULT') === (wanted === 'SYMMETRIC_DEFAULT')) return wanted;
  const message = `Algorithm ${wanted} and key spec ${spec} are incompatible: ${arn}`;
  throw fault('InvalidKeyUsageException', message);
}

/** With the key's current material. */
export async function encrypt(
  room: Room,
  state: KeyState,
  algorithm: EncryptionAlgorithm,
  plaintext: Uint8Array,
  context: EncryptionContext,
  bytesMax: number = PLAINTEXT_BYTES_MAX,
): Promise<Buffer> {
  assert(plaintext.length <= bytesMax, 'a plaintext is longer than the model lets through');
  if (algorithm !== 'SYMMETRIC_DEFAULT' && Object.keys(context).length > 0) {
    throw fault('ValidationException', 'An encryption context is only for symmetric keys.');
  }
  const number = present(state.materials.at(-1), 'the current material of a key').number;
  const blob = await useMaterial(room.house, state.id, number, (material) =>
    algorithm === 'SYMMETRIC_DEFAULT'
      ? seal(material, state.id, number, plaintext, context)
      : sealWithPair(material, algorithm, plaintext),
  );
  if (!blob) throw materialGone(state.arn);
  return blob;
}

interface Source {
  readonly operation: 'Decrypt' | 'ReEncryptFrom';
  readonly blob: Uint8Array | undefined;
  readonly keyId: string | undefined;
  readonly algorithm: EncryptionAlgorithm;
  readonly context: EncryptionContext;
  readonly grantTokens: readonly string[] | undefined;
}

interface Opened {
  readonly state: KeyState;
  readonly plaintext: Buffer;
  /** Id of the material that had sealed it; only of symmetric keys. */
  readonly material?: string;
}

async function decrypt(
  room: Room,
  call: Call,
  source: Source,
  isDryRun: boolean | undefined,
): Promise<Opened> {
  const blob = source.blob ?? new Uint8Array();
  const isSymmetric = source.algorithm === 'SYMMETRIC_DEFAULT';
  const parsed = isSymmetric ? parseCiphertext(blob) : undefined;
  if (isSymmetric && !parsed && source.keyId === undefined) throw invalidCiphertext();
  const key = await sourceKey(room, call, source, parsed);
  const { context, grantTokens } = source;
  const conditions = { 'kms:EncryptionAlgorithm': source.algorithm };
  await authorize(room, call, key, { action: source.operation, context, grantTokens, conditions });
  checkUsable(key, 'ENCRYPT_DECRYPT', 'Decrypt');
  algorithmFor(key.state, source.algorithm);
  if (isSymmetric && !parsed) throw invalidCiphertext();
  const { state } = key;
  const number = parsed?.material ?? 1;
  const plaintext = await useMaterial(room.house, state.id, number, (material) =>
    parsed ? open(material, parsed, context) : openWithPair(material, source.algorithm, blob),
  );
  if (!plaintext) throw invalidCiphertext();
  checkDryRun(isDryRun);
  const material = parsed && state.materials.find((each) => each.number === number)?.id;
  return { state, plaintext, ...(material === undefined ? {} : { material }) };
}

/** A symmetric blob names its key; if the caller names one too, it must be that one. */
async function sourceKey(
  room: Room,
  call: Call,
  { keyId, operation }: Source,
  parsed: ParsedCiphertext | undefined,
): Promise<FoundKey> {
  if (!parsed) {
    if (keyId !== undefined) return await findKey(room, call, operation, keyId);
    throw fault('ValidationException', 'KeyId is required for ciphertexts of asymmetric keys.');
  }
  if (keyId === undefined) {
    // A key that was deleted is missed by name; one that never was is a blob that nobody made.
    const known = await room.house.engine.read(room.machine, parsed.keyId);
    if (!known) throw invalidCiphertext();
    return await findKey(room, call, operation, keyArn(room.house, parsed.keyId));
  }
  const named = await findKey(room, call, operation, keyId);
  if (named.state.id === parsed.keyId) return named;
  const message = 'The key ID in the request does not identify a CMK that can perform this operation.';
  throw fault('IncorrectKeyException', message);
}

/** One answer for whatever was altered, so that it tells nothing. */
function invalidCiphertext(): Error {
  const message = 'The ciphertext, or its encryption context, is not what was encrypted.';
  return fault('InvalidCiphertextException', message);
}
