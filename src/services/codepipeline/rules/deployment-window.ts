/**
 * The DeploymentWindow rule: met while the time lies in the window, by minutes. Outside it waits for the next opening,
 * until the rule's own time is up. AWS: "DeploymentWindow" rule reference.
 */

import { nextOpening } from '#core/schedule/window.ts';
import type { Rule } from './rule.ts';

export const deploymentWindow: Rule = {
  evaluate({ house }, { configuration: { Cron = '', TimeZone } }) {
    const now = house.clock.now();
    const opening = nextOpening(Cron, TimeZone, now);
    if ('error' in opening) {
      return Promise.resolve({ type: 'RuleErrored', code: 'ConfigurationError', message: opening.error });
    }
    const { at } = opening;
    if (at === undefined) {
      const summary = `The deployment window ${Cron} never opens again`;
      return Promise.resolve({ type: 'RuleUnmet', summary });
    }
    if (at <= now) return Promise.resolve({ type: 'RuleMet', summary: 'The deployment window is open' });
    const summary = `The deployment window opens at ${new Date(at).toISOString()}`;
    return Promise.resolve({ type: 'RuleWaited', lookAgainAt: at, summary });
  },
};
