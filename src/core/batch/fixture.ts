/** For tests of batches: one batch, the time, and a world that does what the batch orders, in whatever order is wanted. */

import { present } from '#base/assert.ts';
import type { EngineEvent } from '#base/decider.ts';
import type { PhaseStatus } from '#core/build/state.ts';
import type { BatchBuild, BatchSpec } from './batch-spec.ts';
import { batchDecider, type BatchDecision } from './decide.ts';
import { allGroups } from './groups.ts';
import type { BatchEffect, BatchEvent, BatchPlan, BatchState, BuildEnd, Group } from './state.ts';

export const plan: BatchPlan = {
  id: 'shop:u',
  uuid: 'u',
  arn: 'arn:aws:codebuild:us-east-1:123456789012:build-batch/shop:u',
  projectName: 'shop',
  timeoutMinutes: 480,
  combinesArtifacts: false,
  reportsStatus: false,
  limits: { computeTypes: [], fleets: [], computeTypeDefault: 'BUILD_GENERAL1_SMALL', outputs: [] },
};

export function build(identifier: string, more: Partial<BatchBuild> = {}): BatchBuild {
  return { identifier, dependsOn: [], ignoreFailure: false, environment: { variables: {} }, ...more };
}

export class BatchWorld {
  at = 1_000;
  readonly plan: BatchPlan;
  readonly spec: BatchSpec;
  /** Ordered and not done yet. */
  readonly orders: BatchEffect[] = [];
  readonly effects: BatchEffect[] = [];
  readonly decisions: { readonly before: BatchState | undefined; readonly after: BatchState }[] = [];
  #state: BatchState | undefined;

  constructor(spec: Partial<BatchSpec> = {}, change: Partial<BatchPlan> = {}) {
    this.plan = { ...plan, ...change };
    this.spec = { fastFail: false, builds: [], ...spec };
    this.send({ type: 'BatchRequested', plan: this.plan });
  }

  get state(): BatchState {
    return present(this.#state, 'state');
  }

  send(event: BatchEvent | EngineEvent): BatchDecision {
    const before = this.#state;
    const decision = batchDecider.decide(before, { ...event, at: this.at, chance: '0'.repeat(32) });
    this.#state = present(decision.state, 'state');
    this.orders.push(...decision.effects);
    this.effects.push(...decision.effects);
    this.decisions.push({ before, after: this.state });
    return decision;
  }

  group(identifier: string): Group {
    const found = allGroups(this.state).find((each) => each.build.identifier === identifier);
    return present(found, identifier);
  }

  idOf(identifier: string): string {
    return present(this.group(identifier).current?.buildId, `a build of ${identifier}`);
  }

  /** The builds that run, by name. */
  get running(): readonly string[] {
    return allGroups(this.state).flatMap(({ progress, build }) =>
      progress === 'RUNNING' ? [build.identifier] : [],
    );
  }

  /** All builds that were ordered start. */
  startAll(): void {
    for (let order = this.#take('StartBuild'); order; order = this.#take('StartBuild')) {
      this.send({ type: 'BuildStarted', buildId: order.buildId });
    }
  }

  end(identifier: string, status: PhaseStatus = 'SUCCEEDED', more: Partial<BuildEnd> = {}): void {
    this.startAll();
    const isRoot = identifier === 'DOWNLOAD_SOURCE';
    const end: BuildEnd = {
      buildId: this.idOf(identifier),
      status,
      artifacts: [],
      reportArns: [],
      ...(isRoot ? { batch: this.spec, resolvedSourceVersion: 'c0ffee' } : {}),
      ...more,
    };
    this.send({ type: 'BuildsEnded', ends: [end] });
    this.startAll();
  }

  /** The root has read the batch section. */
  read(): this {
    this.end('DOWNLOAD_SOURCE');
    return this;
  }

  #take(type: 'StartBuild') {
    const index = this.orders.findIndex((order) => order.type === type);
    const [order] = index < 0 ? [] : this.orders.splice(index, 1);
    return order as Extract<BatchEffect, { type: 'StartBuild' }> | undefined;
  }

  phases(): readonly string[] {
    return this.state.phases.map(({ type, status }) => (status === undefined ? type : `${type}=${status}`));
  }

  context(): string {
    const contexts = this.state.phases.flatMap((phase) => phase.contexts ?? []);
    return contexts.find(({ statusCode }) => statusCode !== '')?.message ?? '';
  }
}
