/**
 * Which changes of objects a bucket tells to whom, as "Amazon S3 Event Notifications" describes it: kinds of events,
 * and the beginning and end of keys.
 */

import type { ChangeName, ObjectListener } from './outbox.ts';

export interface NotificationRule {
  readonly id: string;
  readonly target: 'queue' | 'topic';
  readonly arn: string;
  /** `s3:ObjectCreated:*`, `s3:ObjectRemoved:Delete` … */
  readonly events: readonly string[];
  readonly prefix: string;
  readonly suffix: string;
}

/** Kinds that happen here; others may be asked for and never come. */
export const EVENT_KINDS: readonly string[] = [
  's3:ObjectCreated:*',
  's3:ObjectCreated:Put',
  's3:ObjectCreated:Post',
  's3:ObjectCreated:Copy',
  's3:ObjectCreated:CompleteMultipartUpload',
  's3:ObjectRemoved:*',
  's3:ObjectRemoved:Delete',
  's3:ObjectRemoved:DeleteMarkerCreated',
  's3:LifecycleExpiration:*',
  's3:LifecycleExpiration:Delete',
  's3:LifecycleExpiration:DeleteMarkerCreated',
];

export function listenersOf(
  rules: readonly NotificationRule[],
  name: ChangeName,
  key: string,
): ObjectListener[] {
  const kind = `s3:${name}`;
  return rules
    .filter(({ events }) => events.some((event) => covers(event, kind)))
    .filter(({ prefix, suffix }) => key.startsWith(prefix) && key.endsWith(suffix))
    .map(({ id, arn }) => ({ configurationId: id, arn }));
}

/** Two rules that would both tell of one change, which S3 does not allow. */
export function findOverlap(rules: readonly NotificationRule[]): readonly [string, string] | undefined {
  for (const [index, one] of rules.entries()) {
    const other = rules.slice(index + 1).find((each) => overlap(one, each));
    if (other) return [one.id, other.id];
  }
  return undefined;
}

function overlap(one: NotificationRule, other: NotificationRule): boolean {
  const sameKind = one.events.some((a) => other.events.some((b) => covers(a, b) || covers(b, a)));
  const samePrefix = one.prefix.startsWith(other.prefix) || other.prefix.startsWith(one.prefix);
  const sameSuffix = one.suffix.endsWith(other.suffix) || other.suffix.endsWith(one.suffix);
  return sameKind && samePrefix && sameSuffix;
}

function covers(event: string, kind: string): boolean {
  return event === kind || (event.endsWith('*') && kind.startsWith(event.slice(0, -1)));
}
