/** What separates and bounds a container, for its log: no more than what this engine really does. */

import type { EngineContainer, EngineInfo } from './engine.ts';
import type { Mapping } from './plan.ts';
import { describeNetwork, type NetworkPlan } from '#runtimes/network.ts';
import type { SandboxPlan } from '#runtimes/runtime.ts';

const MIB = 1024 * 1024;

export interface Described {
  readonly info: EngineInfo;
  readonly container: EngineContainer | undefined;
  readonly mapping: Mapping;
  readonly network: NetworkPlan;
  readonly plan: SandboxPlan;
}

export function describeContainer({ info, container, mapping, network, plan }: Described): string[] {
  const { memoryBytes, cpus, processes, diskBytes } = plan.limits;
  const held = (isHeld: boolean, text: string, what: string) => (isHeld ? text : `${what} not limited`);
  const rights = plan.image?.isPrivileged
    ? 'PRIVILEGED: with an engine of its own it can become root of this machine'
    : `${userText(mapping)}, no new privileges`;
  return [
    `Isolation: container ${(container?.Id ?? '').slice(0, 12)} of Docker ${info.ServerVersion}, ${rights}, ${describeNetwork(network)}`,
    `Limits: ${[
      held(info.MemoryLimit, `memory ${Math.floor(memoryBytes / MIB)} MiB`, 'memory'),
      held(info.CpuCfsQuota, `${Math.min(cpus, info.NCPU)} CPUs`, 'CPU'),
      held(info.PidsLimit, `${processes} processes`, 'processes'),
      `disk ${Math.floor(diskBytes / MIB)} MiB (watched)`,
    ].join(', ')}`,
  ];
}

/** Who root inside is. */
export function userText({ type, owner, user }: Mapping): string {
  switch (type) {
    case 'own root':
      return 'root with few capabilities';
    case 'engine namespace':
      return `root inside is user ${owner?.uid} of this machine`;
    case 'rootless':
      return 'rootless engine';
    case 'server user':
      return `user ${user}, not root`;
  }
}
