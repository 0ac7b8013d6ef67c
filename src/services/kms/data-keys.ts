/** Data keys and data key pairs: made here, handed out once in plain, and kept by the caller as ciphertext. */

import { randomBytes } from 'node:crypto';
import { fault } from '#base/fault.ts';
import { isKeySpec, type KeySpec } from '#core/key/specs.ts';
import type { KeyState } from '#core/key/state.ts';
import type { Call, Handler } from '#services/service.ts';
import { publicKeyOf } from './asymmetric.ts';
import { checkRecipient, encrypt } from './encrypting.ts';
import { authorize, callConditions, checkDryRun, checkUsable, findKey } from './finding.ts';
import { createMaterial } from './material.ts';
import type { Room } from './room.ts';

const SPEC_BYTES: Readonly<Record<string, number>> = { AES_128: 16, AES_256: 32 };
/** A private key of RSA_4096 in PKCS #8. */
const PRIVATE_KEY_BYTES_MAX = 8192;

interface DataKeyInput {
  readonly KeyId: string | undefined;
  readonly EncryptionContext?: Readonly<Record<string, string>> | undefined;
  readonly GrantTokens?: readonly string[] | undefined;
  readonly DryRun?: boolean | undefined;
}

export function dataKeyOperations(room: Room) {
  const GenerateDataKey: Handler<'kms', 'GenerateDataKey'> = async (call, input) => {
    checkRecipient(input.Recipient);
    const state = await permit(room, call, input, 'GenerateDataKey');
    const plaintext = randomBytes(lengthOf(input.KeySpec, input.NumberOfBytes));
    const blob = await encrypt(room, state, 'SYMMETRIC_DEFAULT', plaintext, input.EncryptionContext ?? {});
    return {
      CiphertextBlob: blob,
      Plaintext: plaintext,
      KeyId: state.arn,
      KeyMaterialId: state.materials.at(-1)?.id,
    };
  };

  const GenerateDataKeyWithoutPlaintext: Handler<'kms', 'GenerateDataKeyWithoutPlaintext'> = async (
    call,
    input,
  ) => {
    const state = await permit(room, call, input, 'GenerateDataKeyWithoutPlaintext');
    const plaintext = randomBytes(
      lengthOf(input.KeySpec ?? (input.NumberOfBytes ? undefined : 'AES_256'), input.NumberOfBytes),
    );
    const blob = await encrypt(room, state, 'SYMMETRIC_DEFAULT', plaintext, input.EncryptionContext ?? {});
    plaintext.fill(0);
    return { CiphertextBlob: blob, KeyId: state.arn, KeyMaterialId: state.materials.at(-1)?.id };
  };

  const GenerateDataKeyPair: Handler<'kms', 'GenerateDataKeyPair'> = async (call, input) => {
    checkRecipient(input.Recipient);
    const { plaintext, ...pair } = await createPair(room, call, input, 'GenerateDataKeyPair');
    return { ...pair, PrivateKeyPlaintext: plaintext };
  };

  const GenerateDataKeyPairWithoutPlaintext: Handler<'kms', 'GenerateDataKeyPairWithoutPlaintext'> = async (
    call,
    input,
  ) => {
    const { plaintext, ...pair } = await createPair(room, call, input, 'GenerateDataKeyPairWithoutPlaintext');
    plaintext.fill(0);
    return pair;
  };

  const GenerateRandom: Handler<'kms', 'GenerateRandom'> = async (call, input) => {
    checkRecipient(input.Recipient);
    await call.authorize({ action: 'kms:GenerateRandom', resource: '*', context: callConditions(call) });
    if (input.CustomKeyStoreId !== undefined) {
      throw fault('UnsupportedOperationException', 'Custom key stores are not supported.');
    }
    if (input.NumberOfBytes === undefined) throw fault('ValidationException', 'NumberOfBytes is required.');
    return { Plaintext: randomBytes(input.NumberOfBytes) };
  };

  return {
    GenerateDataKey,
    GenerateDataKeyWithoutPlaintext,
    GenerateDataKeyPair,
    GenerateDataKeyPairWithoutPlaintext,
    GenerateRandom,
  };
}

async function permit(
  room: Room,
  call: Call,
  input: DataKeyInput,
  action: string,
  conditions: Readonly<Record<string, string>> = {},
): Promise<KeyState> {
  const key = await findKey(room, call, action, input.KeyId);
  await authorize(room, call, key, {
    action,
    context: input.EncryptionContext,
    grantTokens: input.GrantTokens,
    conditions: { 'kms:EncryptionAlgorithm': 'SYMMETRIC_DEFAULT', ...conditions },
  });
  checkUsable(key, 'ENCRYPT_DECRYPT', action);
  if (key.state.spec !== 'SYMMETRIC_DEFAULT') {
    const message = `${key.state.arn} key spec is ${key.state.spec} which is not valid for ${action}.`;
    throw fault('InvalidKeyUsageException', message);
  }
  checkDryRun(input.DryRun);
  return key.state;
}

function lengthOf(spec: string | undefined, bytes: number | undefined): number {
  const length = spec === undefined ? bytes : SPEC_BYTES[spec];
  if (length !== undefined && (spec === undefined || bytes === undefined)) return length;
  throw fault('ValidationException', 'Please specify either number of bytes or key spec.');
}

async function createPair(
  room: Room,
  call: Call,
  input: DataKeyInput & { readonly KeyPairSpec: string | undefined },
  action: string,
) {
  const spec = readPairSpec(input.KeyPairSpec ?? '');
  const state = await permit(room, call, input, action, { 'kms:DataKeyPairSpec': spec });
  const plaintext = await createMaterial(spec);
  const context = input.EncryptionContext ?? {};
  return {
    plaintext,
    PrivateKeyCiphertextBlob: await encrypt(
      room,
      state,
      'SYMMETRIC_DEFAULT',
      plaintext,
      context,
      PRIVATE_KEY_BYTES_MAX,
    ),
    PublicKey: publicKeyOf(plaintext),
    KeyId: state.arn,
    KeyPairSpec: spec,
    KeyMaterialId: state.materials.at(-1)?.id,
  };
}

function readPairSpec(text: string): Exclude<KeySpec, 'SYMMETRIC_DEFAULT' | `HMAC_${number}`> {
  if (isKeySpec(text) && !text.startsWith('HMAC_') && text !== 'SYMMETRIC_DEFAULT') {
    return text as ReturnType<typeof readPairSpec>;
  }
  throw fault('UnsupportedOperationException', `Key pairs of the spec ${text} are not supported.`);
}
