import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BATCH_BUILDS_MAX, graphProblem, type BatchBuild, type BatchSpec } from '#core/batch/batch-spec.ts';
import { parseBatchspec, parseBuildspec } from './parse.ts';

function parsed(text: string): BatchSpec {
  const result = parseBatchspec(text);
  assert.ok('batch' in result, 'error' in result ? result.error : '');
  return result.batch;
}

function errorOf(batch: string): string {
  const result = parseBatchspec(`version: 0.2\n${batch}`);
  assert.ok('error' in result, 'an error is expected');
  return result.error;
}

test('a graph is read with everything that its builds change', () => {
  const batch = parsed(`
version: 0.2
env: { exported-variables: [TAG] }
batch:
  fast-fail: yes
  build-graph:
    - identifier: lib
    - identifier: api
      buildspec: api/buildspec.yml
      debug-session: true
      env:
        compute-type: BUILD_GENERAL1_LARGE
        image: aws/codebuild/standard:6.0
        type: LINUX_CONTAINER
        privileged-mode: true
        variables: { STAGE: test, PORT: 080 }
      depend-on: [lib, lib]
      ignore-failure: true
    - identifier: web
      env: { fleet: fast }
      depend-on: [lib, api]
`);
  const plain = { dependsOn: [], ignoreFailure: false, environment: { variables: {} } };
  assert.deepEqual(batch, {
    fastFail: true,
    builds: [
      { ...plain, identifier: 'lib' },
      {
        identifier: 'api',
        dependsOn: ['lib'],
        ignoreFailure: true,
        buildspec: 'api/buildspec.yml',
        environment: {
          type: 'LINUX_CONTAINER',
          image: 'aws/codebuild/standard:6.0',
          computeType: 'BUILD_GENERAL1_LARGE',
          privileged: true,
          variables: { STAGE: 'test', PORT: '080' },
        },
      },
      {
        ...plain,
        identifier: 'web',
        dependsOn: ['lib', 'api'],
        environment: { fleet: 'fast', variables: {} },
      },
    ],
  });
});

test('a matrix has every combination, the rightmost list changing fastest', () => {
  const { builds } = parsed(`
version: 0.2
batch:
  build-matrix:
    static:
      ignore-failure: true
      env: { privileged-mode: true, type: LINUX_CONTAINER }
    dynamic:
      buildspec: [a.yml, b.yml]
      env:
        image: [one]
        variables: { N: [1, 2], M: x }
`);
  const said = builds.map(({ identifier, buildspec, ignoreFailure, environment }) => [
    identifier,
    buildspec,
    environment.image,
    environment.privileged,
    environment.type,
    { ...environment.variables },
    ignoreFailure,
  ]);
  const row = (identifier: string, buildspec: string, N: string) => [
    ...[identifier, buildspec, 'one', true, 'LINUX_CONTAINER', { N, M: 'x' }, true],
  ];
  assert.deepEqual(said, [
    row('build_1', 'a.yml', '1'),
    row('build_2', 'a.yml', '2'),
    row('build_3', 'b.yml', '1'),
    row('build_4', 'b.yml', '2'),
  ]);
});

test('a fan-out has as many equal builds as it says, each with its part', () => {
  const { builds, fastFail } = parsed(
    'version: 0.2\nbatch:\n  build-fanout:\n    parallelism: 3\n    ignore-failure: true\n',
  );
  assert.equal(fastFail, false);
  assert.deepEqual(
    builds.map(({ identifier, shard, ignoreFailure }) => [identifier, shard, ignoreFailure]),
    [0, 1, 2].map((index) => [`build_${index + 1}`, { index, total: 3 }, true]),
  );
});

test('the phases of the file are no matter of the batch, its environment is', () => {
  const text =
    'version: 0.2\nenv: { exported-variables: [TAG] }\nbatch: { build-fanout: { parallelism: 1 } }\n';
  const result = parseBatchspec(text);
  assert.ok('buildspec' in result);
  assert.deepEqual(result.buildspec.environment.exportedVariables, ['TAG']);
  assert.deepEqual(result.buildspec.phases, {});
  const wrong = 'version: 0.2\nphases: { build: { commands: [a] } }\nbatch: { nonsense: 1 }\n';
  assert.ok('buildspec' in parseBuildspec(wrong), 'a plain build does not look at its batch section');
});

const FAULTS: readonly (readonly [string, string, string])[] = [
  ['no section', 'phases: {}', 'Missing buildspec key: batch'],
  [
    'no kind',
    'batch: { fast-fail: true }',
    'Invalid batch at line 2: found none. Expecting exactly one of: build-fanout,build-graph,build-list,build-matrix',
  ],
  [
    'two kinds',
    'batch: { build-list: [], build-graph: [] }',
    'Invalid batch at line 2: found build-list,build-graph. ' +
      'Expecting exactly one of: build-fanout,build-graph,build-list,build-matrix',
  ],
  [
    'an empty list',
    'batch: { build-list: [] }',
    'Invalid build-list at line 2: a list of builds is expected',
  ],
  [
    'no identifier',
    'batch: { build-list: [{ buildspec: a }] }',
    'Invalid identifier of build-list: none at line 2. Expecting: letters, digits and underscores',
  ],
  [
    'a strange identifier',
    'batch: { build-list: [{ identifier: a-b }] }',
    'Invalid identifier of build-list: a-b at line 2. Expecting: letters, digits and underscores',
  ],
  [
    'the same identifier',
    'batch: { build-list: [{ identifier: a }, { identifier: a }] }',
    'The identifier a is used more than once, in build-list at line 2',
  ],
  [
    'the identifier of the first build',
    'batch: { build-list: [{ identifier: DOWNLOAD_SOURCE }] }',
    'The identifier DOWNLOAD_SOURCE is used more than once, in build-list at line 2',
  ],
  [
    'dependencies in a list',
    'batch: { build-list: [{ identifier: a, depend-on: [b] }] }',
    'depend-on of a at line 2 needs a build-graph',
  ],
  [
    'an unknown dependency',
    'batch: { build-graph: [{ identifier: a, depend-on: [b] }] }',
    'The build a depends on b, which does not exist, in build-graph at line 2',
  ],
  [
    'a build that waits for itself',
    'batch: { build-graph: [{ identifier: a, depend-on: [a] }] }',
    'Builds depend on each other in a circle: a → a, in build-graph at line 2',
  ],
  [
    'a circle behind a build',
    'batch: { build-graph: [{identifier: x, depend-on: [a]}, {identifier: a, depend-on: [b]}, {identifier: b, depend-on: [a]}] }',
    'Builds depend on each other in a circle: a → b → a, in build-graph at line 2',
  ],
  [
    'a compute type and a fleet',
    'batch: { build-list: [{ identifier: a, env: { compute-type: x, fleet: y } }] }',
    'Invalid env of a at line 2: compute-type and fleet exclude each other',
  ],
  [
    'no parallelism',
    'batch: { build-fanout: {} }',
    'Invalid parallelism: none at line 2. Expecting: a number above 0',
  ],
  [
    'a parallelism of nothing',
    'batch: { build-fanout: { parallelism: 0 } }',
    'Invalid parallelism: 0 at line 2. Expecting: a number above 0',
  ],
  [
    'too many',
    'batch: { build-fanout: { parallelism: 999999999 } }',
    `Too many builds in build-fanout at line 2: there can be at most ${BATCH_BUILDS_MAX}`,
  ],
  [
    'a matrix of too many',
    `batch: { build-matrix: { dynamic: { env: { variables: { A: ${many(30)}, B: ${many(30)}, C: ${many(30)} } } } } }`,
    `Too many builds in build-matrix at line 2: there can be at most ${BATCH_BUILDS_MAX}`,
  ],
  [
    'a build that is no map',
    'batch: { build-list: [a] }',
    'Cannot unmarshal scalar to build of build-list at line 2',
  ],
];

function many(count: number): string {
  return JSON.stringify(Array.from({ length: count }, (_, i) => i));
}

for (const [what, batch, message] of FAULTS) {
  test(`a batch with ${what} is refused with its place`, () => assert.equal(errorOf(batch), message));
}

const named = fc
  .integer({ min: 1, max: 12 })
  .chain((count) =>
    fc.array(fc.array(fc.nat(count - 1), { maxLength: 4 }), { minLength: count, maxLength: count }),
  );
const buildsOf = (edges: readonly (readonly number[])[]): BatchBuild[] =>
  edges.map((others, i) => ({
    identifier: `b${i}`,
    dependsOn: [...new Set(others)].map((other) => `b${other}`),
    ignoreFailure: false,
    environment: { variables: {} },
  }));

test('a graph is refused exactly when it has a circle, and the circle that is told is one', () => {
  fc.assert(
    fc.property(named, (edges) => {
      const builds = buildsOf(edges);
      const problem = graphProblem(builds);
      assert.equal(problem !== undefined, hasCircle(edges));
      if (problem === undefined) return;
      const way = problem.slice(problem.indexOf(': ') + 2).split(' → ');
      assert.equal(way[0], way.at(-1));
      way.slice(1).forEach((to, i) => {
        assert.ok(builds.find(({ identifier }) => identifier === way[i])?.dependsOn.includes(to));
      });
    }),
  );
});

function hasCircle(edges: readonly (readonly number[])[]): boolean {
  const isOn = (at: number, trail: readonly number[]): boolean =>
    trail.includes(at) || (edges[at] ?? []).some((next) => isOn(next, [...trail, at]));
  return edges.some((_, at) => isOn(at, []));
}

test('any text is read or refused, never more', () => {
  fc.assert(
    fc.property(fc.string(), fc.json(), (text, json) => {
      for (const each of [text, `version: 0.2\nbatch: ${json}\n`, json]) {
        const result = parseBatchspec(each);
        assert.ok('batch' in result || typeof result.error === 'string');
      }
    }),
  );
});
