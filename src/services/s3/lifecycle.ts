/** The lifecycle rules of a bucket: set, read and deleted. What they do is in `expiring.ts`. */

import type { LifecycleRule as Stated } from '@aws-sdk/client-s3';
import { createText } from '#base/chance.ts';
import type { LifecycleRule } from '#core/object/lifecycle.ts';
import type { Handler } from '#services/service.ts';
import { readTags, tagSet } from './facts.ts';
import { s3Fault } from './faults.ts';
import type { Room } from './room.ts';
import { change, readSettings, settingsOf } from './settings.ts';

const RULES_MAX = 1000;
const ID_LENGTH_MAX = 255;
const DAY_MS = 24 * 3_600_000;
const ID_ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

export function getBucketLifecycle(room: Room): Handler<'s3', 'GetBucketLifecycleConfiguration'> {
  return async (call, input) => {
    const { lifecycle } = await readSettings(room, call, input);
    if (!lifecycle) throw s3Fault('NoSuchLifecycleConfiguration', { BucketName: input.Bucket });
    return { Rules: lifecycle.map(shownRule) };
  };
}

export function putBucketLifecycle(room: Room): Handler<'s3', 'PutBucketLifecycleConfiguration'> {
  return async (call, input) => {
    const stated = input.LifecycleConfiguration?.Rules ?? [];
    if (stated.length === 0 || stated.length > RULES_MAX) throw s3Fault('MalformedXML');
    const lifecycle = stated.map(readRule);
    if (new Set(lifecycle.map(({ id }) => id)).size < lifecycle.length) {
      throw s3Fault('InvalidArgument', {}, 'Rule ID must be unique. Found same ID for more than one rule');
    }
    return await change(room, call, input, (row) => ({
      settings: JSON.stringify({ ...settingsOf(row), lifecycle }),
    }));
  };
}

export function deleteBucketLifecycle(room: Room): Handler<'s3', 'DeleteBucketLifecycle'> {
  return async (call, input) =>
    await change(room, call, input, (row) => ({
      settings: JSON.stringify({ ...settingsOf(row), lifecycle: undefined }),
    }));
}

function readRule(stated: Stated): LifecycleRule {
  const { Status, Filter, Prefix, Expiration, NoncurrentVersionExpiration: noncurrent } = stated;
  const days = stated.AbortIncompleteMultipartUpload?.DaysAfterInitiation;
  if ([stated.Transitions, stated.NoncurrentVersionTransitions].some((list) => (list?.length ?? 0) > 0)) {
    throw s3Fault('NotImplemented', {}, 'Transitions are not implemented: there is one storage class.');
  }
  if (Status !== 'Enabled' && Status !== 'Disabled') throw s3Fault('MalformedXML');
  if ((Filter === undefined) === (Prefix === undefined)) throw s3Fault('MalformedXML');
  const rule: LifecycleRule = {
    id: stated.ID || createText(ID_ALPHABET, 48),
    isEnabled: Status === 'Enabled',
    isOld: Filter === undefined,
    prefix: Prefix ?? Filter?.Prefix ?? Filter?.And?.Prefix,
    tags: readTags(Filter?.Tag ? [Filter.Tag] : (Filter?.And?.Tags ?? [])),
    sizeAbove: Filter?.ObjectSizeGreaterThan ?? Filter?.And?.ObjectSizeGreaterThan,
    sizeBelow: Filter?.ObjectSizeLessThan ?? Filter?.And?.ObjectSizeLessThan,
    expirationDays: Expiration?.Days,
    expirationAt: Expiration?.Date?.getTime(),
    expiresLoneMarkers: Expiration?.ExpiredObjectDeleteMarker,
    noncurrentDays: noncurrent?.NoncurrentDays,
    newerKept: noncurrent?.NewerNoncurrentVersions,
    abortDays: days,
  };
  checkRule(rule);
  return rule;
}

function checkRule(rule: LifecycleRule): void {
  const { expirationDays, expirationAt, expiresLoneMarkers, noncurrentDays, newerKept, abortDays } = rule;
  const refuse = (message: string) => s3Fault('InvalidArgument', {}, message);
  const expirations = [expirationDays, expirationAt, expiresLoneMarkers].filter((each) => each !== undefined);
  if (expirations.length > 1) throw s3Fault('MalformedXML');
  if (expirations.length === 0 && noncurrentDays === undefined && abortDays === undefined) {
    throw s3Fault('InvalidRequest', {}, 'At least one action needs to be specified in a rule');
  }
  if (newerKept !== undefined && noncurrentDays === undefined) throw s3Fault('MalformedXML');
  if (rule.id.length > ID_LENGTH_MAX) {
    throw refuse(`ID length should not exceed allowed limit of ${ID_LENGTH_MAX}`);
  }
  for (const count of [expirationDays, noncurrentDays, newerKept, abortDays]) {
    if (count !== undefined && !(Number.isInteger(count) && count > 0)) {
      throw refuse('Days and counts of a lifecycle rule must be positive integers');
    }
  }
  if (expirationAt !== undefined && expirationAt % DAY_MS !== 0)
    throw refuse("'Date' must be at midnight GMT");
  const isNarrow =
    Object.keys(rule.tags).length > 0 || rule.sizeAbove !== undefined || rule.sizeBelow !== undefined;
  if (isNarrow && (abortDays !== undefined || expiresLoneMarkers !== undefined)) {
    const message =
      'AbortIncompleteMultipartUpload and ExpiredObjectDeleteMarker cannot be specified with tags or sizes';
    throw s3Fault('InvalidRequest', {}, message);
  }
}

function shownRule(rule: LifecycleRule): Stated {
  const { expirationDays, expirationAt, expiresLoneMarkers, noncurrentDays, abortDays } = rule;
  const expires = expirationDays ?? expirationAt ?? expiresLoneMarkers;
  return {
    ID: rule.id,
    Status: rule.isEnabled ? 'Enabled' : 'Disabled',
    ...(rule.isOld ? { Prefix: rule.prefix ?? '' } : { Filter: shownFilter(rule) }),
    ...(expires === undefined
      ? {}
      : {
          Expiration: {
            Days: expirationDays,
            Date: expirationAt === undefined ? undefined : new Date(expirationAt),
            ExpiredObjectDeleteMarker: expiresLoneMarkers,
          },
        }),
    ...(noncurrentDays === undefined
      ? {}
      : {
          NoncurrentVersionExpiration: {
            NoncurrentDays: noncurrentDays,
            NewerNoncurrentVersions: rule.newerKept,
          },
        }),
    ...(abortDays === undefined
      ? {}
      : { AbortIncompleteMultipartUpload: { DaysAfterInitiation: abortDays } }),
  };
}

/** One criterion stands alone, several stand in `And`. */
function shownFilter({ prefix, tags, sizeAbove, sizeBelow }: LifecycleRule): NonNullable<Stated['Filter']> {
  const list = tagSet(tags);
  const [tag] = list;
  const count = [prefix, sizeAbove, sizeBelow].filter((each) => each !== undefined).length + list.length;
  const rest = { Prefix: prefix, ObjectSizeGreaterThan: sizeAbove, ObjectSizeLessThan: sizeBelow };
  if (count > 1) return { And: { ...rest, ...(tag ? { Tags: list } : {}) } };
  if (count === 0) return { Prefix: '' };
  return tag ? { Tag: tag } : rest;
}
