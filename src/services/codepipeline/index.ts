/**
 * AWS CodePipeline: pipelines that take a change through stages of actions, under a role of the customer.
 *
 * What this is: declarations and their versions, executions with stage locks in the modes SUPERSEDED, QUEUED and
 * PARALLEL, run-order groups, variables, conditions, retry, rollback, stop, transitions and approvals; the actions
 * CodeCommit and S3 source, CodeBuild, Commands, manual approval, CodeDeploy, S3 deploy and CodePipeline, and custom and
 * third-party actions, whose jobs workers poll for. Decisions are in `core/pipeline` and `core/job`.
 *
 * Gaps: executors of kind Lambda, triggers of connections; actions and rules of services that are not in this house may
 * be declared, and fail when they run; most actions run in the region of the house only, and one house is one account.
 *
 * By design: nothing is really polled. A source with PollForSourceChanges, which is the default, hears of a push or
 * a new object at once by the house's bus, and shows that setting's name as its trigger; with "false" it never
 * starts by itself. Triggers, which AWS has for connections only, are also for CodeCommit sources. A change that
 * comes while all executions that may be in flight are, starts nothing, and the server's log says so. GitHub is told
 * of webhooks at its own address or the one in SLIPWAY_GITHUB_API. A worker's success without the output artifacts
 * that its action declares is a failure. What a custom action of another category than Source reports as its current
 * revision shows in the revision's URL only. Third parties' action types are registered by the operator, in the file
 * `action-types.json` of the data directory; see `registered-types.ts`. Secrets of configurations are taken as they
 * are: no reference is looked for in them. The types of AWS's own actions come without addresses, which would lead
 * to AWS's console.
 */

import { createBell } from '#base/bell.ts';
import { type House, type Operations, type Service } from '#services/service.ts';
import { pipelineDecider } from '#core/pipeline/decide.ts';
import { actionExecutionOperations } from './action-executions.ts';
import { actionTypeOperations } from './action-types.ts';
import { shownInput } from './declarations.ts';
import { createEffects } from './effects.ts';
import { executionOperations } from './executions.ts';
import { recordChange } from './history.ts';
import { createHeldOf, holdingMigrations } from './holding.ts';
import { createJobMachine, type JobRoom } from './job-machine.ts';
import { jobOperations } from './jobs.ts';
import { jobMigrations } from './jobs-tables.ts';
import { permissions } from './permissions.ts';
import { pipelineOperations } from './pipelines.ts';
import type { PipelineMachine, Room } from './room.ts';
import { readRegistrations, registeredTypeOperations } from './registered-types.ts';
import { revisionOperations } from './revisions.ts';
import { ruleExecutionOperations } from './rule-executions.ts';
import { clearSpool } from './spool.ts';
import { stageOperations } from './stage-operations.ts';
import { createSubscriptions } from './subscriptions.ts';
import { migrations } from './tables.ts';
import { taggingOperations } from './tagging.ts';
import { thirdPartyJobOperations } from './third-party-jobs.ts';
import { triggerMigrations } from './trigger-tables.ts';
import { typeOperations } from './types.ts';
import { createWebhookRoute } from './webhook-delivery.ts';
import { webhookRegistrationOperations } from './webhook-registration.ts';
import { webhookOperations } from './webhooks.ts';

export interface CodepipelineOptions {
  /** Where GitHub's API is, if it is not GitHub's own. */
  readonly githubApi?: string | undefined;
}

export function openCodepipeline(house: House, options: CodepipelineOptions = {}): Service<'codepipeline'> {
  const bell = createBell(house.clock);
  const jobs: JobRoom = { house, bell, jobs: createJobMachine(house, () => machine) };
  const machine: PipelineMachine = {
    kind: 'codepipeline.pipeline',
    decider: pipelineDecider,
    effects: createEffects(house, jobs),
    record: recordChange,
  };
  const room: Room = { house, machine };
  const operations: Operations<'codepipeline'> = {
    ...pipelineOperations(room),
    ...executionOperations(room),
    ...actionExecutionOperations(room),
    ...ruleExecutionOperations(room),
    ...stageOperations(room),
    ...taggingOperations(room),
    ...actionTypeOperations(jobs),
    ...registeredTypeOperations(jobs),
    ...jobOperations(jobs),
    ...thirdPartyJobOperations(jobs),
    ...typeOperations(room),
    ...webhookOperations(room),
    ...webhookRegistrationOperations(room, options.githubApi),
    ...revisionOperations(room),
  };
  return {
    name: 'codepipeline',
    operations,
    permissions,
    machines: [machine, jobs.jobs],
    migrations: [...migrations, ...jobMigrations, ...triggerMigrations, ...holdingMigrations],
    subscriptions: createSubscriptions(room),
    routes: [createWebhookRoute(room)],
    async recover() {
      await readRegistrations(house);
      await clearSpool(house);
    },
    heldOf: createHeldOf(house),
    drain: () => bell.silence(),
    shownInput: (operation, input) => shownInput(house, operation, input),
  };
}
