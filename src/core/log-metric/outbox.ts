/**
 * Brings what metric filters counted to CloudWatch: counts are rows, written with the events that they count; this
 * says when somebody carries them, one at a time for a group, so that no row is carried by two.
 */

import type { Decision, EngineEvent, Stamp } from '#base/decider.ts';

export interface MetricOutbox {
  readonly isCarrying: boolean;
  /** Rows came after the carrier had set off. */
  readonly hasMore: boolean;
}

export type MetricEvent = { readonly type: 'MetricsCounted' } | { readonly type: 'MetricsCarried' };

export interface CarryMetrics {
  readonly type: 'CarryMetrics';
}

export const metricOutboxDecider = { version: 1, decide };

const CARRY: readonly CarryMetrics[] = [{ type: 'CarryMetrics' }];

function decide(
  state: MetricOutbox | undefined,
  event: (MetricEvent | EngineEvent) & Stamp,
): Decision<MetricOutbox, CarryMetrics> {
  switch (event.type) {
    case 'MetricsCounted':
      if (state?.isCarrying) return { state: { isCarrying: true, hasMore: true }, effects: [] };
      return { state: { isCarrying: true, hasMore: false }, effects: CARRY };
    case 'MetricsCarried':
      if (!state?.isCarrying) return { state, effects: [] };
      if (state.hasMore) return { state: { isCarrying: true, hasMore: false }, effects: CARRY };
      return { state: { isCarrying: false, hasMore: false }, effects: [] };
    case 'EffectFailed':
      // The rows stay, and the next count sends a carrier again.
      return { state: state && { isCarrying: false, hasMore: false }, effects: [] };
    case 'TimePassed':
      return { state, effects: [] };
  }
}
