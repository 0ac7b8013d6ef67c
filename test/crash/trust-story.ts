/**
 * The story of what is relied on: an object is written under a key of its own, the key's material is rotated, a queue
 * and a rule of EventBridge hear of it, and a trail delivers what was recorded, with its digest. The world shows what
 * listeners heard, what old and new ciphertexts say, and that every recorded call lies in the trail's files once.
 */

import { createHash, createPublicKey, verify } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { isFault } from '#base/fault.ts';
import type { Slipway } from '#slipway';
import { createMovableClock, type MovableClock } from '#test/support/movable-clock.ts';
import { openHouse } from './house-story.ts';
import type { HouseStory } from './house-tellings.ts';

const TRAIL = 'arn:aws:cloudtrail:us-east-1:123456789012:trail/main';
const KEPT = 'trail-files';
const FILES = 'files';
const MINUTE_MS = 60_000;
const TICK_MS = 8_000;
const STORY_MS_MAX = 60_000;
const clocks = new WeakMap<Slipway, MovableClock>();

async function open(directory: string, beforeWrite?: (n: number) => void): Promise<Slipway> {
  const clock = createMovableClock();
  const slipway = await openHouse(directory, beforeWrite, clock);
  clocks.set(slipway, clock);
  return slipway;
}

const policy = (...statements: readonly object[]) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: statements.map((each) => ({ Effect: 'Allow', ...each })),
  });

async function prepare(directory: string): Promise<void> {
  const slipway = await open(directory);
  const { root } = slipway;
  for (const Bucket of [KEPT, FILES]) await root.send('s3:CreateBucket', { Bucket });
  const Principal = { Service: 'cloudtrail.amazonaws.com' };
  await root.send('s3:PutBucketPolicy', {
    Bucket: KEPT,
    Policy: policy(
      { Principal, Action: 's3:GetBucketAcl', Resource: `arn:aws:s3:::${KEPT}` },
      { Principal, Action: 's3:PutObject', Resource: `arn:aws:s3:::${KEPT}/*` },
    ),
  });
  for (const [QueueName, service] of [
    ['heard', 's3'],
    ['called', 'events'],
  ] as const) {
    const Resource = `arn:aws:sqs:us-east-1:123456789012:${QueueName}`;
    const Policy = policy({
      Principal: { Service: `${service}.amazonaws.com` },
      Action: 'sqs:SendMessage',
      Resource,
    });
    await root.send('sqs:CreateQueue', { QueueName, Attributes: { Policy } });
  }
  const QueueArn = 'arn:aws:sqs:us-east-1:123456789012:heard';
  await root.send('s3:PutBucketNotificationConfiguration', {
    Bucket: FILES,
    SkipDestinationValidation: true,
    NotificationConfiguration: {
      QueueConfigurations: [{ QueueArn, Events: ['s3:ObjectCreated:*', 's3:ObjectRemoved:*'] }],
    },
  });
  await root.send('events:PutRule', {
    Name: 'rotations',
    EventPattern: JSON.stringify({ source: ['aws.kms'], detail: { eventName: ['RotateKeyOnDemand'] } }),
  });
  await root.send('events:PutTargets', {
    Rule: 'rotations',
    Targets: [{ Id: 'q', Arn: 'arn:aws:sqs:us-east-1:123456789012:called' }],
  });
  await root.send('cloudtrail:CreateTrail', {
    Name: 'main',
    S3BucketName: KEPT,
    EnableLogFileValidation: true,
  });
  await root.send('cloudtrail:StartLogging', { Name: TRAIL });
  await slipway.house.engine.idle();
  await slipway.close(STORY_MS_MAX);
}

async function live(slipway: Slipway): Promise<unknown> {
  const { root } = slipway;
  const KeyId = await keyOf(slipway);
  const there = await root.send('s3:ListObjectsV2', { Bucket: FILES });
  if ((there.Contents ?? []).length === 0) {
    const Body = Buffer.from('sealed');
    await root.send('s3:PutObject', {
      Bucket: FILES,
      Key: 'a',
      Body,
      ServerSideEncryption: 'aws:kms',
      SSEKMSKeyId: KeyId,
    });
  }
  const { OnDemandRotationStartDate: started } = await root.send('kms:GetKeyRotationStatus', { KeyId });
  const { Rotations = [] } = await root.send('kms:ListKeyRotations', { KeyId });
  if (started === undefined && Rotations.length === 0) await root.send('kms:RotateKeyOnDemand', { KeyId });
  await settle(slipway);
  const clock = clocks.get(slipway);
  for (let minutes = 0; minutes < 75; minutes += 5) {
    clock?.advance(5 * MINUTE_MS);
    await settle(slipway);
  }
  const trail = await readTrail(slipway);
  const object = await root.send('s3:GetObject', { Bucket: FILES, Key: 'a' });
  return {
    content: await textOf(object.Body),
    heard: await heardIn(slipway, 'heard'),
    called: await heardIn(slipway, 'called'),
    trail,
  };
}

/**
 * Waits until nothing is left to do. False time runs meanwhile, but not past a lease at once: an earlier life has left
 * what is due only in what was its future.
 */
async function settle(slipway: Slipway): Promise<void> {
  const ticking = setInterval(() => clocks.get(slipway)?.advance(TICK_MS), 5);
  await slipway.house.engine.idle().finally(() => clearInterval(ticking));
}

/** A client that did not hear of its key's name asks for the name; keys without one are nobody's. */
async function keyOf({ root }: Slipway): Promise<string> {
  try {
    const { KeyMetadata } = await root.send('kms:DescribeKey', { KeyId: 'alias/release' });
    return KeyMetadata?.KeyId ?? '';
  } catch (error) {
    if (!isFault(error, 'NotFoundException')) throw error;
    const { KeyMetadata } = await root.send('kms:CreateKey', {});
    await root.send('kms:CreateAlias', { AliasName: 'alias/release', TargetKeyId: KeyMetadata?.KeyId });
    return KeyMetadata?.KeyId ?? '';
  }
}

/** Which of the calls that were recorded since the trail began are missing in its files or there twice. */
async function readTrail({ root }: Slipway): Promise<unknown> {
  const { Contents = [] } = await root.send('s3:ListObjectsV2', { Bucket: KEPT });
  const ids: string[] = [];
  const texts = new Map<string, string>();
  for (const Key of Contents.flatMap(({ Key: key = '' }) => (key.endsWith('.gz') ? [key] : []))) {
    const { Body } = await root.send('s3:GetObject', { Bucket: KEPT, Key });
    const text = gunzipSync(await bytesOf(Body)).toString();
    texts.set(Key, text);
    if (!Key.includes('/CloudTrail/')) continue;
    const { Records } = JSON.parse(text) as { Records: { eventID: string; eventName: string }[] };
    ids.push(...Records.map(({ eventID }) => eventID));
  }
  const { Events = [] } = await root.send('cloudtrail:LookupEvents', {
    LookupAttributes: [{ AttributeKey: 'EventName', AttributeValue: 'RotateKeyOnDemand' }],
  });
  const rotations = Events.map(({ EventId = '' }) => ids.filter((id) => id === EventId).length);
  const digests = [...texts].filter(([key]) => key.includes('/CloudTrail-Digest/'));
  const { PublicKeyList = [] } = await root.send('cloudtrail:ListPublicKeys', {});
  const keys = PublicKeyList.map(({ Value = new Uint8Array() }) =>
    createPublicKey({ key: Buffer.from(Value), format: 'der', type: 'pkcs1' }),
  );
  const broken = [];
  for (const [key, text] of digests) {
    const digest = JSON.parse(text) as Digest;
    const { Metadata = {} } = await root.send('s3:HeadObject', { Bucket: KEPT, Key: key });
    const signed = [
      digest.digestEndTime,
      `${KEPT}/${key}`,
      sha256(text),
      digest.previousDigestSignature ?? 'null',
    ].join('\n');
    const signature = Buffer.from(Metadata['signature'] ?? '', 'hex');
    if (!keys.some((each) => verify('sha256', Buffer.from(signed), each, signature)))
      broken.push('signature');
    for (const file of digest.logFiles) {
      if (sha256(texts.get(file.s3Object) ?? '') !== file.hashValue) broken.push('hash');
    }
  }
  return {
    doubled: ids.length - new Set(ids).size,
    // A call that was repeated after a failure is recorded each time, and delivered as often as it is recorded.
    rotationsDelivered: rotations.length > 0 && rotations.every((count) => count === 1),
    digests: digests.length > 0,
    broken,
  };
}

interface Digest {
  readonly digestEndTime: string;
  readonly previousDigestSignature: string | null;
  readonly logFiles: readonly { readonly s3Object: string; readonly hashValue: string }[];
}

/** What was heard, each once: it may come twice. */
async function heardIn(slipway: Slipway, queue: string): Promise<readonly string[]> {
  const { root, house } = slipway;
  const QueueUrl = `${house.endpoint()}/${house.account}/${queue}`;
  const found = new Set<string>();
  await until(`a message in ${queue}`, async () => {
    const { Messages = [] } = await root.send('sqs:ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 });
    for (const { Body = '' } of Messages) {
      const { Records, detail } = JSON.parse(Body) as {
        Records?: { eventName: string }[];
        detail?: { eventName: string };
      };
      found.add(Records?.[0]?.eventName ?? detail?.eventName ?? '');
    }
    // An earlier life may have received them, and they are hidden until then.
    clocks.get(slipway)?.advance(TICK_MS);
    return found.size > 0;
  });
  return [...found].sort();
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + STORY_MS_MAX;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`${what} does not come`);
    await pause(10);
  }
}

async function bytesOf(body: unknown): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function textOf(body: unknown): Promise<string> {
  return (await bytesOf(body)).toString();
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export const story: HouseStory = { open, prepare, live };
