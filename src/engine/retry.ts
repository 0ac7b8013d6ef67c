/** Decides again when another node's decision came first, a bounded number of times. */

import type { Context } from './context.ts';
import { Conflict } from './decision.ts';

export async function retryConflicts<Result>(context: Context, run: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof Conflict) || tries >= context.limits.decisionTriesMax) throw error;
    }
  }
}
