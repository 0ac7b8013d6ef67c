/**
 * Digests: what log files a trail delivered in an hour and what their contents hash to, each signed and linked to the
 * one before, so that a changed or missing file shows. The form is that of "CloudTrail digest file structure"; a digest
 * without files is written too, because it says that there were none.
 */

import { createHash } from 'node:crypto';
import { isFault } from '#base/fault.ts';
import { recordTime } from '#core/trail/identity.ts';
import type { DigestLink, TrailEvent, WriteDigest } from '#core/trail/state.ts';
import type { House } from '#services/service.ts';
import { deliveryError, folderOf, put } from './delivering.ts';
import { currentSigner } from './signing.ts';

export function writeDigest(house: House) {
  return async (effect: WriteDigest): Promise<TrailEvent> => {
    const { settings, trail, until, files, previous } = effect;
    const signer = await currentSigner(house);
    const key = digestKey(house, effect);
    const content = Buffer.from(JSON.stringify(digestOf(house, effect, key, signer.fingerprint)));
    const hash = createHash('sha256').update(content).digest('hex');
    const signed = [recordTime(until), `${settings.bucket}/${key}`, hash, previous?.signature ?? 'null'];
    const signature = signer.sign(signed.join('\n'));
    try {
      await put(house, trail, settings, key, content, { signature, 'signature-algorithm': 'SHA256withRSA' });
    } catch (error) {
      if (!isFault(error)) throw error;
      return { type: 'DigestRefused', message: deliveryError(error.code, error.message) };
    }
    const link: DigestLink = { bucket: settings.bucket, key, hash, signature };
    return { type: 'DigestDelivered', until, fileCount: files.length, link };
  };
}

function digestKey(house: House, { settings, trail, until }: WriteDigest): string {
  const { account, region } = house;
  const time = recordTime(until).replaceAll(/[-:]/g, '');
  const folder = folderOf(house, settings, 'CloudTrail-Digest', until);
  return `${folder}${account}_CloudTrail-Digest_${region}_${trail}_${region}_${time}.json.gz`;
}

function digestOf(house: House, effect: WriteDigest, key: string, fingerprint: string): object {
  const { files, previous, settings } = effect;
  return {
    awsAccountId: house.account,
    digestStartTime: recordTime(effect.from),
    digestEndTime: recordTime(effect.until),
    digestS3Bucket: settings.bucket,
    digestS3Object: key,
    digestPublicKeyFingerprint: fingerprint,
    digestSignatureAlgorithm: 'SHA256withRSA',
    newestEventTime: files.length > 0 ? recordTime(Math.max(...files.map(({ newest }) => newest))) : null,
    oldestEventTime: files.length > 0 ? recordTime(Math.min(...files.map(({ oldest }) => oldest))) : null,
    previousDigestS3Bucket: previous?.bucket ?? null,
    previousDigestS3Object: previous?.key ?? null,
    previousDigestHashValue: previous?.hash ?? null,
    previousDigestHashAlgorithm: previous ? 'SHA-256' : null,
    previousDigestSignature: previous?.signature ?? null,
    logFiles: files.map((file) => ({
      s3Bucket: file.bucket,
      s3Object: file.key,
      hashValue: file.hash,
      hashAlgorithm: 'SHA-256',
      newestEventTime: recordTime(file.newest),
      oldestEventTime: recordTime(file.oldest),
    })),
  };
}
