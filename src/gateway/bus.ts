/**
 * The house's bus: an event is told to every room that subscribed to its kind. It holds nothing back: the publisher's
 * effect is done when every hearer made the event durable, and is repeated, under the same event id, when one did not.
 */

import type { BusEvent, Subscription } from '#services/service.ts';

export async function publish(subscriptions: readonly Subscription[], event: BusEvent): Promise<void> {
  const hearers = subscriptions.filter((each) => hears(each, event));
  const results = await Promise.allSettled(hearers.map((each) => each.hear(event)));
  const failures = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  );
  if (failures.length === 0) return;
  const message = `${failures.length} of ${hearers.length} hearers of ${event.detailType} failed`;
  throw new AggregateError(failures, message, { cause: failures[0] });
}

/** Whether any hearer would do something with it. */
export async function isWanted(subscriptions: readonly Subscription[], event: BusEvent): Promise<boolean> {
  const hearers = subscriptions.filter((each) => hears(each, event));
  const wants = await Promise.all(hearers.map((each) => each.wants?.(event) ?? true));
  return wants.includes(true);
}

/** `*` hears every source or every detail type. */
function hears(subscription: Subscription, event: BusEvent): boolean {
  return (
    (subscription.source === '*' || subscription.source === event.source) &&
    (subscription.detailType === '*' || subscription.detailType === event.detailType)
  );
}
