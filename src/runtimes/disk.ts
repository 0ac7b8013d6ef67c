/**
 * Watches how much a sandbox has written, and into how many files: empty ones fill a disk too. A quota of the file
 * system would be stricter, but needs one; this looks from time to time, the less often the longer a look takes. One
 * file alone is bounded at once, by a limit of its process.
 */

import { execFile } from 'node:child_process';
import { join } from 'node:path';

const LOOK_MS_MIN = 2000;
/** A look may cost one part in this many of the time. */
const COST_SHARE = 50;
const LOOK_TIMEOUT_MS = 60_000;
/** As many files as file systems are made for by default, and never fewer than a build needs. */
const BYTES_PER_FILE = 16 * 1024;
const FILES_MIN = 100_000;

export interface DiskWatch {
  /** Why the sandbox was ended, once it was. */
  verdict(): string | undefined;
  stop(): void;
}

/** What counts besides the sandbox's own folders: further ones, or bytes that somebody else has to count. */
export interface ElsewhereWritten {
  readonly folders: readonly string[];
  bytes(): Promise<number>;
}

export function watchDisk(
  directory: string,
  limitBytes: number,
  onExceeded: () => void,
  elsewhere: ElsewhereWritten = { folders: [], bytes: () => Promise.resolve(0) },
): DiskWatch {
  const own = ['workspace', 'home', 'log', 'ends'].map((name) => join(directory, name));
  const folders = [...own, ...elsewhere.folders];
  const filesMax = Math.max(FILES_MIN, Math.floor(limitBytes / BYTES_PER_FILE));
  let verdict: string | undefined;
  let stopped = false;
  let timer: NodeJS.Timeout;
  const look = async () => {
    const started = performance.now();
    const [kibibytes, files] = [await total('-skxc', folders), await total('-sxc', ['--inodes', ...folders])];
    const bytes = kibibytes * 1024 + (await elsewhere.bytes());
    if (stopped) return;
    if (bytes > limitBytes) {
      verdict = `it wrote more than ${Math.floor(limitBytes / 1024 / 1024)} MiB to its disk`;
    } else if (files > filesMax) {
      verdict = `it wrote more than ${filesMax} files to its disk`;
    }
    if (verdict !== undefined) return onExceeded();
    arm(Math.max(LOOK_MS_MIN, (performance.now() - started) * COST_SHARE));
  };
  const arm = (delayMs: number) => {
    timer = setTimeout(() => void look(), delayMs);
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

/** Files that vanish while `du` walks make it complain; its total is still right for what is there. */
function total(option: string, words: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    execFile('du', [option, ...words], { timeout: LOOK_TIMEOUT_MS }, (_error, output) =>
      resolve(Number(/^(\d+)\ttotal$/m.exec(output)?.[1] ?? 0)),
    );
  });
}
