/**
 * Commits what changes objects together with the promise to tell the world: the rows and the outbox machine's decision
 * are one transaction. The machine's effects publish on the house's bus, and tell whom the bucket's configuration names.
 */

import { randomInt } from 'node:crypto';
import type { Kysely } from 'kysely';
import { present } from '#base/assert.ts';
import { deriveUuid } from '#base/ids.ts';
import { listenersOf } from '#core/object/notification.ts';
import { outboxDecider, type ObjectChange, type ObjectsChanged } from '#core/object/outbox.ts';
import type { BusEvent, Call, House } from '#services/service.ts';
import { checkWriteConditions, type WriteConditions } from './conditions.ts';
import { s3Fault } from './faults.ts';
import { tellListener } from './notifications.ts';
import { bucketArn, findBucket, type Room, type Rows } from './room.ts';
import { settingsOf } from './settings.ts';
import { withTables, type BucketRow, type VersionRow } from './tables.ts';
import { addVersion, latestVersion, type NewVersion } from './versions.ts';

/** Changes of one bucket spread over so many machines, so that two of them seldom wait for each other. */
const OUTBOXES = 16;

export function createOutbox(house: House): Room['outbox'] {
  return {
    kind: 's3.outbox',
    decider: outboxDecider,
    effects: {
      async PublishChange({ eventId, at, change }) {
        await house.publish(busEvent(house, eventId, at, change));
        return undefined;
      },
      async TellListener({ at, change, listener }) {
        await tellListener(house, at, change, listener);
        return undefined;
      },
    },
  };
}

export interface Write {
  readonly bucket: BucketRow;
  readonly key: string;
  readonly version: NewVersion;
  readonly name: ObjectChange['name'];
  readonly conditions: WriteConditions;
  /** Further rows of the same transaction, before the new version is made. */
  readonly before?: (rows: Rows) => Promise<void>;
}

export async function commitVersion(room: Room, call: Call, write: Write): Promise<VersionRow> {
  const { bucket, key, version, name } = write;
  let row: VersionRow | undefined;
  const change: ObjectChange = {
    name,
    bucket: bucket.name,
    key,
    sizeBytes: version.size,
    etag: version.etag,
    versionId: bucket.versioning === '' ? undefined : version.versionId,
    sequencer: createSequencer(call.at),
    requestId: call.requestId,
    requester: call.account,
    source: call.source,
  };
  const listeners = listenersOf(settingsOf(bucket).notifications ?? [], name, key);
  await send(room, bucket, [{ change, isPublished: true, listeners }], async (rows) => {
    const current = await findBucket(rows, bucket.name);
    // The version's id was chosen for the bucket as it was read; somebody changed it meanwhile.
    if (current.id !== bucket.id || current.versioning !== bucket.versioning)
      throw s3Fault('OperationAborted');
    const latest = await latestVersion(rows, bucket.name, key);
    checkWriteConditions(write.conditions, key, latest?.is_marker === 0 ? latest.etag : undefined);
    await write.before?.(rows);
    row = await addVersion(rows, bucket.name, key, version, call.at);
  });
  return present(row, 'the version that was committed');
}

/** Something that goes, by a call or by a lifecycle rule. */
export interface Removal {
  readonly name: ObjectChange['name'];
  readonly key: string;
  readonly versionId: string | undefined;
  readonly at: number;
  readonly requestId: string;
  readonly requester: string;
  readonly source: string;
}

/** Runs `work` in one transaction; who listens hears of the removals if it commits, and if `isThere` said so before. */
export async function commitRemovals<Result>(
  room: Room,
  bucket: BucketRow,
  removals: readonly Removal[],
  work: (rows: Rows) => Promise<Result>,
  isThere: () => Promise<boolean> = () => Promise.resolve(true),
): Promise<Result> {
  const { house } = room;
  const changes = await Promise.all(
    removals.map(async ({ at, ...removal }) => {
      const change: ObjectChange = {
        ...removal,
        bucket: bucket.name,
        sizeBytes: undefined,
        etag: undefined,
        sequencer: createSequencer(at),
      };
      const isPublished = await house.isWanted(busEvent(house, deriveUuid(bucket.id, 0), at, change));
      const listeners = listenersOf(settingsOf(bucket).notifications ?? [], change.name, change.key);
      return { change, isPublished, listeners };
    }),
  );
  const heard = changes.filter(({ isPublished, listeners }) => isPublished || listeners.length > 0);
  // Mostly nobody listens, and then it is not asked either whether anything is there.
  if (heard.length === 0 || !(await isThere()))
    return house.database.transaction((transaction) => work(withTables(transaction)));
  let result: { readonly value: Result } | undefined;
  await send(room, bucket, heard, async (rows) => {
    result = { value: await work(rows) };
  });
  return present(result, 'the result of a committed removal').value;
}

async function send(
  room: Room,
  bucket: BucketRow,
  changes: ObjectsChanged['changes'],
  work: (rows: Rows) => Promise<void>,
): Promise<void> {
  const outboxId = `${bucket.id}#${randomInt(OUTBOXES)}`;
  const alongside = (transaction: Kysely<unknown>) => work(withTables(transaction));
  await room.house.engine.send(room.outbox, outboxId, { type: 'ObjectsChanged', changes }, alongside);
}

let sequence = 0;

/** Grows with every change of this process; readers compare it as text. */
function createSequencer(at: number): string {
  sequence = (sequence + 1) % 0x1000000;
  return at.toString(16).padStart(12, '0') + sequence.toString(16).padStart(6, '0');
}

const REASONS: Readonly<Record<ObjectChange['name'], readonly [detailType: string, reason: string]>> = {
  'ObjectCreated:Put': ['Object Created', 'PutObject'],
  'ObjectCreated:Copy': ['Object Created', 'CopyObject'],
  'ObjectCreated:CompleteMultipartUpload': ['Object Created', 'CompleteMultipartUpload'],
  'ObjectRemoved:Delete': ['Object Deleted', 'DeleteObject'],
  'ObjectRemoved:DeleteMarkerCreated': ['Object Deleted', 'DeleteObject'],
  'LifecycleExpiration:Delete': ['Object Deleted', 'Lifecycle Expiration'],
  'LifecycleExpiration:DeleteMarkerCreated': ['Object Deleted', 'Lifecycle Expiration'],
};

/** As "Amazon S3 event notification to EventBridge" shows it; the key is not URL-encoded there. */
function busEvent(house: House, id: string, at: number, change: ObjectChange): BusEvent {
  const [detailType, reason] = REASONS[change.name];
  const isMarker = change.name.endsWith('DeleteMarkerCreated');
  return {
    id,
    source: 'aws.s3',
    detailType,
    account: house.account,
    region: house.region,
    at,
    resources: [bucketArn(change.bucket)],
    detail: {
      version: '0',
      bucket: { name: change.bucket },
      object: {
        key: change.key,
        ...(change.sizeBytes === undefined ? {} : { size: change.sizeBytes }),
        ...(change.etag === undefined ? {} : { etag: change.etag }),
        ...(change.versionId === undefined ? {} : { 'version-id': change.versionId }),
        sequencer: change.sequencer,
      },
      'request-id': change.requestId,
      requester: change.requester,
      'source-ip-address': change.source,
      reason,
      ...(detailType === 'Object Deleted' && {
        'deletion-type': isMarker ? 'Delete Marker Created' : 'Permanently Deleted',
      }),
    },
  };
}
