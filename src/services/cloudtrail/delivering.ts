/**
 * Delivers what a trail wants as gzip JSON files into its bucket, as the service itself, so that the bucket's policy
 * decides. A file's name comes from its effect and its content from a settled span of time, so a repeated delivery
 * writes the same file again.
 */

import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { isFault } from '#base/fault.ts';
import { selects, type Selectors } from '#core/trail/selectors.ts';
import type { DeliverLogs, LogFile, TrailEvent, TrailSettings } from '#core/trail/state.ts';
import type { Performance } from '#engine/machine.ts';
import type { House } from '#services/service.ts';
import { trailArn } from './room.ts';
import { readRows } from './tables.ts';

/** Of one file; the rest goes into the next ones. */
const FILE_EVENTS_MAX = 5_000;
const FILE_LENGTH_MAX = 16 * 1024 * 1024;
const PAGE = 500;
const ERROR_LENGTH_MAX = 256;

const compress = promisify(gzip);

interface Stored {
  readonly storedAt: number;
  readonly text: string;
}

/** A record as it is read back; only what selectors and digests ask for. */
interface Read {
  readonly eventTime: string;
  readonly eventSource: string;
  readonly eventName: string;
  readonly readOnly: boolean;
  readonly eventCategory: 'Management' | 'Data';
  readonly resources?: readonly { readonly ARN: string }[];
}

export function deliverLogs(house: House) {
  return async (effect: DeliverLogs, performance: Performance): Promise<TrailEvent> => {
    const { texts, until } = await collect(house, effect);
    const isMore = until < effect.until;
    if (texts.length === 0) return { type: 'LogsDelivered', until, file: undefined, isMore };
    const content = Buffer.from(`{"Records":[${texts.join(',')}]}`);
    const { bucket } = effect.settings;
    const key = logKey(house, effect, performance.effectId);
    try {
      await put(house, effect.trail, effect.settings, key, content, {});
    } catch (error) {
      if (!isFault(error)) throw error;
      return { type: 'DeliveryRefused', message: deliveryError(error.code, error.message) };
    }
    const times = texts.map((text) => Date.parse((JSON.parse(text) as Read).eventTime));
    const file: LogFile = {
      bucket,
      key,
      hash: createHash('sha256').update(content).digest('hex'),
      oldest: Math.min(...times),
      newest: Math.max(...times),
    };
    const notificationError = await notify(house, effect, key);
    return {
      type: 'LogsDelivered',
      until,
      file,
      isMore,
      ...(notificationError !== undefined && { notificationError }),
    };
  };
}

/** Writes a compressed file, as every file of a trail is written. */
export async function put(
  house: House,
  trail: string,
  settings: TrailSettings,
  key: string,
  content: Buffer,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  await house.asService('cloudtrail', trailArn(house, trail)).send('s3:PutObject', {
    Bucket: settings.bucket,
    Key: key,
    Body: await compress(content),
    ACL: 'bucket-owner-full-control',
    ContentType: 'application/json',
    ContentEncoding: 'gzip',
    Metadata: metadata,
    ...(settings.kmsKeyId !== undefined && {
      ServerSideEncryption: 'aws:kms' as const,
      SSEKMSKeyId: settings.kmsKeyId,
    }),
  });
}

/** `prefix/AWSLogs/123456789012/CloudTrail/us-east-1/2026/11/25/`; `kind` is CloudTrail or CloudTrail-Digest. */
export function folderOf(house: House, settings: TrailSettings, kind: string, at: number): string {
  const day = new Date(at).toISOString().slice(0, 10).replaceAll('-', '/');
  const base = `AWSLogs/${house.account}/${kind}/${house.region}/${day}/`;
  return settings.prefix === undefined ? base : `${settings.prefix}/${base}`;
}

export function deliveryError(code: string, message: string): string {
  return `${code}: ${message}`.slice(0, ERROR_LENGTH_MAX);
}

function logKey(house: House, effect: DeliverLogs, effectId: string): string {
  const time = new Date(effect.until).toISOString().slice(0, 16).replaceAll(/[-:]/g, '');
  const unique = createHash('sha256')
    .update(effectId)
    .digest('base64url')
    .replaceAll(/[-_]/g, 'x')
    .slice(0, 16);
  const folder = folderOf(house, effect.settings, 'CloudTrail', effect.until);
  return `${folder}${house.account}_CloudTrail_${house.region}_${time}Z_${unique}.json.gz`;
}

/** What the trail wants of the span, as far as one file goes; everything before `until` is looked at. */
async function collect(
  house: House,
  effect: DeliverLogs,
): Promise<{ readonly texts: readonly string[]; readonly until: number }> {
  const { from, selectors } = effect;
  const events = await read(house, 'cloudtrail_event', selectors, from, effect.until);
  const data = await read(house, 'cloudtrail_data_event', selectors, from, events.until);
  const texts = [...events.records, ...data.records].filter(({ storedAt }) => storedAt < data.until);
  return { texts: texts.map(({ text }) => text), until: data.until };
}

async function read(
  house: House,
  table: 'cloudtrail_event' | 'cloudtrail_data_event',
  selectors: Selectors,
  from: number,
  until: number,
): Promise<{ readonly records: readonly Stored[]; readonly until: number }> {
  const records: Stored[] = [];
  let length = 0;
  let after: { readonly at: number; readonly id: string } | undefined;
  let end = until;
  for (;;) {
    let query = readRows(house.database)
      .selectFrom(table)
      .select(['id', 'stored_at', 'record'])
      .where('stored_at', '>=', after?.at ?? from)
      .where('stored_at', '<', end);
    if (after) {
      const { at, id } = after;
      query = query.where(({ eb, or }) => or([eb('stored_at', '>', at), eb('id', '>', id)]));
    }
    const page = await query.orderBy('stored_at').orderBy('id').limit(PAGE).execute();
    for (const row of page) {
      if (!isWanted(selectors, row.record)) continue;
      records.push({ storedAt: row.stored_at, text: row.record });
      length += row.record.length;
    }
    const last = page.at(-1);
    if (!last || page.length < PAGE) return { records, until: end };
    after = { at: last.stored_at, id: last.id };
    // A file ends between two moments, never within one.
    if (records.length >= FILE_EVENTS_MAX || length >= FILE_LENGTH_MAX)
      end = Math.min(end, last.stored_at + 1);
  }
}

function isWanted(selectors: Selectors, text: string): boolean {
  const record = JSON.parse(text) as Read;
  return selects(selectors, {
    category: record.eventCategory,
    source: record.eventSource,
    name: record.eventName,
    readOnly: record.readOnly,
    arns: (record.resources ?? []).map(({ ARN: arn }) => arn),
  });
}

/** Tells the topic of the trail. What fails here is shown in the status, and the file is delivered all the same. */
async function notify(house: House, effect: DeliverLogs, key: string): Promise<string | undefined> {
  const { topicArn, bucket } = effect.settings;
  if (topicArn === undefined) return undefined;
  try {
    await house.asService('cloudtrail', trailArn(house, effect.trail)).send('sns:Publish', {
      TopicArn: topicArn,
      Message: JSON.stringify({ s3Bucket: bucket, s3ObjectKey: [key] }),
    });
    return undefined;
  } catch (error) {
    if (!isFault(error)) throw error;
    return deliveryError(error.code, error.message);
  }
}
