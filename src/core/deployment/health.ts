/**
 * Health accounting: how many hosts may be in work at a time, and in which order they come. Follows "Working with
 * deployment configurations" and "Instance health" of the CodeDeploy user guide; percentages are rounded up.
 */

import { deriveUuid } from '#base/ids.ts';
import { unreachable } from '#base/assert.ts';
import { revisionKey, type GroupState, type HostRecord, type MinimumHealthy } from './state.ts';

/** How many of `count` hosts must stay healthy. */
export function minimumHealthyHosts(rule: MinimumHealthy, count: number): number {
  switch (rule.type) {
    case 'HOST_COUNT':
      return rule.value;
    case 'FLEET_PERCENT':
      return Math.ceil((count * rule.value) / 100);
    case 'MOST_CONCURRENCY':
      return Math.max(0, count - rule.value);
    default:
      return unreachable(rule);
  }
}

/**
 * How many hosts may fail or be in work, all in all. What has failed is taken off; what is left is the window of
 * hosts in work. Once the hosts that were unhealthy before have been tried, this is "healthy hosts minus minimum".
 */
export function failureBudget(rule: MinimumHealthy, count: number): number {
  return count - minimumHealthyHosts(rule, count);
}

/** Hosts that are worst off first: unhealthy, then of unknown, then of old revision; chance decides the rest. */
export function orderMembers<Member extends { readonly host: string }>(
  members: readonly Member[],
  group: GroupState,
  chance: string,
): readonly Member[] {
  const ranked = members.map((member, index) => ({
    member,
    rank: rankOf(group, group.hosts[member.host]),
    lot: deriveUuid(chance, index),
  }));
  ranked.sort((a, b) => a.rank - b.rank || (a.lot < b.lot ? -1 : 1));
  return ranked.map(({ member }) => member);
}

/** Whether the host runs the group's revision and is well; such hosts are left alone when only outdated ones are due. */
export function isCurrent(group: GroupState, record: HostRecord | undefined): boolean {
  return rankOf(group, record) === 3;
}

function rankOf(group: GroupState, record: HostRecord | undefined): 0 | 1 | 2 | 3 {
  if (!record?.isHealthy) return 0;
  if (record.revisionKey === undefined || !group.lastSuccessful) return 1;
  return record.revisionKey === revisionKey(group.lastSuccessful.revision) ? 3 : 2;
}
