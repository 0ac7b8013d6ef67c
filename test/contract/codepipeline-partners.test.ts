/** Jobs of third parties through the official client: a partner's workers have its secret, and no other can work. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ended, idOf, WITHIN_MS } from '#test/support/custom-actions.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';
import { CLIENT, PARTNER, partnersAction, registerPartner } from '#test/support/partner.ts';
import { createPipelines, type Pipelines } from '#test/support/pipelines.ts';
import { until } from '#test/support/until.ts';

const clock = createMovableClock();
let house: TestHouse;
let pipelines: Pipelines;
before(async () => {
  house = await createTestHouse({ clock });
  await registerPartner(house);
  pipelines = await createPipelines(house);
});
after(async () => {
  pipelines.close();
  await house.close();
});

async function polledPartner(): Promise<string> {
  return until('a job for the partner', WITHIN_MS, async () => {
    const { jobs = [] } = await pipelines.codepipeline.pollForThirdPartyJobs({ actionTypeId: PARTNER });
    assert.ok(jobs.every(({ clientId }) => clientId === CLIENT.clientId));
    return jobs[0]?.jobId;
  });
}

test('a job is given to whoever has the secret of the client', async () => {
  const execution = await pipelines.create('probed', [{ name: 'S2', actions: [partnersAction()] }]);
  const jobId = await polledPartner();
  const { clientToken } = CLIENT;
  const { jobDetails } = await pipelines.codepipeline.getThirdPartyJobDetails({ jobId, clientToken });
  const { nonce, data } = jobDetails ?? {};
  assert.deepEqual(data?.actionConfiguration?.configuration, { Target: 'web', ApiKey: 'open-sesame' });
  assert.equal(data?.pipelineContext?.pipelineName, 'probed');
  assert.equal(data?.pipelineContext?.pipelineArn, undefined);
  assert.equal(data?.pipelineContext?.pipelineExecutionId, undefined);
  const { status } = await pipelines.codepipeline.acknowledgeThirdPartyJob({ jobId, nonce, clientToken });
  assert.equal(status, 'InProgress');
  await pipelines.codepipeline.putThirdPartyJobSuccessResult({
    jobId,
    clientToken,
    continuationToken: 'again',
    executionDetails: { percentComplete: 10 },
  });
  const next = await polledPartner();
  assert.notEqual(next, jobId);
  const details = (await pipelines.codepipeline.getThirdPartyJobDetails({ jobId: next, clientToken }))
    .jobDetails;
  assert.equal(details?.data?.continuationToken, 'again');
  await pipelines.codepipeline.acknowledgeThirdPartyJob({ jobId: next, nonce: details?.nonce, clientToken });
  await pipelines.codepipeline.putThirdPartyJobFailureResult({
    jobId: next,
    clientToken,
    failureDetails: { type: 'JobFailed', message: 'the probe found a hole' },
  });
  const run = await ended(pipelines, 'probed', execution);
  assert.equal(run.output?.executionResult?.errorDetails?.message, 'the probe found a hole');
  await assert.rejects(pipelines.codepipeline.getThirdPartyJobDetails({ jobId: next, clientToken }), {
    name: 'InvalidJobException',
  });
});

test('another token, and the operations for custom jobs, reach nothing', async () => {
  await pipelines.create('guarded', [{ name: 'S2', actions: [partnersAction()] }]);
  const jobId = await polledPartner();
  const failureDetails = { type: 'JobFailed', message: 'no' } as const;
  const wrong = { jobId, clientToken: 'partner-secreT' };
  for (const call of [
    pipelines.codepipeline.getThirdPartyJobDetails(wrong),
    pipelines.codepipeline.acknowledgeThirdPartyJob({ ...wrong, nonce: 'n' }),
    pipelines.codepipeline.putThirdPartyJobSuccessResult(wrong),
    pipelines.codepipeline.putThirdPartyJobFailureResult({ ...wrong, failureDetails }),
  ]) {
    await assert.rejects(call, { name: 'InvalidClientTokenException' });
  }
  for (const call of [
    pipelines.codepipeline.getJobDetails({ jobId }),
    pipelines.codepipeline.acknowledgeJob({ jobId, nonce: 'n' }),
    pipelines.codepipeline.putJobSuccessResult({ jobId }),
    pipelines.codepipeline.putJobFailureResult({ jobId, failureDetails }),
  ]) {
    await assert.rejects(call, { name: 'JobNotFoundException' });
  }
  await assert.rejects(pipelines.codepipeline.pollForJobs({ actionTypeId: PARTNER }), {
    name: 'ValidationException',
  });
  await assert.rejects(pipelines.codepipeline.pollForThirdPartyJobs({ actionTypeId: idOf('Maker') }), {
    name: 'ValidationException',
  });
});

test('a partner that does not answer within its time limit fails the action', async () => {
  const execution = await pipelines.create('late', [{ name: 'S2', actions: [partnersAction()] }]);
  await polledPartner();
  // An hour, as the registration says.
  clock.advance(3_600_000);
  pipelines.follow(clock);
  const run = await ended(pipelines, 'late', execution);
  assert.equal(run.output?.executionResult?.errorDetails?.code, 'JobTimedOut');
});
