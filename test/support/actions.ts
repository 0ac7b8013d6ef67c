/** What tests of built-in actions share: a house with pipelines and builds, and ways to see how actions ended. */

import assert from 'node:assert/strict';
import type { ActionDeclaration, ActionExecutionDetail } from '@aws-sdk/client-codepipeline';
import { connectBuilds, createBuildRole, type BuildClients } from './builds.ts';
import { createTestHouse, type TestHouse, type TestHouseOptions } from './house.ts';
import { createPipelines, type Pipelines } from './pipelines.ts';
import { until } from './until.ts';

const WITHIN_MS = 30_000;

export const SITE = [{ name: 'Site' }];

export interface Workshop {
  readonly house: TestHouse;
  readonly pipelines: Pipelines;
  readonly builds: BuildClients;
  /** A project of pipelines, whose buildspec comes with the action. */
  createProject(name: string): Promise<void>;
  /** Resolves when the execution has ended as expected; else it says how its actions ended. */
  ends(pipeline: string, executionId: string, status: 'Succeeded' | 'Failed'): Promise<void>;
  run(pipeline: string, executionId: string, action: string): Promise<ActionExecutionDetail>;
  /** `code: message` */
  error(pipeline: string, executionId: string, action: string): Promise<string>;
  text(Bucket: string, Key: string): Promise<string | undefined>;
  close(): Promise<void>;
}

export async function createWorkshop(options: TestHouseOptions = {}): Promise<Workshop> {
  const house = await createTestHouse(options);
  const pipelines = await createPipelines(house);
  const builds = connectBuilds(house);
  await createBuildRole(builds.iam, ['logs:*', 's3:*', 'kms:*', 'codecommit:GitPull']);
  const workshop: Workshop = {
    house,
    pipelines,
    builds,
    createProject: (name) =>
      builds.createProject(name, '', {
        source: { type: 'CODEPIPELINE', buildspec: 'version: 0.2\n' },
        artifacts: { type: 'CODEPIPELINE' },
      }),
    async ends(pipeline, executionId, status) {
      const last = await until(`the end of ${executionId} of ${pipeline}`, WITHIN_MS, async () => {
        const now = await pipelines.status(pipeline, executionId);
        return now === 'InProgress' ? undefined : now;
      });
      const runs = (await pipelines.actions(pipeline, executionId)).map(
        ({ actionName, status: end, output }) =>
          `${actionName}: ${end} ${JSON.stringify(output?.executionResult?.errorDetails)}`,
      );
      assert.equal(last, status, runs.join('\n'));
    },
    async run(pipeline, executionId, actionName) {
      const runs = await pipelines.actions(pipeline, executionId);
      const run = runs.find((each) => each.actionName === actionName);
      assert.ok(run, `a run of ${actionName}`);
      return run;
    },
    async error(pipeline, executionId, actionName) {
      const { output } = await workshop.run(pipeline, executionId, actionName);
      const { code, message } = output?.executionResult?.errorDetails ?? {};
      return `${code}: ${message}`;
    },
    async text(Bucket, Key) {
      const { Body } = await pipelines.s3.getObject({ Bucket, Key });
      return Body?.transformToString();
    },
    async close() {
      builds.close();
      pipelines.close();
      await house.close();
    },
  };
  return workshop;
}

/** `type` is category and provider: `Deploy/S3`. */
export function action(
  name: string,
  type: `${string}/${string}`,
  more: Partial<ActionDeclaration> = {},
): ActionDeclaration {
  const [category, provider] = type.split('/');
  const actionTypeId = { category, owner: 'AWS', provider, version: '1' };
  return { name, actionTypeId: actionTypeId as ActionDeclaration['actionTypeId'], ...more };
}
