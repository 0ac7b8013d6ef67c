/** Sign, Verify and GetPublicKey of key pairs; GenerateMac and VerifyMac of HMAC keys. */

import { timingSafeEqual } from 'node:crypto';
import { fault } from '#base/fault.ts';
import { algorithmsOf, type MacAlgorithm, type SigningAlgorithm } from '#core/key/specs.ts';
import type { Call, Handler } from '#services/service.ts';
import { macOf, publicKeyOf, signMessage, verifyMessage } from './asymmetric.ts';
import { authorize, checkDryRun, checkUsable, findKey, type FoundKey } from './finding.ts';
import { materialGone, useMaterial } from './material.ts';
import type { Room } from './room.ts';
import { algorithmMembers } from './views.ts';

interface SignatureInput {
  readonly KeyId: string | undefined;
  readonly Message: Uint8Array | undefined;
  readonly MessageType?: string | undefined;
  readonly SigningAlgorithm: string | undefined;
  readonly GrantTokens?: readonly string[] | undefined;
}

interface MacInput {
  readonly KeyId: string | undefined;
  readonly MacAlgorithm: string | undefined;
  readonly GrantTokens?: readonly string[] | undefined;
}

export function signingOperations(room: Room) {
  const Sign: Handler<'kms', 'Sign'> = async (call, input) => {
    const { key, algorithm } = await permitSignature(room, call, input, 'Sign');
    checkDryRun(input.DryRun);
    const signature = await use(room, key, (material) => signMessage(material, algorithm, messageOf(input)));
    return { KeyId: key.state.arn, Signature: signature, SigningAlgorithm: algorithm };
  };

  const Verify: Handler<'kms', 'Verify'> = async (call, input) => {
    const { key, algorithm } = await permitSignature(room, call, input, 'Verify');
    checkDryRun(input.DryRun);
    const signature = input.Signature ?? new Uint8Array();
    const isRight = await use(room, key, (material) => [
      verifyMessage(material, algorithm, messageOf(input), signature),
    ]);
    if (!isRight[0]) throw fault('KMSInvalidSignatureException', 'The signature is not valid.');
    return { KeyId: key.state.arn, SignatureValid: true, SigningAlgorithm: algorithm };
  };

  const GetPublicKey: Handler<'kms', 'GetPublicKey'> = async (call, input) => {
    const key = await findKey(room, call, 'GetPublicKey', input.KeyId);
    await authorize(room, call, key, { action: 'GetPublicKey', grantTokens: input.GrantTokens });
    const { state } = key;
    if (state.spec === 'SYMMETRIC_DEFAULT' || state.usage === 'GENERATE_VERIFY_MAC') {
      throw fault('UnsupportedOperationException', `${state.arn} has no public key.`);
    }
    checkUsable(key, state.usage, 'GetPublicKey');
    return {
      KeyId: state.arn,
      PublicKey: await use(room, key, publicKeyOf),
      KeySpec: state.spec,
      KeyUsage: state.usage,
      ...(algorithmMembers(state) as object),
    };
  };

  const GenerateMac: Handler<'kms', 'GenerateMac'> = async (call, input) => {
    const { key, algorithm } = await permitMac(room, call, input, 'GenerateMac');
    checkDryRun(input.DryRun);
    const message = input.Message ?? new Uint8Array();
    const mac = await use(room, key, (material) => macOf(material, algorithm, message));
    return { KeyId: key.state.arn, Mac: mac, MacAlgorithm: algorithm };
  };

  const VerifyMac: Handler<'kms', 'VerifyMac'> = async (call, input) => {
    const { key, algorithm } = await permitMac(room, call, input, 'VerifyMac');
    checkDryRun(input.DryRun);
    const message = input.Message ?? new Uint8Array();
    const mac = await use(room, key, (material) => macOf(material, algorithm, message));
    const given = input.Mac ?? new Uint8Array();
    if (given.length !== mac.length || !timingSafeEqual(given, mac)) {
      throw fault('KMSInvalidMacException', 'The MAC is not valid.');
    }
    return { KeyId: key.state.arn, MacValid: true, MacAlgorithm: algorithm };
  };

  return { Sign, Verify, GetPublicKey, GenerateMac, VerifyMac };
}

function messageOf(input: SignatureInput) {
  return { bytes: input.Message ?? new Uint8Array(), isDigest: input.MessageType === 'DIGEST' };
}

async function permitSignature(
  room: Room,
  call: Call,
  input: SignatureInput,
  action: 'Sign' | 'Verify',
): Promise<{ readonly key: FoundKey; readonly algorithm: SigningAlgorithm }> {
  const key = await findKey(room, call, action, input.KeyId);
  const wanted = input.SigningAlgorithm ?? '';
  const messageType = input.MessageType ?? 'RAW';
  const conditions = { 'kms:SigningAlgorithm': wanted, 'kms:MessageType': messageType };
  await authorize(room, call, key, { action, grantTokens: input.GrantTokens, conditions });
  checkUsable(key, 'SIGN_VERIFY', action);
  if (messageType !== 'RAW' && messageType !== 'DIGEST') {
    throw fault('UnsupportedOperationException', `The message type ${messageType} is not supported.`);
  }
  return { key, algorithm: chosen<SigningAlgorithm>(key, wanted) };
}

async function permitMac(
  room: Room,
  call: Call,
  input: MacInput,
  action: 'GenerateMac' | 'VerifyMac',
): Promise<{ readonly key: FoundKey; readonly algorithm: MacAlgorithm }> {
  const key = await findKey(room, call, action, input.KeyId);
  const wanted = input.MacAlgorithm ?? '';
  const conditions = { 'kms:MacAlgorithm': wanted };
  await authorize(room, call, key, { action, grantTokens: input.GrantTokens, conditions });
  checkUsable(key, 'GENERATE_VERIFY_MAC', action);
  return { key, algorithm: chosen<MacAlgorithm>(key, wanted) };
}

function chosen<Algorithm extends SigningAlgorithm | MacAlgorithm>(
  { state }: FoundKey,
  wanted: string,
): Algorithm {
  const found = algorithmsOf(state.spec, state.usage).find((algorithm) => algorithm === wanted);
  if (found !== undefined) return found as Algorithm;
  const message = `Algorithm ${wanted} and key spec ${state.spec} are incompatible: ${state.arn}`;
  throw fault('InvalidKeyUsageException', message);
}

async function use<Result extends object>(
  room: Room,
  { state }: FoundKey,
  work: (material: Buffer) => Result,
): Promise<Result> {
  const result = await useMaterial(room.house, state.id, 1, work);
  if (!result) throw materialGone(state.arn);
  return result;
}
