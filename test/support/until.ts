/** Waiting for a condition, never for a duration. */

const PAUSE_MS = 25;

/** Asks until there is an answer; fails with what was waited for. */
export async function until<Value>(
  what: string,
  withinMs: number,
  ask: () => Promise<Value | undefined> | Value | undefined,
): Promise<Value> {
  const end = Date.now() + withinMs;
  for (;;) {
    const value = await ask();
    if (value !== undefined) return value;
    if (Date.now() > end) throw new Error(`waited ${withinMs / 1000} s in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
