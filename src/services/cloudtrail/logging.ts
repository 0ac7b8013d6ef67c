/** Logging turned on and off, what a trail selects, how its deliveries go, and the keys that prove its digests. */

import type { Attempt, TrailEvent, TrailState } from '#core/trail/state.ts';
import { fault } from '#base/fault.ts';
import { recordTime } from '#core/trail/identity.ts';
import type { Handler } from '#services/service.ts';
import { findTrail, trailArn, type Room } from './room.ts';
import { advancedView, basicView, readSelectors } from './selector-input.ts';
import { keysWithin } from './signing.ts';

export function startLogging(room: Room): Handler<'cloudtrail', 'StartLogging'> {
  return async (_call, input) => {
    await change(room, input.Name, { type: 'LoggingStarted' });
    return {};
  };
}

export function stopLogging(room: Room): Handler<'cloudtrail', 'StopLogging'> {
  return async (_call, input) => {
    await change(room, input.Name, { type: 'LoggingStopped' });
    return {};
  };
}

export function putEventSelectors(room: Room): Handler<'cloudtrail', 'PutEventSelectors'> {
  return async (_call, input) => {
    const selectors = readSelectors(input);
    return selectorsView(room, await change(room, input.TrailName, { type: 'SelectorsChosen', selectors }));
  };
}

export function getEventSelectors(room: Room): Handler<'cloudtrail', 'GetEventSelectors'> {
  return async (_call, input) => selectorsView(room, await findTrail(room, input.TrailName));
}

export function getTrailStatus(room: Room): Handler<'cloudtrail', 'GetTrailStatus'> {
  return async (_call, input) => {
    const { isLogging, startedAt, stoppedAt, delivery, notification, digesting } = await findTrail(
      room,
      input.Name,
    );
    return {
      IsLogging: isLogging,
      ...dated('StartLoggingTime', startedAt),
      ...dated('StopLoggingTime', stoppedAt),
      TimeLoggingStarted: timeText(startedAt),
      TimeLoggingStopped: timeText(stoppedAt),
      ...dated('LatestDeliveryTime', delivery.doneAt),
      ...(delivery.error !== undefined && { LatestDeliveryError: delivery.error }),
      LatestDeliveryAttemptTime: timeText(delivery.at),
      LatestDeliveryAttemptSucceeded: timeText(delivery.doneAt),
      ...dated('LatestNotificationTime', notification.doneAt),
      ...(notification.error !== undefined && { LatestNotificationError: notification.error }),
      LatestNotificationAttemptTime: timeText(notification.at),
      LatestNotificationAttemptSucceeded: timeText(notification.doneAt),
      ...dated('LatestDigestDeliveryTime', digesting.doneAt),
      ...errorOf('LatestDigestDeliveryError', digesting),
    };
  };
}

/** Of the time range; without one, of now. */
export function listPublicKeys(room: Room): Handler<'cloudtrail', 'ListPublicKeys'> {
  return async (_call, input) => {
    const now = room.house.clock.now();
    const from = input.StartTime?.getTime() ?? input.EndTime?.getTime() ?? now;
    const until = input.EndTime?.getTime() ?? Math.max(now, from);
    if (from > until)
      throw fault('InvalidTimeRangeException', 'The start time must not be after the end time.');
    const keys = await keysWithin(room.house, from, until);
    return {
      PublicKeyList: keys.map((key) => ({
        Value: Buffer.from(key.public_key, 'base64'),
        ValidityStartTime: new Date(key.from_at),
        ValidityEndTime: new Date(key.until_at),
        Fingerprint: key.fingerprint,
      })),
    };
  };
}

/** Whether data events are recorded depends on it, so every change is noticed before it is answered. */
async function change(room: Room, given: string | undefined, event: TrailEvent): Promise<TrailState> {
  const { name } = await findTrail(room, given);
  const { state } = await room.house.engine.send(room.trails, name, event);
  await room.selection.refresh();
  return state;
}

function selectorsView(room: Room, { name, selectors }: TrailState) {
  return {
    TrailARN: trailArn(room.house, name),
    ...(selectors.type === 'basic'
      ? { EventSelectors: selectors.selectors.map(basicView) }
      : { AdvancedEventSelectors: selectors.selectors.map(advancedView) }),
  };
}

function dated<Name extends string>(name: Name, at: number | undefined): { readonly [Key in Name]?: Date } {
  return (at === undefined ? {} : { [name]: new Date(at) }) as { readonly [Key in Name]?: Date };
}

function errorOf<Name extends string>(name: Name, { error }: Attempt): { readonly [Key in Name]?: string } {
  return (error === undefined ? {} : { [name]: error }) as { readonly [Key in Name]?: string };
}

function timeText(at: number | undefined): string {
  return at === undefined ? '' : recordTime(at);
}
