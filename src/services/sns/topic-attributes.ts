/** The attributes of a topic: what can be set, what they may be, and what a topic shows of itself. */

import { HTTP_RETRY, readRetryPolicy, type RetryPolicy } from '#core/topic/retry.ts';
import { isFaulty, parsePolicy } from '#core/policy/parse.ts';
import { invalidParameter } from './faults.ts';
import type { Attributes } from './room.ts';
import type { SignatureVersion } from './signer.ts';

const DISPLAY_NAME_LENGTH_MAX = 100;
const CONTENT_TYPE = 'text/plain; charset=UTF-8';

/** The attributes after a change; an empty text takes an attribute away. */
export function changeTopicAttributes(before: Attributes, change: Attributes): Attributes {
  const after: Record<string, string> = { ...before };
  for (const [name, value] of Object.entries(change)) {
    checkAttribute(name, value);
    if (value === '') delete after[name];
    else after[name] = value;
  }
  return after;
}

function checkAttribute(name: string, value: string): void {
  switch (name) {
    case 'DisplayName':
      if (value.length > DISPLAY_NAME_LENGTH_MAX) throw invalidParameter('DisplayName');
      return;
    case 'Policy': {
      if (value === '') return;
      const parsed = parsePolicy(value, 'resource');
      if (isFaulty(parsed)) throw invalidParameter(`Policy Error: ${parsed.faults[0]}`);
      return;
    }
    case 'DeliveryPolicy':
      if (value !== '') readDeliveryPolicy(value);
      return;
    case 'SignatureVersion':
      if (value !== '1' && value !== '2') throw invalidParameter('SignatureVersion');
      return;
    case 'TracingConfig':
      if (value === 'PassThrough') return;
      throw invalidParameter('TracingConfig Reason: Slipway does not trace messages');
    case 'FifoTopic':
    case 'ContentBasedDeduplication':
      if (value === 'false') return;
      throw invalidParameter(`${name} Reason: Slipway has no FIFO topics`);
    case 'KmsMasterKeyId':
      if (value === '') return;
      throw invalidParameter(
        'KmsMasterKeyId Reason: Slipway seals messages with the key of the installation, not with keys of AWS KMS',
      );
    default:
      checkFeedback(name, value);
  }
}

const FEEDBACK =
  /^(?:HTTP|SQS|Lambda|Firehose|Application)(?:SuccessFeedback(SampleRate)|(?:Success|Failure)Feedback(RoleArn))$/;

/** Delivery status logs are written under a role; without one a sample rate says nothing, as on AWS. */
function checkFeedback(name: string, value: string): void {
  const [, rate, role] = FEEDBACK.exec(name) ?? [];
  if (rate !== undefined) {
    if (/^\d{1,3}$/.test(value) && Number(value) <= 100) return;
    throw invalidParameter(name);
  }
  if (role === undefined) throw invalidParameter('AttributeName');
  if (value !== '') throw invalidParameter(`${name} Reason: Slipway writes no delivery status logs`);
}

export interface TopicDelivery {
  readonly retry: RetryPolicy;
  readonly disableSubscriptionOverrides: boolean;
  readonly contentType: string;
}

export function topicDelivery(attributes: Attributes): TopicDelivery {
  const text = attributes['DeliveryPolicy'];
  return text === undefined ? DEFAULT_DELIVERY : readDeliveryPolicy(text);
}

const DEFAULT_DELIVERY: TopicDelivery = {
  retry: HTTP_RETRY,
  disableSubscriptionOverrides: false,
  contentType: CONTENT_TYPE,
};

function readDeliveryPolicy(text: string): TopicDelivery {
  const { http } = parseObject(text, 'DeliveryPolicy');
  if (http === undefined) return DEFAULT_DELIVERY;
  if (!isObject(http)) throw invalidParameter('DeliveryPolicy: http must be an object');
  return {
    retry: http['defaultHealthyRetryPolicy'] ? retryOf(http['defaultHealthyRetryPolicy']) : HTTP_RETRY,
    disableSubscriptionOverrides: http['disableSubscriptionOverrides'] === true,
    contentType: contentTypeOf(http['defaultRequestPolicy']) ?? CONTENT_TYPE,
  };
}

export function retryOf(value: unknown): RetryPolicy {
  const read = readRetryPolicy(value);
  if ('error' in read) throw invalidParameter(`DeliveryPolicy: ${read.error}`);
  return read.policy;
}

const CONTENT_TYPES =
  /^(application\/(json|xml|x-www-form-urlencoded|octet-stream)|text\/(plain|css|csv|html|xml))(; ?charset=[\w-]+)?$/i;

export function contentTypeOf(requestPolicy: unknown): string | undefined {
  const value = isObject(requestPolicy) ? requestPolicy['headerContentType'] : undefined;
  if (value === undefined) return undefined;
  if (typeof value === 'string' && CONTENT_TYPES.test(value)) return value;
  throw invalidParameter('DeliveryPolicy: headerContentType is not supported');
}

export function signatureVersionOf(attributes: Attributes): SignatureVersion {
  return attributes['SignatureVersion'] === '2' ? '2' : '1';
}

export function effectiveDeliveryPolicy(attributes: Attributes): string {
  const { retry, disableSubscriptionOverrides, contentType } = topicDelivery(attributes);
  return JSON.stringify({
    http: {
      defaultHealthyRetryPolicy: retry,
      disableSubscriptionOverrides,
      defaultRequestPolicy: { headerContentType: contentType },
    },
  });
}

export function parseObject(text: string, name: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  if (!isObject(value)) throw invalidParameter(`${name}: failed to parse JSON.`);
  return value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
