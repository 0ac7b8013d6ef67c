/**
 * Whom a bucket tells of its changes: EventBridge, queues and topics. The configuration is set and read here, and the
 * messages are written here; that each is sent is the outbox's promise.
 */

import type { NotificationConfiguration, QueueConfiguration, TopicConfiguration } from '@aws-sdk/client-s3';
import { parseArn } from '#base/arn.ts';
import { createText } from '#base/chance.ts';
import { isFault } from '#base/fault.ts';
import { EVENT_KINDS, findOverlap, type NotificationRule } from '#core/object/notification.ts';
import type { ObjectChange, ObjectListener } from '#core/object/outbox.ts';
import type { Call, Handler, House } from '#services/service.ts';
import { s3Fault } from './faults.ts';
import { bucketArn, canonicalId, type Room } from './room.ts';
import { change, readBucket, readSettings, settingsOf } from './settings.ts';

const RULES_MAX = 100;
const ID_ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

export function getBucketNotificationConfiguration(
  room: Room,
): Handler<'s3', 'GetBucketNotificationConfiguration'> {
  return async (call, input) => {
    const { eventBridge, notifications = [] } = await readSettings(room, call, input);
    const of = (target: NotificationRule['target']) => notifications.filter((rule) => rule.target === target);
    return {
      ...(eventBridge === true && { EventBridgeConfiguration: {} }),
      QueueConfigurations: of('queue').map((rule) => ({ ...shownRule(rule), QueueArn: rule.arn })),
      TopicConfigurations: of('topic').map((rule) => ({ ...shownRule(rule), TopicArn: rule.arn })),
    };
  };
}

export function putBucketNotificationConfiguration(
  room: Room,
): Handler<'s3', 'PutBucketNotificationConfiguration'> {
  return async (call, input) => {
    const bucket = await readBucket(room, call, input);
    const notifications = readRules(input.NotificationConfiguration ?? {});
    const eventBridge = input.NotificationConfiguration?.EventBridgeConfiguration !== undefined;
    const isTested = input.SkipDestinationValidation !== true;
    for (const rule of isTested ? notifications : []) await testListener(room.house, call, bucket.name, rule);
    return await change(room, call, input, (row) => ({
      settings: JSON.stringify({ ...settingsOf(row), eventBridge, notifications }),
    }));
  };
}

/** Sends the message of one change; throws what the queue or the topic answers. */
export async function tellListener(
  house: House,
  at: number,
  change: ObjectChange,
  listener: ObjectListener,
): Promise<void> {
  const [name, detail] = [change.name, detailOf(change)];
  const record = {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    awsRegion: house.region,
    eventTime: new Date(at).toISOString(),
    eventName: name,
    userIdentity: { principalId: change.requester },
    requestParameters: { sourceIPAddress: change.source },
    responseElements: { 'x-amz-request-id': change.requestId, 'x-amz-id-2': change.requestId },
    s3: {
      s3SchemaVersion: '1.0',
      configurationId: listener.configurationId,
      bucket: {
        name: change.bucket,
        ownerIdentity: { principalId: canonicalId(house.account).slice(0, 14).toUpperCase() },
        arn: bucketArn(change.bucket),
      },
      object: detail,
    },
  };
  await send(house, change.bucket, listener.arn, JSON.stringify({ Records: [record] }));
}

/** Keys are encoded as forms are, unlike in events of the bus. */
function detailOf({ key, sizeBytes, etag, versionId, sequencer }: ObjectChange) {
  const encoded = new URLSearchParams({ key }).toString().slice('key='.length).replaceAll('%2F', '/');
  return { key: encoded, size: sizeBytes, eTag: etag, versionId, sequencer };
}

async function send(house: House, bucket: string, arn: string, message: string): Promise<void> {
  const { service, account, resource } = parseArn(arn) ?? {};
  // On behalf of the bucket, so the policy of the queue or topic decides, with aws:SourceArn.
  const sender = house.asService('s3', bucketArn(bucket));
  if (service === 'sns') {
    await sender.send('sns:Publish', { TopicArn: arn, Message: message, Subject: 'Amazon S3 Notification' });
  } else {
    const QueueUrl = `${house.endpoint()}/${account}/${resource}`;
    await sender.send('sqs:SendMessage', { QueueUrl, MessageBody: message });
  }
}

async function testListener(
  house: House,
  call: Call,
  bucket: string,
  { arn }: NotificationRule,
): Promise<void> {
  const message = {
    Service: 'Amazon S3',
    Event: 's3:TestEvent',
    Time: new Date(call.at).toISOString(),
    Bucket: bucket,
    RequestId: call.requestId,
    HostId: call.requestId,
  };
  try {
    await send(house, bucket, arn, JSON.stringify(message));
  } catch (error) {
    if (!isFault(error)) throw error;
    throw s3Fault(
      'InvalidArgument',
      { ArgumentName: arn, ArgumentValue: error.message },
      `Unable to validate the following destination configurations: ${arn}: ${error.message}`,
    );
  }
}

function readRules(stated: NotificationConfiguration): NotificationRule[] {
  if ((stated.LambdaFunctionConfigurations?.length ?? 0) > 0) {
    throw s3Fault('NotImplemented', {}, 'Notifications to Lambda functions are not implemented.');
  }
  const rules = [
    ...(stated.QueueConfigurations ?? []).map((each) => readRule(each, 'queue', each.QueueArn)),
    ...(stated.TopicConfigurations ?? []).map((each) => readRule(each, 'topic', each.TopicArn)),
  ];
  if (rules.length > RULES_MAX)
    throw invalid(`A bucket has at most ${RULES_MAX} notification configurations.`);
  if (new Set(rules.map(({ id }) => id)).size < rules.length)
    throw invalid('Configuration ids must be unique.');
  const overlap = findOverlap(rules);
  if (overlap) {
    throw invalid(
      'Configurations overlap. Configurations on the same bucket cannot share a common event type ' +
        `with overlapping keys: ${overlap.join(' and ')}.`,
    );
  }
  return rules;
}

function readRule(
  stated: QueueConfiguration | TopicConfiguration,
  target: NotificationRule['target'],
  arn = '',
): NotificationRule {
  const service = target === 'queue' ? 'sqs' : 'sns';
  if (parseArn(arn)?.service !== service)
    throw invalid(`The ARN could not be parsed: ${JSON.stringify(arn)}`);
  if (arn.endsWith('.fifo')) throw invalid('FIFO queues and topics are not allowed as destinations.');
  const events = stated.Events ?? [];
  if (events.length === 0) throw s3Fault('MalformedXML');
  const unknown = events.find((event) => !EVENT_KINDS.includes(event));
  if (unknown !== undefined) {
    throw invalid(
      `The event ${JSON.stringify(unknown)} does not happen here; there are ${EVENT_KINDS.join(', ')}.`,
    );
  }
  const filters = stated.Filter?.Key?.FilterRules ?? [];
  const valueOf = (name: string) => {
    const found = filters.filter((filter) => filter.Name?.toLowerCase() === name);
    if (found.length > 1) throw invalid(`Cannot specify more than one ${name} rule in a filter.`);
    return found[0]?.Value ?? '';
  };
  const odd = filters.find(({ Name = '' }) => !['prefix', 'suffix'].includes(Name.toLowerCase()));
  if (odd) throw invalid('filter rule name must be either prefix or suffix');
  const id = stated.Id || createText(ID_ALPHABET, 48);
  return { id, target, arn, events, prefix: valueOf('prefix'), suffix: valueOf('suffix') };
}

function shownRule({ id, events, prefix, suffix }: NotificationRule) {
  const FilterRules = [
    ...(prefix === '' ? [] : [{ Name: 'prefix' as const, Value: prefix }]),
    ...(suffix === '' ? [] : [{ Name: 'suffix' as const, Value: suffix }]),
  ];
  return {
    Id: id,
    Events: [...events] as NonNullable<QueueConfiguration['Events']>,
    ...(FilterRules.length > 0 && { Filter: { Key: { FilterRules } } }),
  };
}

function invalid(message: string) {
  return s3Fault('InvalidArgument', {}, message);
}
