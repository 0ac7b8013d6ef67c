/**
 * One node of the simulation: an engine whose clock and database pass through a gate. While the gate is closed the node
 * stands still, as a process does that the system has paused; a node that died never passes it again.
 */

import type { Clock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { createEngine } from '#engine/engine.ts';
import type { Engine, Machine } from '#engine/machine.ts';
import type { Database } from '#store/database.ts';
import { createParcelMachine } from '#test/support/toy.ts';
import type { Parcel, ParcelEffect, ParcelEvent, World } from '#test/support/toy.ts';
import type { Random } from './random.ts';

export interface SimulatedNode {
  readonly name: string;
  readonly engine: Engine;
  readonly machine: Machine<Parcel, ParcelEvent, ParcelEffect>;
  isPaused(): boolean;
  pause(): void;
  resume(): void;
  /** The node never does anything again. */
  die(): void;
}

export interface NodeOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly database: Database;
  readonly random: Random;
  /** How much this node's clock goes wrong, in milliseconds. */
  readonly skewMs: number;
  /** Whether the answer of this commit is lost. */
  readonly losesAnswer: () => boolean;
  readonly createWorld: (clock: Clock) => World;
}

export async function startNode(options: NodeOptions): Promise<SimulatedNode> {
  const { name, random } = options;
  const gate = createGate();
  const clock: Clock = {
    now: () => options.clock.now() + options.skewMs,
    callAt(at, run) {
      let isCancelled = false;
      const runOnce = () => {
        if (!isCancelled) run();
      };
      const cancel = options.clock.callAt(at - options.skewMs, () => gate.pass(runOnce));
      return () => {
        isCancelled = true;
        cancel();
      };
    },
  };
  const database: Database = {
    ...options.database,
    async transaction(work, isolation) {
      await new Promise<void>((resolve) => gate.pass(resolve));
      const result = await options.database.transaction(work, isolation);
      await new Promise<void>((resolve) => gate.pass(resolve));
      if (options.losesAnswer()) throw new Error('the answer of a commit is lost');
      return result;
    },
  };
  const engine = createEngine({
    database,
    clock,
    log: silentLog,
    node: name,
    chance: () => random.hex(32),
    isAlone: false,
    limits: { failuresMax: 50 },
  });
  const machine = createParcelMachine(options.createWorld(clock));
  engine.register(machine);
  await engine.start();
  return {
    name,
    engine,
    machine,
    isPaused: () => !gate.isOpen(),
    pause: () => gate.close(),
    resume: () => gate.open(),
    die: () => gate.remove(),
  };
}

function createGate() {
  let isOpen = true;
  let isGone = false;
  let waiting: (() => void)[] = [];
  return {
    isOpen: () => isOpen,
    pass(run: () => void) {
      if (isOpen) run();
      else if (!isGone) waiting.push(run);
    },
    close: () => void (isOpen = false),
    open() {
      if (isGone) return;
      isOpen = true;
      const passing = waiting;
      waiting = [];
      for (const run of passing) run();
    },
    remove() {
      isGone = true;
      isOpen = false;
      waiting = [];
    },
  };
}
