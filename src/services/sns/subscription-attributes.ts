/** The attributes of a subscription: what can be set, and what deliveries take from them. */

import { parseArn } from '#base/arn.ts';
import { parseFilterPolicy, type FilterScope } from '#core/topic/filter-policy.ts';
import { MAIL_RETRY, QUEUE_RETRY, type RetryPolicy } from '#core/topic/retry.ts';
import { invalidParameter } from './faults.ts';
import { attributesOf, type Attributes } from './room.ts';
import type { SubscriptionRow, TopicRow } from './tables.ts';
import { contentTypeOf, parseObject, retryOf, topicDelivery } from './topic-attributes.ts';

/** The attributes after a change; an empty text takes an attribute away. */
export function changeSubscriptionAttributes(
  protocol: string,
  before: Attributes,
  change: Attributes,
): Attributes {
  const after: Record<string, string> = { ...before };
  for (const [name, value] of Object.entries(change)) {
    checkAttribute(protocol, name, value);
    if (value === '') delete after[name];
    else after[name] = value;
  }
  const filter = after['FilterPolicy'];
  if (filter !== undefined) {
    const parsed = parseFilterPolicy(filter, scopeOf(after));
    if ('error' in parsed) throw invalidParameter(`FilterPolicy: ${parsed.error}`);
  }
  return after;
}

function checkAttribute(protocol: string, name: string, value: string): void {
  switch (name) {
    case 'FilterPolicy':
      return;
    case 'FilterPolicyScope':
      if (['', 'MessageAttributes', 'MessageBody'].includes(value)) return;
      throw invalidParameter(
        `FilterPolicyScope: Invalid value [${value}]. Please use either MessageBody or MessageAttributes`,
      );
    case 'RawMessageDelivery':
      if (!/^(true|false)$/i.test(value))
        throw invalidParameter(
          `Attributes Reason: RawMessageDelivery: Invalid value [${value}]. Must be true or false.`,
        );
      if (value.toLowerCase() === 'false' || ['sqs', 'http', 'https'].includes(protocol)) return;
      throw invalidParameter(
        `Attributes Reason: RawMessageDelivery is not supported for protocol ${protocol}`,
      );
    case 'RedrivePolicy':
      if (value !== '') deadLetterArn(value);
      return;
    case 'DeliveryPolicy':
      if (value !== '') readDeliveryPolicy(value);
      return;
    default:
      throw invalidParameter('AttributeName');
  }
}

export function scopeOf(attributes: Attributes): FilterScope {
  return attributes['FilterPolicyScope'] === 'MessageBody' ? 'MessageBody' : 'MessageAttributes';
}

export function isRaw(row: SubscriptionRow): boolean {
  return attributesOf(row)['RawMessageDelivery']?.toLowerCase() === 'true';
}

/** ARN of the queue for what cannot be delivered. */
export function deadLetterTarget(row: SubscriptionRow): string | undefined {
  const text = attributesOf(row)['RedrivePolicy'];
  return text === undefined ? undefined : deadLetterArn(text);
}

function deadLetterArn(text: string): string {
  const { deadLetterTargetArn: arn } = parseObject(text, 'RedrivePolicy');
  if (typeof arn === 'string' && parseArn(arn)?.service === 'sqs') return arn;
  throw invalidParameter('RedrivePolicy: deadLetterTargetArn is an invalid arn');
}

interface DeliveryPolicy {
  readonly retry: RetryPolicy | undefined;
  readonly contentType: string | undefined;
}

function readDeliveryPolicy(text: string): DeliveryPolicy {
  const policy = parseObject(text, 'DeliveryPolicy');
  return {
    retry: policy['healthyRetryPolicy'] ? retryOf(policy['healthyRetryPolicy']) : undefined,
    contentType: contentTypeOf(policy['requestPolicy']),
  };
}

function deliveryPolicyOf(row: SubscriptionRow): DeliveryPolicy {
  const text = attributesOf(row)['DeliveryPolicy'];
  return text === undefined ? { retry: undefined, contentType: undefined } : readDeliveryPolicy(text);
}

/** Only HTTP takes the policies that customers set. */
export function retryPolicyOf(topic: TopicRow, row: SubscriptionRow): RetryPolicy {
  switch (row.protocol) {
    case 'email':
    case 'email-json':
      return MAIL_RETRY;
    case 'sqs':
      return QUEUE_RETRY;
    default: {
      const ofTopic = topicDelivery(attributesOf(topic));
      const own = ofTopic.disableSubscriptionOverrides ? undefined : deliveryPolicyOf(row).retry;
      return own ?? ofTopic.retry;
    }
  }
}

export function requestContentType(topic: TopicRow, row: SubscriptionRow): string {
  return deliveryPolicyOf(row).contentType ?? topicDelivery(attributesOf(topic)).contentType;
}
