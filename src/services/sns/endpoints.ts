/** What can be subscribed, and how an endpoint of each protocol must look. */

import { parseArn } from '#base/arn.ts';
import { invalidParameter } from './faults.ts';

const MAIL = /^[^\s@<>",;:()[\]\\]{1,64}@[A-Za-z0-9.-]{1,255}$/;
const URL_LENGTH_MAX = 2_048;

/** The endpoint as it is kept. Throws what SNS answers to one that cannot be. */
export function checkEndpoint(protocol: string, endpoint: string | undefined, account: string): string {
  if (endpoint === undefined || endpoint === '') throw invalidParameter('Endpoint');
  switch (protocol) {
    case 'http':
    case 'https': {
      const url = endpoint.length <= URL_LENGTH_MAX && URL.canParse(endpoint) ? new URL(endpoint) : undefined;
      if (url?.protocol !== `${protocol}:`) {
        throw invalidParameter('Endpoint must match the specified protocol');
      }
      return endpoint;
    }
    case 'email':
    case 'email-json':
      if (!MAIL.test(endpoint)) throw invalidParameter('Email address');
      return endpoint;
    case 'sqs': {
      const arn = parseArn(endpoint);
      if (arn?.service !== 'sqs' || arn.account !== account) throw invalidParameter('SQS endpoint ARN');
      if (arn.resource.endsWith('.fifo')) {
        throw invalidParameter(
          'Invalid Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics',
        );
      }
      return endpoint;
    }
    case 'lambda':
      throw invalidParameter('Protocol Reason: Slipway has no Lambda functions to deliver to');
    case 'sms':
    case 'application':
    case 'firehose':
      throw invalidParameter(`Protocol Reason: Slipway does not deliver to ${protocol}`);
    default:
      throw invalidParameter(`Amazon SNS does not support this protocol string: ${protocol.slice(0, 64)}`);
  }
}

/** Nobody needs to be asked. */
export function isSelfConfirmed(protocol: string): boolean {
  return protocol === 'sqs';
}
