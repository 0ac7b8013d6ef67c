/**
 * Watches how much a sandbox has written. A quota of the file system would be stricter, but needs one; this looks from
 * time to time, the less often the longer a look takes. One file alone is bounded at once, by a limit of its process.
 */

import { execFile } from 'node:child_process';
import { join } from 'node:path';

const LOOK_MS_MIN = 2000;
/** A look may cost one part in this many of the time. */
const COST_SHARE = 50;
const LOOK_TIMEOUT_MS = 60_000;

export interface DiskWatch {
  /** Why the sandbox was ended, once it was. */
  verdict(): string | undefined;
  stop(): void;
}

export function watchDisk(directory: string, limitBytes: number, onExceeded: () => void): DiskWatch {
  let verdict: string | undefined;
  let stopped = false;
  let timer: NodeJS.Timeout;
  const look = () => {
    const started = performance.now();
    const folders = [join(directory, 'workspace'), join(directory, 'home'), join(directory, 'log')];
    execFile('du', ['-skxc', ...folders], { timeout: LOOK_TIMEOUT_MS }, (_error, output) => {
      if (stopped) return;
      // Files that vanish while `du` walks make it complain; its total is still right for what is there.
      const usedBytes = Number(/^(\d+)\ttotal$/m.exec(output)?.[1] ?? 0) * 1024;
      if (usedBytes > limitBytes) {
        verdict = `it wrote more than ${Math.floor(limitBytes / 1024 / 1024)} MiB to its disk`;
        onExceeded();
        return;
      }
      arm(Math.max(LOOK_MS_MIN, (performance.now() - started) * COST_SHARE));
    });
  };
  const arm = (delayMs: number) => {
    timer = setTimeout(look, delayMs);
    timer.unref();
  };
  arm(LOOK_MS_MIN);
  return {
    verdict: () => verdict,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
