/** Knows whether a container still lives, by one call to the engine that is answered when it ends. */

import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { EngineError, type Engine, type EngineContainer } from './engine.ts';

/** Between two tries to reach an engine that went away; it may come back with its containers. */
const AGAIN_MS = 1000;

export interface Life {
  isAlive(): boolean;
  reasonOfDeath(): string;
  stop(): void;
}

/** `first` is the container as it was just now; `undefined` when there is none any more. */
export function followLife(engine: Engine, id: string, first: EngineContainer | undefined): Life {
  const stopping = new AbortController();
  let reason = reasonOf(first);
  const follow = async () => {
    while (reason === undefined && !stopping.signal.aborted) {
      try {
        await engine.ended(id, stopping.signal);
        reason = reasonOf(await engine.findContainer(id));
      } catch (error) {
        if (stopping.signal.aborted) return;
        if (!(error instanceof EngineError)) throw error;
        if (!isOnThisMachine(first)) reason = 'its engine has ended, and the container with it';
        else await pause(AGAIN_MS, undefined, { ref: false });
      }
    }
  };
  void follow().catch((error: unknown) => (reason = `its engine could not be followed: ${String(error)}`));
  return {
    isAlive: () => reason === undefined,
    reasonOfDeath: () => reason ?? 'it is not known why',
    stop: () => stopping.abort(),
  };
}

/** An engine may end and leave its containers running, if it is told to. */
function isOnThisMachine(container: EngineContainer | undefined): boolean {
  return container !== undefined && existsSync(`/proc/${container.State.Pid}`);
}

/** `undefined` while it runs. */
function reasonOf(container: EngineContainer | undefined): string | undefined {
  if (!container) return 'its container is gone';
  const { Running, OOMKilled, ExitCode, Error: complaint } = container.State;
  if (Running) return undefined;
  if (OOMKilled) return 'it ran out of memory';
  return `its container ended with status ${ExitCode}${complaint ? ` (${complaint})` : ''}`;
}
