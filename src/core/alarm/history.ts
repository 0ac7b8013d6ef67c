/** What the history of an alarm says of a decision. AWS: "DescribeAlarmHistory". */

import type { EngineEvent } from '#base/decider.ts';
import type { AlarmEvent, AlarmState, Verdict } from './state.ts';

export type HistoryType = 'ConfigurationUpdate' | 'StateUpdate' | 'Action';

export interface HistoryItem {
  readonly type: HistoryType;
  readonly summary: string;
  /** JSON. */
  readonly data: string;
}

const SUMMARY_LENGTH_MAX = 255;
const DATA_LENGTH_MAX = 4_095;

export function historyOf(
  before: AlarmState | undefined,
  after: AlarmState,
  event: AlarmEvent | EngineEvent,
): readonly HistoryItem[] {
  const items: HistoryItem[] = [];
  const wasThere = before !== undefined && before.deletedAt === undefined;
  const isThere = after.deletedAt === undefined;
  if (isThere && (!wasThere || after.configuredAt !== before.configuredAt)) {
    items.push(configured(after, wasThere ? 'updated' : 'created'));
  }
  if (wasThere && !isThere) items.push(configured(after, 'deleted'));
  if (wasThere && after.verdict.value !== before.verdict.value) {
    items.push(changed(before.verdict, after.verdict));
  }
  if (event.type === 'ActionEnded') items.push(acted(event.arn, event.error));
  if (event.type === 'EffectFailed' && event.effectType === 'TakeAction') {
    items.push(acted((event.effect as { readonly arn: string }).arn, event.message));
  }
  return items;
}

function configured({ name, settings }: AlarmState, what: 'created' | 'updated' | 'deleted'): HistoryItem {
  const type = what === 'created' ? 'Create' : what === 'updated' ? 'Update' : 'Delete';
  const data = { version: '1.0', type, [`${what}Alarm`]: { alarmName: name, ...settings } };
  return createItem('ConfigurationUpdate', `Alarm "${name}" ${what}`, data, { version: '1.0', type });
}

function changed(before: Verdict, after: Verdict): HistoryItem {
  const summary = `Alarm updated from ${before.value} to ${after.value}`;
  const short = {
    version: '1.0',
    oldState: { stateValue: before.value },
    newState: { stateValue: after.value, stateReason: after.reason },
  };
  const data = { version: '1.0', oldState: stateData(before), newState: stateData(after) };
  return createItem('StateUpdate', summary, data, short);
}

function stateData({ value, reason, reasonData }: Verdict): object {
  const parsed = reasonData === undefined ? undefined : jsonOf(reasonData);
  return { stateValue: value, stateReason: reason, ...(parsed !== undefined && { stateReasonData: parsed }) };
}

/** Whoever sets a value may give as its data what is no JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

function acted(arn: string, error: string | undefined): HistoryItem {
  const summary =
    error === undefined
      ? `Successfully executed action ${arn}`
      : `Failed to execute action ${arn}. Received error: "${error}"`;
  const notification = {
    actionState: error === undefined ? 'Succeeded' : 'Failed',
    notificationResource: arn,
  };
  const data = { version: '1.0', ...notification, ...(error !== undefined && { error }) };
  return createItem('Action', summary, data, { version: '1.0', ...notification });
}

/** `short` stands for data that would be too long. */
function createItem(type: HistoryType, summary: string, data: object, short: object): HistoryItem {
  const full = JSON.stringify(data);
  return {
    type,
    summary: summary.slice(0, SUMMARY_LENGTH_MAX),
    data: full.length <= DATA_LENGTH_MAX ? full : JSON.stringify(short),
  };
}
