/** Who root of a container is on this machine: what the engine's own settings make of it. */

import { statSync } from 'node:fs';
import type { EngineInfo } from './engine.ts';
import type { Mapping } from './plan.ts';

export function mappingOf(info: EngineInfo, socketPath: string): Mapping {
  const options = info.SecurityOptions ?? [];
  const uid = process.getuid?.() ?? 0;
  const root = '0:0';
  if (options.some((each) => each.startsWith('name=rootless'))) {
    const { uid: engineUid, gid } = statSync(socketPath);
    return { type: 'rootless', user: root, owner: engineUid === uid ? undefined : { uid: engineUid, gid } };
  }
  if (uid !== 0)
    return { type: 'server user', user: `${uid}:${process.getgid?.() ?? uid}`, owner: undefined };
  if (options.some((each) => each.startsWith('name=userns'))) {
    // The engine keeps what it has for each mapping in a folder that is named after it.
    const [, mapped, group] = /\/(\d+)\.(\d+)$/.exec(info.DockerRootDir) ?? [];
    if (mapped === undefined)
      throw new Error(`the user namespace of the engine is not in ${info.DockerRootDir}`);
    return { type: 'engine namespace', user: root, owner: { uid: Number(mapped), gid: Number(group) } };
  }
  return { type: 'own root', user: root, owner: undefined };
}
