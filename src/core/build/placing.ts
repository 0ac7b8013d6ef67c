/**
 * Decides which waiting build goes to which worker. First come, first served, within each pool: a build that finds no
 * room holds up those behind it, so that a large one is not passed by for ever. What a worker does not have at all is
 * not asked of it: a machine smaller than the compute type gives what it has.
 */

/** What a build asks for. */
export interface Need {
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** A worker that gives signs of life: what it offers, and what its builds have taken of that. */
export interface Slots extends Need {
  readonly id: string;
  /** What people call it. */
  readonly name: string;
  /** The operator's own number of builds at the same time, which then alone counts. */
  readonly buildsMax?: number;
  /** The needs of the builds that it has. */
  readonly taken: readonly Need[];
}

export interface Waiting extends Need {
  readonly id: string;
  /** '' for builds of no fleet. */
  readonly pool: string;
}

export interface Pool {
  /** How many of its builds may run at the same time, and how many do. */
  readonly buildsMax: number;
  readonly running: number;
}

export interface Placement {
  readonly build: Waiting;
  readonly worker: Slots;
}

/** `waiting`: the oldest first. Pools without an entry have no limit of their own. */
export function placeBuilds(
  waiting: readonly Waiting[],
  workers: readonly Slots[],
  pools: ReadonlyMap<string, Pool> = new Map(),
): readonly Placement[] {
  const placements: Placement[] = [];
  const slots = new Map(workers.map((worker) => [worker.id, worker]));
  const running = new Map([...pools].map(([name, pool]) => [name, pool.running]));
  const held = new Set<string>();
  for (const build of waiting) {
    if (held.has(build.pool)) continue;
    const isFull = (running.get(build.pool) ?? 0) >= (pools.get(build.pool)?.buildsMax ?? Infinity);
    const worker = isFull ? undefined : emptiest([...slots.values()].filter((each) => fits(build, each)));
    if (!worker) {
      held.add(build.pool);
      continue;
    }
    placements.push({ build, worker });
    running.set(build.pool, (running.get(build.pool) ?? 0) + 1);
    slots.set(worker.id, { ...worker, taken: [...worker.taken, build] });
  }
  return placements;
}

export function fits(need: Need, worker: Slots): boolean {
  if (worker.buildsMax !== undefined) return worker.taken.length < worker.buildsMax;
  const free = freeOf(worker);
  const { cpus, memoryBytes } = capped(need, worker);
  return cpus <= free.cpus && memoryBytes <= free.memoryBytes;
}

export function freeOf(worker: Slots): Need {
  const taken = worker.taken.map((need) => capped(need, worker));
  return {
    cpus: worker.cpus - sum(taken.map((need) => need.cpus)),
    memoryBytes: worker.memoryBytes - sum(taken.map((need) => need.memoryBytes)),
  };
}

/** What one build waits for, as a sentence. */
export function explainWaiting(
  build: Waiting,
  before: number,
  workers: readonly Slots[],
  pool: Pool | undefined,
): string {
  if (before > 0) return `Waits behind ${before} other ${before === 1 ? 'build' : 'builds'}`;
  if (pool && pool.running >= pool.buildsMax) {
    return `Waits until one of the ${pool.buildsMax} builds that its fleet runs at a time has ended`;
  }
  const open = workers.filter((worker) => worker.buildsMax !== 0);
  if (open.length === 0) return 'Waits for a worker: none that takes builds gives signs of life';
  const states = open.map((worker) => `${worker.name} ${stateOf(worker)}`);
  return `Waits for ${amountOf(build)} on a worker: ${states.join(', ')}`;
}

function stateOf(worker: Slots): string {
  if (worker.buildsMax !== undefined) return `runs ${worker.taken.length} of ${worker.buildsMax} builds`;
  const free = freeOf(worker);
  return `has ${amountOf({ cpus: Math.max(0, free.cpus), memoryBytes: Math.max(0, free.memoryBytes) })} free`;
}

function amountOf({ cpus, memoryBytes }: Need): string {
  return `${cpus} vCPU and ${(memoryBytes / 1024 ** 3).toFixed(1)} GiB`;
}

/** A worker that has nothing to do can take any build. */
function capped(need: Need, { cpus, memoryBytes }: Slots): Need {
  return {
    cpus: Math.min(need.cpus, cpus),
    memoryBytes: Math.min(need.memoryBytes, memoryBytes),
  };
}

function emptiest(workers: readonly Slots[]): Slots | undefined {
  const load = (worker: Slots) => worker.taken.length / (worker.buildsMax ?? worker.cpus);
  return [...workers].sort((a, b) => load(a) - load(b) || (a.id < b.id ? -1 : 1))[0];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
