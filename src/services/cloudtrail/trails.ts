/** Trails: made, changed, shown, deleted. Whether the bucket takes files is tried before a trail names it. */

import type { Trail } from '@aws-sdk/client-cloudtrail';
import { parseArn } from '#base/arn.ts';
import { fault, isFault, type Fault } from '#base/fault.ts';
import type { TrailSettings, TrailState } from '#core/trail/state.ts';
import type { InputOf } from '#services/clients.ts';
import type { Handler, House } from '#services/service.ts';
import {
  checkTrailName,
  findTrail,
  trailArn,
  trailNameOf,
  trailNames,
  unknownTrail,
  type Room,
} from './room.ts';
import { currentSigner } from './signing.ts';
import { readTags } from './tagging.ts';

const TRAILS_MAX = 5;
const PREFIX_LENGTH_MAX = 200;
const BUCKET_FORM = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

type Change = InputOf<'cloudtrail', 'UpdateTrail'>;

export function createTrail(room: Room): Handler<'cloudtrail', 'CreateTrail'> {
  return async (_call, input) => {
    const name = checkTrailName(input.Name ?? '');
    const names = await trailNames(room);
    if (names.includes(name)) {
      throw fault('TrailAlreadyExistsException', `The trail ${name} exists already.`);
    }
    if (names.length >= TRAILS_MAX) {
      throw fault('MaximumNumberOfTrailsExceededException', `An account has at most ${TRAILS_MAX} trails.`);
    }
    const settings = await checkedSettings(room, name, input, undefined);
    const tags = readTags(input.TagsList);
    const { state } = await room.house.engine.send(room.trails, name, {
      type: 'TrailCreated',
      name,
      settings,
      tags,
    });
    return settingsView(room.house, state);
  };
}

export function updateTrail(room: Room): Handler<'cloudtrail', 'UpdateTrail'> {
  return async (_call, input) => {
    const { name, settings: before } = await findTrail(room, input.Name);
    const settings = await checkedSettings(room, name, input, before);
    const { state } = await room.house.engine.send(room.trails, name, { type: 'TrailChanged', settings });
    return settingsView(room.house, state);
  };
}

export function deleteTrail(room: Room): Handler<'cloudtrail', 'DeleteTrail'> {
  return async (_call, input) => {
    const name = trailNameOf(room.house, input.Name);
    if (!(await trailNames(room)).includes(name)) throw unknownTrail(name);
    await room.house.engine.send(room.trails, name, { type: 'TrailDeleted' });
    await room.house.engine.forget(room.trails, name);
    await room.selection.refresh();
    return {};
  };
}

export function getTrail(room: Room): Handler<'cloudtrail', 'GetTrail'> {
  return async (_call, input) => ({ Trail: trailView(room.house, await findTrail(room, input.Name)) });
}

/** Names that do not exist are passed over. */
export function describeTrails(room: Room): Handler<'cloudtrail', 'DescribeTrails'> {
  return async (_call, input) => {
    const { house, trails } = room;
    const asked = input.trailNameList ?? [];
    const names = asked.length > 0 ? asked.map((each) => trailNameOf(house, each)) : await trailNames(room);
    const states = await Promise.all(names.map((name) => house.engine.read(trails, name)));
    return {
      trailList: states.flatMap((state) => (state && !state.isDeleted ? [trailView(house, state)] : [])),
    };
  };
}

export function listTrails(room: Room): Handler<'cloudtrail', 'ListTrails'> {
  return async () => ({
    Trails: (await trailNames(room)).map((name) => ({
      Name: name,
      TrailARN: trailArn(room.house, name),
      HomeRegion: room.house.region,
    })),
  });
}

/** What is not said stays as it was. */
async function checkedSettings(
  room: Room,
  name: string,
  input: Change,
  before: TrailSettings | undefined,
): Promise<TrailSettings> {
  refuseWhatIsNotThere(input);
  const { house } = room;
  const settings: TrailSettings = {
    bucket: input.S3BucketName ?? before?.bucket ?? '',
    prefix: input.S3KeyPrefix === undefined ? before?.prefix : input.S3KeyPrefix || undefined,
    hasValidation: input.EnableLogFileValidation ?? before?.hasValidation ?? false,
    includesGlobalEvents: input.IncludeGlobalServiceEvents ?? before?.includesGlobalEvents ?? true,
    isMultiRegion: input.IsMultiRegionTrail ?? before?.isMultiRegion ?? false,
    kmsKeyId: input.KmsKeyId === undefined ? before?.kmsKeyId : input.KmsKeyId || undefined,
    topicArn:
      input.SnsTopicName === undefined
        ? before?.topicArn
        : topicArnOf(house, input.SnsTopicName) || undefined,
  };
  if (!BUCKET_FORM.test(settings.bucket)) {
    throw fault(
      'InvalidS3BucketNameException',
      `${settings.bucket.slice(0, 100)} is not the name of a bucket.`,
    );
  }
  if ((settings.prefix ?? '').length > PREFIX_LENGTH_MAX) {
    throw fault('InvalidS3PrefixException', `A prefix has at most ${PREFIX_LENGTH_MAX} characters.`);
  }
  if (settings.isMultiRegion && !settings.includesGlobalEvents) {
    throw fault(
      'InvalidParameterCombinationException',
      'A multi-region trail must include global service events.',
    );
  }
  await tryBucket(house, name, settings);
  await tryTopic(house, name, settings);
  // The key exists before the first digest, so that whoever asks for it finds it.
  if (settings.hasValidation) await currentSigner(house);
  return settings;
}

function refuseWhatIsNotThere(input: Change): void {
  if (input.IsOrganizationTrail === true) {
    throw fault('OrganizationsNotInUseException', 'There is one account, and no organization above it.');
  }
  if (input.CloudWatchLogsLogGroupArn || input.CloudWatchLogsRoleArn) {
    throw fault(
      'CloudWatchLogsDeliveryUnavailableException',
      'Slipway does not copy events to a log group yet; they are delivered to a bucket.',
    );
  }
}

/** As on AWS, an empty object stands where the log files will be; it proves that they can be. */
async function tryBucket(house: House, name: string, settings: TrailSettings): Promise<void> {
  const { bucket, prefix, kmsKeyId } = settings;
  const service = house.asService('cloudtrail', trailArn(house, name));
  try {
    await service.send('s3:GetBucketLocation', { Bucket: bucket });
    await service.send('s3:GetBucketAcl', { Bucket: bucket });
    await service.send('s3:PutObject', {
      Bucket: bucket,
      Key: `${prefix === undefined ? '' : `${prefix}/`}AWSLogs/${house.account}/`,
      Body: Buffer.alloc(0),
      ACL: 'bucket-owner-full-control',
      ...(kmsKeyId !== undefined && { ServerSideEncryption: 'aws:kms' as const, SSEKMSKeyId: kmsKeyId }),
    });
  } catch (error) {
    throw isFault(error) ? bucketFault(error, bucket) : error;
  }
}

function bucketFault(error: Fault, bucket: string): Fault {
  const { code, message } = error;
  if (code === 'NoSuchBucket') {
    return fault('S3BucketDoesNotExistException', `S3 bucket ${bucket} does not exist!`, { cause: error });
  }
  if (code === 'NotImplemented') return fault('UnsupportedOperationException', message, { cause: error });
  if (code.startsWith('KMS'))
    return fault('InsufficientEncryptionPolicyException', message, { cause: error });
  return fault(
    'InsufficientS3BucketPolicyException',
    `Incorrect S3 bucket policy is detected for bucket: ${bucket}`,
    { cause: error },
  );
}

function topicArnOf(house: House, topic: string): string {
  return topic === '' || topic.startsWith('arn:')
    ? topic
    : `arn:aws:sns:${house.region}:${house.account}:${topic}`;
}

async function tryTopic(house: House, name: string, { topicArn }: TrailSettings): Promise<void> {
  if (topicArn === undefined) return;
  if (parseArn(topicArn)?.service !== 'sns') {
    throw fault('InvalidSnsTopicNameException', `${topicArn.slice(0, 256)} is not a topic.`);
  }
  const { principal } = house.asService('cloudtrail', trailArn(house, name));
  try {
    await house.trust.authorize(principal, [{ action: 'sns:Publish', resource: topicArn }]);
  } catch (error) {
    if (!isFault(error)) throw error;
    throw fault(
      'InsufficientSnsTopicPolicyException',
      `SNS Topic does not exist or the topic policy is incorrect!`,
      {
        cause: error,
      },
    );
  }
}

/** As CreateTrail and UpdateTrail answer. */
function settingsView(house: House, { name, settings }: TrailState) {
  const { topicArn, prefix, kmsKeyId } = settings;
  return {
    Name: name,
    S3BucketName: settings.bucket,
    ...(prefix !== undefined && { S3KeyPrefix: prefix }),
    ...(topicArn !== undefined && { SnsTopicName: topicArn.split(':').at(-1), SnsTopicARN: topicArn }),
    IncludeGlobalServiceEvents: settings.includesGlobalEvents,
    IsMultiRegionTrail: settings.isMultiRegion,
    TrailARN: trailArn(house, name),
    LogFileValidationEnabled: settings.hasValidation,
    ...(kmsKeyId !== undefined && { KmsKeyId: kmsKeyId }),
    IsOrganizationTrail: false,
  };
}

function trailView(house: House, state: TrailState): Trail {
  return {
    ...settingsView(house, state),
    HomeRegion: house.region,
    HasCustomEventSelectors: state.hasOwnSelectors,
    HasInsightSelectors: false,
  };
}
