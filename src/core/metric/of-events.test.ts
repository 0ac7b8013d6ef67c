/** The metrics of builds, pipelines and deployments, out of their events. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measureEvent } from './of-events.ts';

function told(source: string, detailType: string, detail: Readonly<Record<string, unknown>>) {
  const { measured, ended } = measureEvent({ source, detailType, at: Date.UTC(2026, 0, 1, 0, 1), detail });
  const lines = measured.map(({ metric: { namespace, name, dimensions }, value, unit }) => {
    const of = dimensions.map((each) => `${each.name}=${each.value}`).join(',');
    return `${namespace} ${name}{${of}} ${value} ${unit}`;
  });
  return { lines, ended };
}

test('a build is counted at its begin, and with its phases at its end, for its project and the account', () => {
  const of = (status: string, phases: object[] = []) =>
    told('aws.codebuild', 'CodeBuild Build State Change', {
      'build-status': status,
      'project-name': 'p',
      'additional-information': { phases },
    });
  assert.deepEqual(of('IN_PROGRESS'), {
    lines: ['AWS/CodeBuild Builds{ProjectName=p} 1 Count', 'AWS/CodeBuild Builds{} 1 Count'],
    ended: undefined,
  });
  const phases = [
    { 'phase-type': 'BUILD', 'duration-in-seconds': 3 },
    { 'phase-type': 'QUEUED', 'duration-in-seconds': 1 },
    { 'phase-type': 'COMPLETED' },
  ];
  const { lines, ended } = of('TIMED_OUT', phases);
  assert.deepEqual(ended, { kind: 'build', outcome: 'TIMED_OUT' });
  assert.deepEqual(
    lines.filter((line) => line.includes('ProjectName')),
    [
      'AWS/CodeBuild FailedBuilds{ProjectName=p} 1 Count',
      'AWS/CodeBuild Duration{ProjectName=p} 4 Seconds',
      'AWS/CodeBuild BuildDuration{ProjectName=p} 3 Seconds',
      'AWS/CodeBuild QueuedDuration{ProjectName=p} 1 Seconds',
    ],
  );
  assert.equal(
    of('STOPPED').lines.some((line) => /Failed|Succeeded/.test(line)),
    false,
  );
});

test('a pipeline has its duration when it succeeds, and its failures counted', () => {
  const of = (state: string) =>
    told('aws.codepipeline', 'CodePipeline Pipeline Execution State Change', {
      state,
      pipeline: 'p',
      'start-time': '2026-01-01T00:00:00.000Z',
    });
  assert.deepEqual(of('SUCCEEDED').lines, ['AWS/CodePipeline PipelineDuration{PipelineName=p} 60 Seconds']);
  assert.deepEqual(of('FAILED').lines, ['AWS/CodePipeline FailedPipelineExecutions{PipelineName=p} 1 Count']);
  assert.deepEqual(of('STOPPED'), { lines: [], ended: { kind: 'pipeline execution', outcome: 'STOPPED' } });
  assert.deepEqual(of('STARTED'), { lines: [], ended: undefined });
});

test('a deployment is counted for its group', () => {
  const of = (state: string) =>
    told('aws.codedeploy', 'CodeDeploy Deployment State-change Notification', {
      state,
      application: 'a',
      deploymentGroup: 'g',
    });
  assert.deepEqual(of('FAILURE'), {
    lines: ['Slipway FailedDeployments{Application=a,DeploymentGroup=g} 1 Count'],
    ended: { kind: 'deployment', outcome: 'FAILURE' },
  });
  assert.deepEqual(of('READY'), { lines: [], ended: undefined });
});

test('anything else is nothing, whatever it holds', () => {
  assert.deepEqual(told('aws.s3', 'Object Created', {}), { lines: [], ended: undefined });
  assert.equal(told('aws.codebuild', 'CodeBuild Build State Change', {}).ended?.outcome, '');
});
