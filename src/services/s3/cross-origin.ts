/** The CORS rules of a bucket: set, read, deleted, and what the door is told about pages of other origins. */

import type { CORSRule } from '@aws-sdk/client-s3';
import { isFault } from '#base/fault.ts';
import { type CrossOriginRule, crossOriginHeaders } from '#core/object/cross-origin.ts';
import type { CrossOrigin, Handler } from '#services/service.ts';
import { s3Fault } from './faults.ts';
import { findBucket, readRows, type Room } from './room.ts';
import { change, readSettings, settingsOf } from './settings.ts';

const RULES_MAX = 100;
const ID_LENGTH_MAX = 255;
const METHODS = ['GET', 'PUT', 'HEAD', 'POST', 'DELETE'];

export function getBucketCors(room: Room): Handler<'s3', 'GetBucketCors'> {
  return async (call, input) => {
    const { crossOrigin } = await readSettings(room, call, input);
    if (!crossOrigin) throw s3Fault('NoSuchCORSConfiguration', { BucketName: input.Bucket });
    return { CORSRules: crossOrigin.map(shownRule) };
  };
}

export function putBucketCors(room: Room): Handler<'s3', 'PutBucketCors'> {
  return async (call, input) => {
    const stated = input.CORSConfiguration?.CORSRules ?? [];
    if (stated.length === 0 || stated.length > RULES_MAX) throw s3Fault('MalformedXML');
    const crossOrigin = stated.map(readRule);
    return await change(room, call, input, (row) => ({
      settings: JSON.stringify({ ...settingsOf(row), crossOrigin }),
    }));
  };
}

export function deleteBucketCors(room: Room): Handler<'s3', 'DeleteBucketCors'> {
  return async (call, input) =>
    await change(room, call, input, (row) => ({
      settings: JSON.stringify({ ...settingsOf(row), crossOrigin: undefined }),
    }));
}

/** What the door asks. A bucket that is not there has no rules, and is not told apart from one without. */
export function createCrossOrigin({ house }: Room): CrossOrigin {
  return async ({ bucket, ...question }) => {
    try {
      const { crossOrigin } = settingsOf(await findBucket(readRows(house), bucket));
      if (!crossOrigin) return { isEnabled: false };
      return { isEnabled: true, headers: crossOriginHeaders(crossOrigin, question) };
    } catch (error) {
      if (!isFault(error, 'NoSuchBucket')) throw error;
      return { isEnabled: false };
    }
  };
}

function readRule(stated: CORSRule): CrossOriginRule {
  const {
    ID,
    AllowedOrigins = [],
    AllowedMethods = [],
    AllowedHeaders = [],
    ExposeHeaders = [],
    MaxAgeSeconds,
  } = stated;
  if (AllowedOrigins.length === 0 || AllowedMethods.length === 0) throw s3Fault('MalformedXML');
  if (ID !== undefined && ID.length > ID_LENGTH_MAX)
    throw s3Fault('InvalidArgument', {}, 'ID length should not exceed 255');
  const unknown = AllowedMethods.find((method) => !METHODS.includes(method));
  if (unknown !== undefined) {
    throw s3Fault(
      'InvalidRequest',
      {},
      `Found unsupported HTTP method in CORS config. Unsupported method is ${unknown}; ${METHODS.join(', ')} can be allowed`,
    );
  }
  const isWild = (text: string) => text.split('*').length > 2;
  const wild = [...AllowedOrigins, ...AllowedHeaders].find(isWild);
  if (wild !== undefined) {
    throw s3Fault('InvalidRequest', {}, `${JSON.stringify(wild)} can not have more than one wildcard.`);
  }
  return {
    id: ID,
    origins: AllowedOrigins,
    methods: AllowedMethods,
    headers: AllowedHeaders,
    exposed: ExposeHeaders,
    maxAgeSeconds: MaxAgeSeconds,
  };
}

function shownRule(rule: CrossOriginRule): CORSRule {
  const list = (values: readonly string[]) => (values.length === 0 ? undefined : [...values]);
  return {
    ID: rule.id,
    AllowedOrigins: [...rule.origins],
    AllowedMethods: [...rule.methods],
    AllowedHeaders: list(rule.headers),
    ExposeHeaders: list(rule.exposed),
    MaxAgeSeconds: rule.maxAgeSeconds,
  };
}
