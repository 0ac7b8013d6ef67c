/**
 * CloudTrail: the record of every call, denied and invalid ones too, from outside and inside; the history of the last
 * 90 days.
 *
 * Gaps: Lake, Insights, channels; see `gaps.ts`.
 *
 * By design: an event is found as soon as its call is answered. The history is bounded by number and size too.
 */

import { gap, type House, type Service } from '#services/service.ts';
import { gaps } from './gaps.ts';
import { lookupEvents } from './lookup.ts';
import { createRecordWriter } from './recorder.ts';
import { createRetention } from './retention.ts';
import { migrations } from './tables.ts';

const LATER = 'trails are not supported yet';

export function openCloudtrail(house: House): Service<'cloudtrail'> {
  const writer = createRecordWriter(house, async () => {});
  const retention = createRetention(house);
  return {
    name: 'cloudtrail',
    operations: {
      ...gaps,
      AddTags: gap(LATER),
      CreateTrail: gap(LATER),
      DeleteTrail: gap(LATER),
      DescribeTrails: gap(LATER),
      GetEventSelectors: gap(LATER),
      GetTrail: gap(LATER),
      GetTrailStatus: gap(LATER),
      ListPublicKeys: gap(LATER),
      ListTags: gap(LATER),
      ListTrails: gap(LATER),
      LookupEvents: lookupEvents(house, writer),
      PutEventSelectors: gap(LATER),
      RemoveTags: gap(LATER),
      StartLogging: gap(LATER),
      StopLogging: gap(LATER),
      UpdateTrail: gap(LATER),
    },
    permissions: {},
    machines: [],
    migrations,
    recorder: { admit: writer.admit, keep: writer.keep, wants: () => false },
    async recover() {
      retention.start();
    },
    async close() {
      await retention.stop();
      await writer.close();
    },
  };
}
