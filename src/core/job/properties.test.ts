/** What must hold for work whatever workers, pipelines and time do to it, in any order and repeated. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { EngineEvent } from '#base/decider.ts';
import { isOpen, jobDecider } from './decide.ts';
import { WorkWorld, work } from './fixture.ts';
import type { Event, JobStatus } from './state.ts';

const choices = fc.array(fc.nat(1_000_000), { maxLength: 60, size: 'max' });

interface Seen {
  readonly id: string;
  readonly nonce: string;
}

/** Mostly what makes sense for the present job; at times an old job, an old nonce, an event too much. */
function eventOf(world: WorkWorld, seen: readonly Seen[], choice: number): Event | EngineEvent {
  const present = world.hasState ? world.state.job : undefined;
  const old = seen[choice % (seen.length || 1)];
  const isStray = choice % 7 === 0;
  const jobId = (isStray ? old?.id : present?.id) ?? 'unknown';
  const nonce = (isStray ? old?.nonce : present?.nonce) ?? 'unknown';
  switch (Math.floor(choice / 7) % 11) {
    case 0:
      return { type: 'WorkRequested', work };
    case 1:
    case 2:
      return { type: 'JobPolled', jobId };
    case 3:
    case 4:
      return { type: 'JobAcknowledged', jobId, nonce };
    case 5:
      return { type: 'JobSucceeded', jobId, details: {}, outputVariables: { a: 'b' } };
    case 6:
      return {
        type: 'JobSucceeded',
        jobId,
        details: { percentComplete: choice % 100 },
        outputVariables: {},
        continuationToken: `t${choice}`,
      };
    case 7:
      return { type: 'JobFailed', jobId, code: 'JobFailed', message: 'm', details: {} };
    case 8:
      return { type: 'TimePassed' };
    case 9:
      return { type: 'ProgressReported', count: choice % 5 };
    default:
      return choice % 3 === 0
        ? { type: 'WorkWithdrawn', onlyUnacknowledged: choice % 2 === 0 }
        : { type: 'JobRefused', jobId, code: 'PermissionError', message: 'm' };
  }
}

const NEXT: Readonly<Record<JobStatus, readonly JobStatus[]>> = {
  Queued: ['Queued', 'Dispatched', 'TimedOut', 'Failed'],
  Dispatched: ['Dispatched', 'Queued', 'InProgress', 'TimedOut', 'Failed'],
  InProgress: ['InProgress', 'Succeeded', 'Failed', 'TimedOut'],
  Succeeded: ['Succeeded'],
  Failed: ['Failed'],
  TimedOut: ['TimedOut'],
};

test('jobs change only as drawn, results come only from holders, and the pipeline hears of one end', () => {
  fc.assert(
    fc.property(choices, (all) => {
      const world = new WorkWorld();
      const seen: Seen[] = [];
      const nonces = new Set<string>();
      for (const choice of all) {
        world.at += choice % 20_000;
        const before = world.hasState ? world.state : undefined;
        const event = eventOf(world, seen, choice);
        const { reply, effects } = world.decide(event);
        const after = world.hasState ? world.state : undefined;
        if (reply && 'fault' in reply) assert.deepEqual([after, effects], [before, []]);
        const [from, to] = [before?.job, after?.job];
        if (from && to && from.id === to.id) assert.ok(NEXT[from.status].includes(to.status));
        if (from && to && from.id !== to.id) {
          assert.equal(from.status, 'InProgress', 'only a job in progress is continued');
          assert.equal(to.status, 'Queued');
        }
        if (to?.status === 'Succeeded' && from?.status !== 'Succeeded') {
          assert.equal(from?.status, 'InProgress');
        }
        const value = reply && 'value' in reply ? (reply.value as { nonce?: string }) : {};
        if (value.nonce !== undefined && to) {
          assert.ok(!nonces.has(value.nonce), 'every dispatch has a new nonce');
          nonces.add(value.nonce);
          seen.push({ id: to.id, nonce: value.nonce });
        }
        const ends = world.effects.filter((effect) => effect.type === 'ReportEnd').length;
        assert.ok(ends <= 1);
        if (to && isOpen(to.status)) assert.equal(ends, 0);
        if (after?.isWithdrawn) assert.equal(ends, 0);
        const wakeAt = after && jobDecider.wakeAt(after);
        assert.equal(wakeAt !== undefined, to !== undefined && isOpen(to.status));
      }
    }),
    { numRuns: 300 },
  );
});

test('an event that is repeated at once changes nothing more', () => {
  fc.assert(
    fc.property(choices, (all) => {
      const world = new WorkWorld();
      for (const choice of all) {
        world.at += choice % 20_000;
        const event = eventOf(world, [], choice);
        world.decide(event);
        if (!world.hasState) continue;
        const once = world.state;
        const { effects } = world.decide(event);
        assert.deepEqual([world.state, effects], [once, []]);
      }
    }),
    { numRuns: 300 },
  );
});
