/**
 * The one write that must not fail unseen: git has moved the branch, and the record of it fails while the server lives
 * on. The client hears of a failure, and the release starts all the same, with no other change and no restart.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { commit, look, openHouse, prepare, followTo, headOf, release } from './house-story.ts';

const directory = mkdtempSync(join(tmpdir(), 'slipway-record-'));
after(() => rmSync(directory, { recursive: true, force: true }));

test('a change whose record fails starts its pipeline in the same life of the server', async (context) => {
  await prepare(directory);
  let failures = 0;
  /** Whether git has moved the branch since; undefined while nobody asks. */
  let hasMoved: (() => boolean) | undefined;
  const slipway = await openHouse(directory, () => {
    if (failures > 0 || !hasMoved?.()) return;
    failures++;
    throw new Error('the disk is full');
  });
  context.after(() => slipway.close(0));
  const { repositories } = slipway.house;
  const answer = await slipway.root.send('codecommit:ListRepositories', {});
  const repositoryId = answer.repositories?.[0]?.repositoryId ?? '';
  const reference = join(repositories.path(repositoryId), 'refs', 'heads', 'main');
  const head = await headOf(slipway);
  hasMoved = () => readFileSync(reference, 'utf8').trim() !== head;
  await assert.rejects(commit(slipway, 'two', head), /internal error/);
  assert.equal(failures, 1);
  assert.notEqual(await headOf(slipway), head);
  await followTo(slipway, 2);
  const shown = await look(slipway);
  // The client that asks again finds its commit, and starts nothing more.
  assert.deepEqual(await release(slipway), shown);
  const { pipelineExecutionSummaries: executions = [] } = await slipway.root.send(
    'codepipeline:ListPipelineExecutions',
    { pipelineName: 'release' },
  );
  assert.deepEqual(
    executions.map(({ status }) => status),
    ['Succeeded', 'Succeeded'],
  );
});
