/**
 * Which data events the trails want, in memory, since it is asked for every call on an object. Other nodes notice a
 * changed selection a moment later, as on AWS.
 */

import type { CallKind } from '#core/trail/calls.ts';
import { selects, wantsData, type Selectors } from '#core/trail/selectors.ts';
import type { Principal } from '#core/policy/principal.ts';
import type { House } from '#services/service.ts';
import { readRows } from './tables.ts';

const REFRESH_MS = 5_000;
/** What CloudTrail itself writes would be written about without end. */
const OWN_SERVICE = 'cloudtrail.amazonaws.com';

export interface Selection {
  wants(kind: CallKind, arns: readonly string[], principal: Principal): boolean;
  refresh(): Promise<void>;
  start(): void;
  stop(): void;
}

export function createSelection(house: House): Selection {
  const { clock, database, log } = house;
  let selections: readonly Selectors[] = [];
  let cancel = () => {};

  async function refresh(): Promise<void> {
    const rows = await readRows(database)
      .selectFrom('cloudtrail_trail')
      .select('selectors')
      .where('is_logging', '=', 1)
      .execute();
    selections = rows.map(({ selectors }) => JSON.parse(selectors) as Selectors).filter(wantsData);
  }

  const arm = () => {
    cancel = clock.callAt(clock.now() + REFRESH_MS, () => {
      refresh()
        .catch((error: unknown) => log.error('the selections of trails could not be read', { error }))
        .finally(arm);
    });
  };
  return {
    wants(kind, arns, principal) {
      if (selections.length === 0) return false;
      if (principal.type === 'service' && principal.service === OWN_SERVICE) return false;
      const { category, source, name, readOnly } = kind;
      return selections.some((each) => selects(each, { category, source, name, readOnly, arns }));
    },
    refresh,
    // One process owns a SQLite file, so there nobody else changes it.
    start: () => void (database.dialect === 'postgres' && arm()),
    stop: () => cancel(),
  };
}
