/**
 * The attributes of a queue: which can be set, what they may be, what they are when nobody set them. Kept as the texts
 * that they are on the wire. AWS: "SetQueueAttributes" in the SQS API reference.
 */

import { parseArn } from '#base/arn.ts';
import { fault } from '#base/fault.ts';
import { isFaulty, parsePolicy } from '#core/policy/parse.ts';
import { invalidParameter } from './faults.ts';

export type Attributes = Readonly<Record<string, string>>;

export interface Settings {
  readonly isFifo: boolean;
  readonly delaySeconds: number;
  readonly messageBytesMax: number;
  readonly retentionSeconds: number;
  readonly waitSeconds: number;
  readonly visibilitySeconds: number;
  readonly contentBasedDeduplication: boolean;
  readonly deduplicationByGroup: boolean;
  readonly redrive: Redrive | undefined;
}

export interface Redrive {
  readonly deadLetterTargetArn: string;
  readonly maxReceiveCount: number;
}

/** Sealed contents must fit into a text of the keyring, so the limit is the classic one. */
export const MESSAGE_BYTES_MAX = 262_144;
const RECEIVE_COUNT_MAX = 1_000;

const NUMBERS: Readonly<Record<string, readonly [min: number, max: number]>> = {
  DelaySeconds: [0, 900],
  MaximumMessageSize: [1_024, MESSAGE_BYTES_MAX],
  MessageRetentionPeriod: [60, 1_209_600],
  ReceiveMessageWaitTimeSeconds: [0, 20],
  VisibilityTimeout: [0, 43_200],
};

const DEFAULTS: Attributes = {
  DelaySeconds: '0',
  MaximumMessageSize: String(MESSAGE_BYTES_MAX),
  MessageRetentionPeriod: '345600',
  ReceiveMessageWaitTimeSeconds: '0',
  SqsManagedSseEnabled: 'true',
  VisibilityTimeout: '30',
};

const FIFO_DEFAULTS: Attributes = {
  ContentBasedDeduplication: 'false',
  DeduplicationScope: 'queue',
  FifoThroughputLimit: 'perQueue',
};

/** What the queue shows: what was set, over what every queue has. */
export function effectiveAttributes(attributes: Attributes): Attributes {
  return {
    ...DEFAULTS,
    ...(attributes['FifoQueue'] === 'true' ? FIFO_DEFAULTS : {}),
    ...attributes,
  };
}

export function settingsOf(attributes: Attributes): Settings {
  const all = effectiveAttributes(attributes);
  const number = (name: string) => Number(all[name]);
  return {
    isFifo: all['FifoQueue'] === 'true',
    delaySeconds: number('DelaySeconds'),
    messageBytesMax: number('MaximumMessageSize'),
    retentionSeconds: number('MessageRetentionPeriod'),
    waitSeconds: number('ReceiveMessageWaitTimeSeconds'),
    visibilitySeconds: number('VisibilityTimeout'),
    contentBasedDeduplication: all['ContentBasedDeduplication'] === 'true',
    deduplicationByGroup: all['DeduplicationScope'] === 'messageGroup',
    redrive: all['RedrivePolicy'] === undefined ? undefined : parseRedrive(all['RedrivePolicy']),
  };
}

/** The attributes after a change; an empty text takes an attribute away. Throws for what SQS would refuse. */
export function changeAttributes(queueName: string, before: Attributes, change: Attributes): Attributes {
  const isFifo = queueName.endsWith('.fifo');
  const after: Record<string, string> = { ...before };
  for (const [name, value] of Object.entries(change)) {
    if (value === '' && CLEARABLE.has(name)) {
      delete after[name];
      continue;
    }
    checkAttribute(name, value, isFifo);
    after[name] = value;
  }
  return after;
}

const CLEARABLE = new Set(['Policy', 'RedrivePolicy', 'RedriveAllowPolicy', 'KmsMasterKeyId']);

function checkAttribute(name: string, value: string, isFifo: boolean): void {
  const range = Object.hasOwn(NUMBERS, name) ? NUMBERS[name] : undefined;
  if (range) {
    const [min, max] = range;
    if (!/^\d{1,9}$/.test(value) || Number(value) < min || Number(value) > max) throw invalidAttribute(name);
    return;
  }
  switch (name) {
    case 'Policy':
      if (isFaulty(parsePolicy(value, 'resource'))) throw invalidAttribute(name);
      return;
    case 'RedrivePolicy':
      if (!parseRedrive(value)) throw invalidParameter(`${describe(name, value)} Reason: Invalid value.`);
      return;
    case 'RedriveAllowPolicy':
      if (!isRedriveAllowPolicy(value)) throw invalidAttribute(name);
      return;
    case 'FifoQueue':
      // A queue is what its name says it is.
      if (value !== 'true' || !isFifo) throw invalidAttribute(name);
      return;
    case 'ContentBasedDeduplication':
    case 'DeduplicationScope':
    case 'FifoThroughputLimit':
      if (!isFifo) throw fault('InvalidAttributeName', `Unknown Attribute ${name}.`);
      if (!FIFO_VALUES[name]?.includes(value)) throw invalidAttribute(name);
      return;
    case 'SqsManagedSseEnabled':
      if (value === 'true') return;
      throw fault('InvalidAttributeValue', 'Messages are always encrypted at rest in Slipway.');
    case 'KmsMasterKeyId':
    case 'KmsDataKeyReusePeriodSeconds':
      throw fault(
        'UnsupportedOperation',
        'Slipway encrypts messages with the key of the installation, not with keys of AWS KMS.',
      );
    default:
      throw fault('InvalidAttributeName', `Unknown Attribute ${name}.`);
  }
}

const FIFO_VALUES: Readonly<Record<string, readonly string[]>> = {
  ContentBasedDeduplication: ['true', 'false'],
  DeduplicationScope: ['queue', 'messageGroup'],
  FifoThroughputLimit: ['perQueue', 'perMessageGroupId'],
};

function parseRedrive(text: string): Redrive | undefined {
  const value = parseObject(text);
  const target = value?.['deadLetterTargetArn'];
  const count = Number(value?.['maxReceiveCount']);
  if (typeof target !== 'string' || parseArn(target)?.service !== 'sqs') return undefined;
  if (!Number.isInteger(count) || count < 1 || count > RECEIVE_COUNT_MAX) return undefined;
  return { deadLetterTargetArn: target, maxReceiveCount: count };
}

/** Whether the queue of `attributes` lets the other one use it for dead letters. */
export function allowsRedriveFrom(attributes: Attributes, sourceArn: string): boolean {
  const text = attributes['RedriveAllowPolicy'];
  const value = text === undefined ? undefined : parseObject(text);
  switch (value?.['redrivePermission']) {
    case 'denyAll':
      return false;
    case 'byQueue': {
      const sources: unknown = value['sourceQueueArns'];
      return Array.isArray(sources) && sources.includes(sourceArn);
    }
    default:
      return true;
  }
}

function isRedriveAllowPolicy(text: string): boolean {
  const value = parseObject(text);
  const permission = value?.['redrivePermission'];
  return permission === 'byQueue'
    ? Array.isArray(value?.['sourceQueueArns'])
    : permission === 'allowAll' || permission === 'denyAll';
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function invalidAttribute(name: string) {
  return fault('InvalidAttributeValue', `Invalid value for the parameter ${name}.`);
}

function describe(name: string, value: string): string {
  return `Value ${value} for parameter ${name} is invalid.`;
}
