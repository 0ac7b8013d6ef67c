/** The faults of SNS, in its words. */

import { fault, type Fault } from '#base/fault.ts';

export function invalidParameter(reason: string): Fault {
  return fault('InvalidParameter', `Invalid parameter: ${reason}`);
}

export function noSuchTopic(): Fault {
  return fault('NotFound', 'Topic does not exist');
}

export function noSuchSubscription(): Fault {
  return fault('NotFound', 'Subscription does not exist');
}
