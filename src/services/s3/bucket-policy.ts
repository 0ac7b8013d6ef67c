/** Bucket policies: set, read, judged as public or not, and handed to the gateway's decisions. */

import { isFaulty, parsePolicy } from '#core/policy/parse.ts';
import type { PolicyDocument, Statement } from '#core/policy/document.ts';
import type { Handler, House } from '#services/service.ts';
import { s3Fault } from './faults.ts';
import { readRows, type Room } from './room.ts';
import { change, readBucket, readSettings, type BucketSettings } from './settings.ts';

const POLICY_BYTES_MAX = 20 * 1024;

export function getBucketPolicy(room: Room): Handler<'s3', 'GetBucketPolicy'> {
  return async (call, input) => {
    const { policy, name } = await readBucket(room, call, input);
    if (policy === null) throw s3Fault('NoSuchBucketPolicy', { BucketName: name });
    return { Policy: policy };
  };
}

export function putBucketPolicy(room: Room): Handler<'s3', 'PutBucketPolicy'> {
  return async (call, input) => {
    const text = input.Policy ?? '';
    const { publicAccessBlock } = await readSettings(room, call, input);
    if (Buffer.byteLength(text) > POLICY_BYTES_MAX) {
      throw s3Fault('MalformedPolicy', {}, 'Policies must not be larger than 20 KB');
    }
    const document = parsePolicy(text, 'resource');
    if (isFaulty(document)) throw s3Fault('MalformedPolicy', {}, document.faults[0]);
    checkResources(document, input.Bucket ?? '');
    if (publicAccessBlock?.BlockPublicPolicy === true && isPublic(document)) {
      throw s3Fault(
        'AccessDenied',
        {},
        'The policy grants public access, and public policies are blocked by the BlockPublicPolicy setting of the bucket.',
      );
    }
    return await change(room, call, input, () => ({ policy: text }));
  };
}

export function deleteBucketPolicy(room: Room): Handler<'s3', 'DeleteBucketPolicy'> {
  return async (call, input) => await change(room, call, input, () => ({ policy: null }));
}

export function getBucketPolicyStatus(room: Room): Handler<'s3', 'GetBucketPolicyStatus'> {
  return async (call, input) => {
    const { policy, name } = await readBucket(room, call, input);
    if (policy === null) throw s3Fault('NoSuchBucketPolicy', { BucketName: name });
    const document = parsePolicy(policy, 'resource');
    return { PolicyStatus: { IsPublic: !isFaulty(document) && isPublic(document) } };
  };
}

function checkResources(document: PolicyDocument, bucket: string): void {
  const own = `arn:aws:s3:::${bucket}`;
  const resources = document.statements.flatMap(
    (statement) => statement.resources ?? statement.notResources ?? [],
  );
  for (const resource of resources) {
    if (resource === own || resource.startsWith(`${own}/`) || resource === `${own}*`) continue;
    throw s3Fault('MalformedPolicy', {}, 'Policy has invalid resource');
  }
}

function isPublic(document: PolicyDocument): boolean {
  return document.statements.some(isPublicGrant);
}

/** Grants something to everybody, with no condition that narrows it. See "The meaning of public". */
function isPublicGrant({ effect, principal, conditions }: Statement): boolean {
  if (effect !== 'Allow' || conditions.length > 0) return false;
  if (principal === undefined) return true;
  return principal === '*' || Object.values(principal).some((values) => values.includes('*'));
}

/** The bucket's policy, for the gateway's decision about the bucket or one of its objects. */
export function createPolicyReader(house: House): (resource: string) => Promise<PolicyDocument | undefined> {
  const parsed = new Map<string, { readonly text: string; readonly document: PolicyDocument }>();
  const parse = (name: string, text: string) => {
    const known = parsed.get(name);
    if (known?.text === text) return known.document;
    const document = parsePolicy(text, 'resource');
    // It was valid when it was put.
    if (isFaulty(document)) throw new Error(`the policy of bucket ${name} is malformed`);
    parsed.set(name, { text, document });
    return document;
  };
  return async (resource) => {
    const name = /^arn:aws:s3:::([^/]+)/.exec(resource)?.[1];
    if (name === undefined) return undefined;
    const row = await readRows(house)
      .selectFrom('s3_bucket')
      .select(['policy', 'settings'])
      .where('name', '=', name)
      .executeTakeFirst();
    if (!row || row.policy === null) {
      parsed.delete(name);
      return undefined;
    }
    const document = parse(name, row.policy);
    const { publicAccessBlock } = JSON.parse(row.settings) as BucketSettings;
    if (publicAccessBlock?.RestrictPublicBuckets !== true) return document;
    // What the policy gives to everybody is left to the account's own people, whom their own policies serve.
    return { ...document, statements: document.statements.filter((statement) => !isPublicGrant(statement)) };
  };
}
