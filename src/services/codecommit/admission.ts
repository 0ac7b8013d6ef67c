/** How many git processes may run for clients at one time, and how many clients may wait for one. */

export interface Admission {
  /** `undefined` when too many wait already, or it took too long. */
  enter(): Promise<(() => void) | undefined>;
}

export interface AdmissionLimits {
  readonly runningMax: number;
  readonly waitingMax: number;
  readonly waitMsMax: number;
}

export function createAdmission(
  limits: AdmissionLimits,
  callLater: (delayMs: number, run: () => void) => () => void,
): Admission {
  const waiting: (() => void)[] = [];
  let running = 0;

  function leave(): void {
    running--;
    waiting.shift()?.();
  }

  function once(): () => void {
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      leave();
    };
  }

  return {
    enter() {
      if (running < limits.runningMax) {
        running++;
        return Promise.resolve(once());
      }
      if (waiting.length >= limits.waitingMax) return Promise.resolve(undefined);
      return new Promise((resolve) => {
        const go = () => {
          cancel();
          running++;
          resolve(once());
        };
        const cancel = callLater(limits.waitMsMax, () => {
          waiting.splice(waiting.indexOf(go), 1);
          resolve(undefined);
        });
        waiting.push(go);
      });
    },
  };
}
