/**
 * Access control lists, as far as buckets have them whose owner owns every object (BucketOwnerEnforced, the default):
 * one list, which gives the owner everything. Setting that one is allowed and changes nothing; any other is refused,
 * because policies alone decide here. See "Controlling ownership of objects and disabling ACLs for your bucket".
 */

import type { AccessControlPolicy } from '@aws-sdk/client-s3';
import type { Handler } from '#services/service.ts';
import { s3Fault } from './faults.ts';
import { ownerOf } from './listing.ts';
import { findObject } from './reading.ts';
import type { Room } from './room.ts';
import { readBucket } from './settings.ts';

export interface AclInput {
  readonly ACL?: string | undefined;
  readonly GrantFullControl?: string | undefined;
  readonly GrantRead?: string | undefined;
  readonly GrantReadACP?: string | undefined;
  readonly GrantWrite?: string | undefined;
  readonly GrantWriteACP?: string | undefined;
}

/** Throws for a list that would let anybody else in. */
export function checkAcl(input: AclInput): void {
  const { ACL, ...rest } = input;
  const isOwners = ACL === undefined || ACL === 'private' || ACL === 'bucket-owner-full-control';
  const { GrantFullControl, GrantRead, GrantReadACP, GrantWrite, GrantWriteACP } = rest;
  const grants = [GrantFullControl, GrantRead, GrantReadACP, GrantWrite, GrantWriteACP];
  if (!isOwners || grants.some((grant) => grant !== undefined))
    throw s3Fault('AccessControlListNotSupported');
}

/** The one access control list there is: the owner may do everything. */
function ownerAcl(account: string) {
  const owner = ownerOf(account);
  return {
    Owner: owner,
    Grants: [{ Grantee: { ...owner, Type: 'CanonicalUser' as const }, Permission: 'FULL_CONTROL' as const }],
  };
}

/** A list in the body counts as given only when it is the owner's. */
function checkPolicy(policy: AccessControlPolicy | undefined, account: string): void {
  if (policy === undefined) return;
  const owner = ownerOf(account).ID;
  const isOwners =
    policy.Grants?.length === 1 &&
    policy.Grants[0]?.Permission === 'FULL_CONTROL' &&
    policy.Grants[0].Grantee?.ID === owner;
  if (!isOwners) throw s3Fault('AccessControlListNotSupported');
}

export function getBucketAcl(room: Room): Handler<'s3', 'GetBucketAcl'> {
  return async (call, input) => {
    await readBucket(room, call, input);
    return ownerAcl(call.account);
  };
}

export function putBucketAcl(room: Room): Handler<'s3', 'PutBucketAcl'> {
  return async (call, input) => {
    await readBucket(room, call, input);
    checkAcl(input);
    checkPolicy(input.AccessControlPolicy, call.account);
    return {};
  };
}

export function getObjectAcl(room: Room): Handler<'s3', 'GetObjectAcl'> {
  return async (call, input) => {
    await findObject(room, call, input);
    return ownerAcl(call.account);
  };
}

export function putObjectAcl(room: Room): Handler<'s3', 'PutObjectAcl'> {
  return async (call, input) => {
    await findObject(room, call, input);
    checkAcl(input);
    checkPolicy(input.AccessControlPolicy, call.account);
    return {};
  };
}
