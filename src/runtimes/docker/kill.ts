/**
 * Ends a container, whoever started it: the build's folder says its name. When this resolves, the container and its
 * volumes are gone from the engine, and with it every process in it, engines of its own included; what they said last
 * is in the log.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitUntil } from '#runtimes/processes.ts';
import { drainChannel } from './channel.ts';
import type { Engine } from './engine.ts';
import { LABEL, volumeNames } from './plan.ts';

const KILL_MS_MAX = 20_000;

export async function killContainer(engine: Engine, directory: string, graceMs: number): Promise<void> {
  const nameFile = join(directory, 'name');
  if (!existsSync(nameFile)) return;
  const id = readFileSync(nameFile, 'utf8');
  const container = await engine.findContainer(`slipway-${id}`);
  // A name is not enough to end what may be another's.
  if (container && container.Config.Labels?.[LABEL] !== directory) return drainChannel(directory);
  if (container) {
    if (container.State.Running && graceMs > 0) await terminate(engine, container.Id, graceMs);
    await engine.kill(container.Id);
    await engine.remove(container.Id);
    const isGone = async () => (await engine.findContainer(container.Id)) === undefined;
    if (!(await waitUntil(isGone, KILL_MS_MAX))) throw new Error(`the container of ${id} does not end`);
  }
  await drainChannel(directory);
  for (const volume of Object.values(volumeNames(id))) await engine.removeVolume(volume);
}

/** TERM to all but the supervisor, and a while for them to tidy up. */
async function terminate(engine: Engine, id: string, graceMs: number): Promise<void> {
  const until = performance.now() + graceMs;
  // A build that is full of processes has no room for this one, and nothing to tidy up.
  await engine.execute(id, ['/bin/sh', '-c', 'kill -TERM -1']).catch(() => undefined);
  await waitUntil(async () => {
    const container = await engine.findContainer(id);
    return !container?.State.Running || (await engine.countProcesses(id)) === 1;
  }, until - performance.now());
}
