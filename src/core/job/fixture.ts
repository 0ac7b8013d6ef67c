/** For tests of jobs: one piece of work, the time, and everything that was ordered. */

import { present } from '#base/assert.ts';
import type { EngineEvent } from '#base/decider.ts';
import type { JobDecision } from './decide.ts';
import { jobDecider } from './decide.ts';
import type { Effect, Event, Job, State, Work } from './state.ts';

export const work: Work = {
  pipelineId: 'pipeline-id',
  pipeline: 'P',
  executionId: 'execution',
  stage: 'Build',
  action: 'Compile',
  actionExecutionId: 'action-execution',
  actionType: { category: 'Build', owner: 'Custom', provider: 'Jenkins', version: '1' },
  urls: {},
  roleArn: 'arn:aws:iam::123456789012:role/pipeline',
  configuration: { ProjectName: 'Web' },
  inputs: [{ name: 'In', bucket: 'artifacts', key: 'P/In/1' }],
  outputs: [{ name: 'Out', bucket: 'artifacts', key: 'P/Out/2' }],
  deadline: 10_000_000,
};

export class WorkWorld {
  at = 1_000;
  readonly effects: Effect[] = [];
  #state: State | undefined;
  #events = 0;

  get state(): State {
    return present(this.#state, 'state');
  }

  get hasState(): boolean {
    return this.#state !== undefined;
  }

  get job(): Job {
    return present(this.state.job, 'job');
  }

  /** The answer's value. */
  send(event: Event | EngineEvent): unknown {
    const { reply } = this.decide(event);
    if (reply && 'fault' in reply) throw new Error(reply.fault.code);
    return reply?.value;
  }

  /** The code of the fault that answers. */
  fault(event: Event): string | undefined {
    const { reply } = this.decide(event);
    return reply && 'fault' in reply ? reply.fault.code : undefined;
  }

  decide(event: Event | EngineEvent): JobDecision {
    const chance = (++this.#events).toString(16).padStart(32, '0');
    const decision = jobDecider.decide(this.#state, { ...event, at: this.at, chance });
    this.#state = decision.state;
    this.effects.push(...decision.effects);
    return decision;
  }

  request(change: Partial<Work> = {}): void {
    this.send({ type: 'WorkRequested', work: { ...work, ...change } });
  }

  dispatch(): { readonly id: string; readonly nonce: string } {
    const { id } = this.job;
    const { nonce } = this.send({ type: 'JobPolled', jobId: id }) as { nonce: string };
    return { id, nonce };
  }

  /** A worker takes the job and acknowledges it. */
  begin(): { readonly id: string; readonly nonce: string } {
    const { id, nonce } = this.dispatch();
    this.send({ type: 'JobAcknowledged', jobId: id, nonce });
    return { id, nonce };
  }

  pass(milliseconds: number): void {
    this.at += milliseconds;
    this.send({ type: 'TimePassed' });
  }
}
