import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BatchBuild, BatchEnvironment } from './batch-spec.ts';
import { limitProblem, ownerOf, type BatchLimits } from './limits.ts';

const free: BatchLimits = {
  computeTypes: [],
  fleets: [],
  computeTypeDefault: 'BUILD_GENERAL1_SMALL',
  outputs: [],
};
const build = (identifier: string, environment: Partial<BatchEnvironment> = {}): BatchBuild => ({
  identifier,
  dependsOn: [],
  ignoreFailure: false,
  environment: { variables: {}, ...environment },
});

test('without restrictions everything is allowed', () => {
  assert.equal(limitProblem(free, [build('a', { computeType: 'X' }), build('b', { fleet: 'f' })]), undefined);
});

test('more builds than allowed are refused', () => {
  const builds = [build('a'), build('b')];
  assert.equal(limitProblem({ ...free, buildsMax: 2 }, builds), undefined);
  assert.equal(
    limitProblem({ ...free, buildsMax: 1 }, builds),
    'The batch has 2 builds, and the project allows at most 1',
  );
});

test('a compute type counts also when it is the one of the project', () => {
  const limits = { ...free, computeTypes: ['BUILD_GENERAL1_LARGE'] };
  assert.equal(limitProblem(limits, [build('a', { computeType: 'BUILD_GENERAL1_LARGE' })]), undefined);
  assert.equal(
    limitProblem(limits, [build('a')]),
    'The build a uses the compute type BUILD_GENERAL1_SMALL, which the project does not allow in batches',
  );
});

test('fleets are compared by name, and a build on a fleet has no compute type', () => {
  const limits = { ...free, computeTypes: ['X'], fleets: ['arn:aws:codebuild:r:1:fleet/fast:uuid'] };
  assert.equal(limitProblem(limits, [build('a', { fleet: 'fast' })]), undefined);
  assert.equal(limitProblem({ ...limits, fleetDefault: 'fast' }, [build('a')]), undefined);
  assert.match(limitProblem(limits, [build('a', { fleet: 'slow' })]) ?? '', /uses the fleet slow/);
  const own = { ...limits, fleetDefault: 'slow' };
  assert.match(limitProblem(own, [build('a', { computeType: 'X' })]) ?? '', /uses the fleet slow/);
});

test('an output belongs to the build of its name, or else to the longest name before an underscore', () => {
  const identifiers = ['a', 'a_b'];
  for (const [output, owner] of [
    ['a', 'a'],
    ['a_b', 'a_b'],
    ['a_b_c', 'a_b'],
    ['a_c', 'a'],
    ['b', undefined],
  ] as const) {
    assert.equal(ownerOf(output, identifiers), owner, output);
  }
  assert.match(
    limitProblem({ ...free, outputs: ['a', 'z'] }, [build('a')]) ?? '',
    /^No build of the batch makes the output artifact z/,
  );
});
