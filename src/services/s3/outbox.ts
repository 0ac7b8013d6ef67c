/**
 * Commits a new version of an object together with the promise to tell the world: the rows and the outbox machine's
 * decision are one transaction. The machine's effect publishes `Object Created` on the house's bus.
 */

import { randomInt } from 'node:crypto';
import { present } from '#base/assert.ts';
import { outboxDecider, type ObjectWritten, type PublishObjectCreated } from '#core/object/outbox.ts';
import type { BusEvent, Call, House } from '#services/service.ts';
import { checkWriteConditions, type WriteConditions } from './conditions.ts';
import { s3Fault } from './faults.ts';
import { bucketArn, findBucket, type Room, type Rows } from './room.ts';
import { withTables, type BucketRow, type VersionRow } from './tables.ts';
import { addVersion, latestVersion, type NewVersion } from './versions.ts';

/** Writes of one bucket spread over so many machines, so that two of them seldom wait for each other. */
const OUTBOXES = 16;

export function createOutbox(house: House): Room['outbox'] {
  return {
    kind: 's3.outbox',
    decider: outboxDecider,
    effects: {
      async PublishObjectCreated(effect) {
        await house.publish(busEvent(house, effect));
        return undefined;
      },
    },
  };
}

export interface Write {
  readonly bucket: BucketRow;
  readonly key: string;
  readonly version: NewVersion;
  readonly reason: ObjectWritten['reason'];
  readonly conditions: WriteConditions;
  /** Further rows of the same transaction, before the new version is made. */
  readonly before?: (rows: Rows) => Promise<void>;
}

export async function commitVersion(room: Room, call: Call, write: Write): Promise<VersionRow> {
  const { bucket, key, version, reason } = write;
  let row: VersionRow | undefined;
  const event: ObjectWritten = {
    type: 'ObjectWritten',
    bucket: bucket.name,
    key,
    sizeBytes: version.size,
    etag: version.etag,
    versionId: bucket.versioning === '' ? undefined : version.versionId,
    sequencer: createSequencer(call.at),
    requestId: call.requestId,
    requester: call.account,
    source: call.source,
    reason,
  };
  const outboxId = `${bucket.id}#${randomInt(OUTBOXES)}`;
  await room.house.engine.send(room.outbox, outboxId, event, async (transaction) => {
    const rows = withTables(transaction);
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

let writes = 0;

/** Grows with every write of this process; readers compare it as text. */
function createSequencer(at: number): string {
  writes = (writes + 1) % 0x1000000;
  return at.toString(16).padStart(12, '0') + writes.toString(16).padStart(6, '0');
}

/** As "Amazon S3 event notification to EventBridge" shows it; the key is not URL-encoded there. */
function busEvent(house: House, effect: PublishObjectCreated): BusEvent {
  return {
    id: effect.eventId,
    source: 'aws.s3',
    detailType: 'Object Created',
    account: house.account,
    region: house.region,
    at: effect.at,
    resources: [bucketArn(effect.bucket)],
    detail: {
      version: '0',
      bucket: { name: effect.bucket },
      object: {
        key: effect.key,
        size: effect.sizeBytes,
        etag: effect.etag,
        ...(effect.versionId === undefined ? {} : { 'version-id': effect.versionId }),
        sequencer: effect.sequencer,
      },
      'request-id': effect.requestId,
      requester: effect.requester,
      'source-ip-address': effect.source,
      reason: effect.reason,
    },
  };
}
