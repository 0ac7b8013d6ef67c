/**
 * One call as CloudTrail's record. Pure: the facts come in, already without secrets, and the record goes out. See
 * "CloudTrail record contents for management, data, and network activity events".
 */

import type { PolicySubject } from '#core/policy/principal.ts';
import type { CallKind } from './calls.ts';
import { recordTime, userIdentityOf, userNameOf } from './identity.ts';
import { resourceOf, type TrailResource } from './resources.ts';

export interface CallFacts {
  /** UUID: the id of the event. */
  readonly id: string;
  /** When the call was accepted, milliseconds since the epoch. */
  readonly at: number;
  readonly requestId: string;
  readonly kind: CallKind;
  readonly account: string;
  readonly region: string;
  readonly principal: PolicySubject;
  readonly accessKeyId: string | undefined;
  /** Address of the client, or the calling service. */
  readonly source: string;
  readonly userAgent: string;
  /** Without secrets; `undefined` where there is nothing to show. */
  readonly request: unknown;
  readonly response: unknown;
  readonly error: { readonly code: string; readonly message: string } | undefined;
  /** ARNs of what the call was about. */
  readonly arns: readonly string[];
  readonly additional?: Readonly<Record<string, unknown>> | undefined;
}

/** What the history keeps: the record as text, and by what it is found. */
export interface CallRecord {
  readonly id: string;
  readonly at: number;
  readonly source: string;
  readonly name: string;
  readonly readOnly: boolean;
  readonly category: 'Management' | 'Data';
  readonly userName: string | undefined;
  readonly accessKeyId: string | undefined;
  /** The service that made the call, if it was none from outside. */
  readonly invokedBy: string | undefined;
  readonly resources: readonly TrailResource[];
  readonly arns: readonly string[];
  /** The record as JSON. */
  readonly text: string;
}

const EVENT_VERSION = '1.11';
const USER_AGENT_LENGTH_MAX = 1024;
const MESSAGE_LENGTH_MAX = 1024;
const RESOURCES_MAX = 20;
const SERVICE = /^[a-z0-9.-]+\.amazonaws\.com$/;

export function callRecord(facts: CallFacts): CallRecord {
  const { kind, principal, source } = facts;
  const invokedBy = SERVICE.test(source) ? source : undefined;
  const arns = [...new Set(facts.arns)].filter((arn) => arn.startsWith('arn:')).slice(0, RESOURCES_MAX);
  const resources = arns.flatMap((arn) => resourceOf(arn) ?? []);
  const accessKeyId = facts.accessKeyId;
  const record = {
    eventVersion: EVENT_VERSION,
    userIdentity: userIdentityOf(principal, accessKeyId, invokedBy),
    eventTime: recordTime(facts.at),
    eventSource: kind.source,
    eventName: kind.name,
    awsRegion: facts.region,
    // As on AWS, a service is its own address and agent; people on the server itself have none.
    sourceIPAddress: source === 'slipway' ? 'AWS Internal' : source,
    userAgent:
      invokedBy ?? (source === 'slipway' ? 'AWS Internal' : facts.userAgent.slice(0, USER_AGENT_LENGTH_MAX)),
    ...(facts.error && {
      errorCode: facts.error.code,
      errorMessage: facts.error.message.slice(0, MESSAGE_LENGTH_MAX),
    }),
    requestParameters: facts.request ?? null,
    responseElements: kind.readOnly ? null : (facts.response ?? null),
    ...(facts.additional && { additionalEventData: facts.additional }),
    requestID: facts.requestId,
    eventID: facts.id,
    readOnly: kind.readOnly,
    ...(arns.length > 0 && {
      resources: arns.map((arn) => ({
        accountId: facts.account,
        ...(resourceOf(arn) && { type: resourceOf(arn)?.type }),
        ARN: arn,
      })),
    }),
    eventType: 'AwsApiCall',
    managementEvent: kind.category === 'Management',
    recipientAccountId: facts.account,
    eventCategory: kind.category,
  };
  return {
    id: facts.id,
    at: facts.at,
    source: kind.source,
    name: kind.name,
    readOnly: kind.readOnly,
    category: kind.category,
    userName: userNameOf(principal),
    accessKeyId,
    invokedBy: principal.type === 'service' ? principal.service : invokedBy,
    resources,
    arns,
    text: JSON.stringify(record),
  };
}
