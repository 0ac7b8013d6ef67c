/**
 * Tells rules of EventBridge about calls that change something, as `AWS API Call via CloudTrail`. Whether any rule waits
 * for a call is asked first, so that a house without such rules writes nothing for them.
 */

import { announcementOf, announcerDecider, type Announcement } from '#core/trail/announcing.ts';
import type { Announce, AnnouncerState, CallsRecorded } from '#core/trail/announcing.ts';
import type { CallRecord } from '#core/trail/record.ts';
import type { Machine } from '#engine/machine.ts';
import type { BusEvent, House } from '#services/service.ts';

const DETAIL_TYPE = 'AWS API Call via CloudTrail';

export type Announcer = Machine<AnnouncerState, CallsRecorded, Announce>;

export function createAnnouncer(house: House): Announcer {
  return {
    kind: 'cloudtrail.announcer',
    decider: announcerDecider,
    effects: {
      async Announce(effect) {
        await house.publish(busEvent(house, effect));
        return undefined;
      },
    },
  };
}

/** Those of the records that somebody waits for. */
export async function wantedAnnouncements(
  house: House,
  records: readonly CallRecord[],
): Promise<readonly Announcement[]> {
  const announcements = records.flatMap((record) => announcementOf(record) ?? []);
  const wanted = await Promise.all(announcements.map((each) => house.isWanted(busEvent(house, each))));
  return announcements.filter((_, index) => wanted[index]);
}

function busEvent({ account, region }: House, announcement: Announcement): BusEvent {
  const { id, source, at, detail } = announcement;
  return { id, source, detailType: DETAIL_TYPE, account, region, at, resources: [], detail };
}
