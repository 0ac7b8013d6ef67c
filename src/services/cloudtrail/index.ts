/**
 * CloudTrail: the record of every call, denied and invalid ones too, from outside and inside; the history of the last
 * 90 days; trails that deliver it into buckets, with digests that prove what was delivered.
 *
 * Gaps: Lake, Insights, channels, copies to log groups; data events of anything but objects. See `gaps.ts`.
 *
 * By design: an event is found as soon as its call is answered. The history is bounded by number and size too. Nothing
 * that a trail writes itself is a data event, or it would be written about without end.
 */

import type { House, Service } from '#services/service.ts';
import { createAnnouncer } from './announcing.ts';
import { gaps } from './gaps.ts';
import {
  getEventSelectors,
  getTrailStatus,
  listPublicKeys,
  putEventSelectors,
  startLogging,
  stopLogging,
} from './logging.ts';
import { lookupEvents } from './lookup.ts';
import { createTrailMachine } from './machine.ts';
import { permissions } from './permissions.ts';
import { createRecordWriter } from './recorder.ts';
import { createRetention } from './retention.ts';
import type { Room } from './room.ts';
import { createSelection } from './selection.ts';
import { migrations } from './tables.ts';
import { addTags, listTags, removeTags } from './tagging.ts';
import { createTrail, deleteTrail, describeTrails, getTrail, listTrails, updateTrail } from './trails.ts';

export function openCloudtrail(house: House): Service<'cloudtrail'> {
  const announcer = createAnnouncer(house);
  const writer = createRecordWriter(house, announcer);
  const retention = createRetention(house);
  const selection = createSelection(house);
  const room: Room = { house, writer, selection, trails: createTrailMachine(house) };
  return {
    name: 'cloudtrail',
    operations: {
      ...gaps,
      AddTags: addTags(room),
      CreateTrail: createTrail(room),
      DeleteTrail: deleteTrail(room),
      DescribeTrails: describeTrails(room),
      GetEventSelectors: getEventSelectors(room),
      GetTrail: getTrail(room),
      GetTrailStatus: getTrailStatus(room),
      ListPublicKeys: listPublicKeys(room),
      ListTags: listTags(room),
      ListTrails: listTrails(room),
      LookupEvents: lookupEvents(house, writer),
      PutEventSelectors: putEventSelectors(room),
      RemoveTags: removeTags(room),
      StartLogging: startLogging(room),
      StopLogging: stopLogging(room),
      UpdateTrail: updateTrail(room),
    },
    permissions,
    machines: [room.trails, announcer],
    migrations,
    recorder: { admit: writer.admit, keep: writer.keep, wants: selection.wants },
    async recover() {
      await selection.refresh();
      selection.start();
      retention.start();
    },
    async close() {
      selection.stop();
      await retention.stop();
      await writer.close();
    },
  };
}
