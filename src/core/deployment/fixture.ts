/** For the tests of this folder: a group with hosts that answer as a script says, without any clock or network. */

import { assert } from '#base/assert.ts';
import { dueCommand } from './commands.ts';
import { decideGroup, wakeAt } from './decide.ts';
import {
  LIMITS,
  type AlarmReading,
  type DeploymentEffect,
  type DeploymentEvent,
  type DeploymentSettings,
  type GroupState,
  type MinimumHealthy,
  type S3Revision,
} from './state.ts';

export const REVISION: S3Revision = { bucket: 'artifacts', key: 'app.zip', bundleType: 'zip', eTag: 'one' };
export const START_AT = 1_700_000_000_000;

export function settingsOf(
  rule: MinimumHealthy,
  change: Partial<DeploymentSettings> = {},
): DeploymentSettings {
  return {
    applicationName: 'App',
    groupName: 'Group',
    serviceRoleArn: 'arn:aws:iam::123456789012:role/deploy',
    configName: 'Config',
    minimumHealthy: rule,
    autoRollbackEvents: [],
    fileExistsBehavior: 'DISALLOW',
    ignoreApplicationStopFailures: false,
    updateOutdatedInstancesOnly: false,
    limits: LIMITS,
    ...change,
  };
}

export function hostNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `host-${index + 1}`);
}

type Told = DeploymentEvent | { readonly type: 'TimePassed' };

/**
 * A group under decision. It resolves targets by itself to `hosts`, and reads alarms at the start as `alarms` says;
 * everything else is told to it.
 */
export function createGroupFixture(hosts: readonly string[], alarms?: () => AlarmReading) {
  let state: GroupState | undefined;
  let at = START_AT;
  let count = 0;
  const orders: DeploymentEffect[] = [];

  function tell(event: Told): unknown {
    count += 1;
    const decided = decideGroup(state, { ...event, at, chance: String(count).padStart(32, '0') });
    state = decided.state;
    orders.push(...decided.effects);
    for (const effect of decided.effects) {
      if (effect.type !== 'ResolveTargets') continue;
      tell({
        type: 'TargetsResolved',
        deploymentId: effect.deploymentId,
        revision: effect.revision,
        note: undefined,
        members: hosts.map((host) => ({ host, arn: `arn:${host}` })),
        ...(alarms && effect.settings.alarms ? { alarms: alarms() } : {}),
      });
    }
    if (decided.reply && 'fault' in decided.reply) return decided.reply.fault;
    return decided.reply?.value;
  }

  const group = (): GroupState => {
    assert(state, 'the group has been told something');
    return state;
  };

  return {
    tell,
    state: group,
    orders,
    now: () => at,
    advance: (milliseconds: number) => void (at += milliseconds),
    deploy(rule: MinimumHealthy, change: Partial<DeploymentSettings> = {}, revision = REVISION): string {
      const value = tell({
        type: 'DeploymentRequested',
        groupId: 'group-1',
        settings: settingsOf(rule, change),
        revision,
        description: undefined,
        key: undefined,
      });
      return (value as { deploymentId: string }).deploymentId;
    },
    /** The host polls, acknowledges and completes its next event; `undefined` when nothing is due. */
    step(host: string, isSuccess = true): string | undefined {
      const due = state && dueCommand(state, host, at);
      if (!due) return undefined;
      tell({ type: 'CommandPolled', ...due });
      tell({ type: 'CommandAcknowledged', token: undefined, ...due });
      tell({ type: 'CommandCompleted', isSuccess, diagnostics: undefined, ...due });
      return due.event;
    },
    /** Goes to the next time the machine asked for, and lets it pass. */
    passTime(): boolean {
      const next = state && wakeAt(state);
      if (next === undefined) return false;
      at = Math.max(at, next);
      tell({ type: 'TimePassed' });
      return true;
    },
    /** All hosts that are in work, in their order. */
    busy(): readonly string[] {
      return group().active?.targets.flatMap((t) => (t.status === 'InProgress' ? [t.host] : [])) ?? [];
    },
  };
}

export type GroupFixture = ReturnType<typeof createGroupFixture>;

/** Lets all hosts work, one event each in turn, until nothing is due; `fails` says which hosts fail, by attempt. */
export function workOff(fixture: GroupFixture, fails: (attempt: number, host: string) => boolean): number {
  const attempts = new Map<string, number>();
  let widest = 0;
  for (;;) {
    const busy = fixture.busy();
    widest = Math.max(widest, busy.length);
    for (const host of busy) if (!attempts.has(host)) attempts.set(host, attempts.size + 1);
    const worked = busy.filter((host) => fixture.step(host, !fails(attempts.get(host) ?? 0, host)));
    if (worked.length === 0) return widest;
  }
}
