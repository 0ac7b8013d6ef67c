import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseOnFailure } from './buildspec.ts';
import type { Buildspec } from './buildspec.ts';
import { parseBuildspec } from './parse.ts';
import { cpuMs } from '#test/support/cpu-time.ts';

function parsed(text: string): Buildspec {
  const result = parseBuildspec(text);
  assert.ok('buildspec' in result, 'error' in result ? result.error : '');
  return result.buildspec;
}

function errorOf(text: string): string {
  const result = parseBuildspec(text);
  assert.ok('error' in result);
  return result.error;
}

test('a whole buildspec is read with its defaults', () => {
  const spec = parsed(`
version: 0.2
env:
  shell: bash
  variables: { STAGE: prod, EMPTY: '', NUMBER: 010, CODEBUILD_X: no }
  exported-variables: [TAG]
phases:
  install:
    runtime-versions: { nodejs: 20 }
  build:
    on-failure: RETRY-2-timeout
    commands:
      - npm test
      - |
        if true; then
          echo yes
        fi
    finally:
      - echo done
artifacts:
  files: ['**/*']
  base-directory: dist
  exclude-paths: '**/*.map'
  discard-paths: yes
  secondary-artifacts:
    other:
      files: [b.txt]
`);
  assert.equal(spec.shell, 'bash');
  assert.deepEqual(spec.environment.variables, { STAGE: 'prod', EMPTY: '', NUMBER: '010' });
  assert.deepEqual(spec.environment.exportedVariables, ['TAG']);
  assert.deepEqual(spec.phases.BUILD, {
    commands: ['npm test', 'if true; then\n  echo yes\nfi\n'],
    finally: ['echo done'],
    onFailure: { type: 'RETRY', count: 2, pattern: 'timeout' },
    runtimeVersions: {},
  });
  assert.deepEqual(spec.artifacts, {
    files: ['**/*'],
    baseDirectory: 'dist',
    excludePaths: ['**/*.map'],
    discardPaths: true,
    enableSymlinks: false,
  });
  assert.deepEqual(Object.keys(spec.secondaryArtifacts), ['other']);
  assert.deepEqual(spec.warnings, [
    "variable 'CODEBUILD_X' is not set: names starting with CODEBUILD_ are reserved",
  ]);
});

test('reports and caches are read with their defaults', () => {
  const spec = parsed(`
version: 0.2
env: { git-credential-helper: yes }
phases: {}
reports:
  unit:
    files: ['**/*.xml']
  arn:aws:codebuild:us-east-1:123456789012:report-group/all:
    files: coverage.xml
    file-format: CoberturaXML
    base-directory: out
    discard-paths: yes
cache:
  key: k-$X
  fallback-keys: [k-]
  paths: ['node_modules/**/*']
  action: restore
`);
  assert.deepEqual(spec.reports, [
    { name: 'unit', files: ['**/*.xml'], format: 'JUNITXML', discardPaths: false },
    {
      name: 'arn:aws:codebuild:us-east-1:123456789012:report-group/all',
      files: ['coverage.xml'],
      format: 'COBERTURAXML',
      baseDirectory: 'out',
      discardPaths: true,
    },
  ]);
  assert.deepEqual(spec.cache, {
    paths: ['node_modules/**/*'],
    key: 'k-$X',
    fallbackKeys: ['k-'],
    action: 'restore',
  });
  assert.equal(spec.environment.gitCredentialHelper, true);
  assert.deepEqual(spec.warnings, []);
  const wrong = (text: string) => errorOf(`version: 0.2\nphases: {}\n${text}`);
  assert.match(
    wrong('reports: {a: {files: x, file-format: TAP}}'),
    /^Invalid file-format of report a: TAP at line 3\. Expecting: CUC/,
  );
  assert.equal(wrong('reports:\n  a: {}'), 'Missing files in report a at line 4');
  assert.match(
    wrong(`reports: {${[1, 2, 3, 4, 5, 6].map((i) => `r${i}: {files: x}`).join(', ')}}`),
    /at most 5$/,
  );
  assert.match(wrong('cache: {action: both}'), /^Invalid cache action: both at line 3/);
});

test('version 0.1 spells its variables in its own way', () => {
  const spec = parsed(
    'version: 0.1\nenvironment_variables:\n  plaintext:\n    K: V\nphases:\n  build:\n    commands: [a]',
  );
  assert.deepEqual(spec.environment.variables, { K: 'V' });
  assert.match(errorOf('version: 0.1\nenv: {}\nphases: {}'), /Version 0\.1 expects: environment_variables/);
});

test('a JSON buildspec is a buildspec', () => {
  assert.deepEqual(parsed('{"version":"0.2","phases":{"build":{"commands":["a"]}}}').phases.BUILD?.commands, [
    'a',
  ]);
});

test('mistakes are told in the words of AWS, with their lines', () => {
  assert.equal(
    errorOf(
      'version: 0.2\nphases:\n  build:\n    commands:\n      - echo "Hello: world"\n      - echo Hello: world\n',
    ),
    'Expected Commands[0] to be of string type: found subkeys instead at line 5, ' +
      'value of the key tag on line 5 might be empty',
  );
  assert.equal(
    errorOf('version: 0.2\nphases:\n  prebuild:\n    commands: [a]'),
    'Invalid buildspec phase name: prebuild. Expecting: build,install,post_build,pre_build',
  );
  assert.equal(errorOf('phases: {}'), 'Missing buildspec version. Expecting: 0.1,0.2');
  assert.equal(
    errorOf('version: 2\nphases: {}'),
    'Invalid buildspec version: 2 at line 1. Expecting: 0.1,0.2',
  );
  assert.equal(errorOf('version: 0.2'), 'Missing buildspec key: phases');
  assert.match(errorOf('version: 0.2\nphases:\n  build:\n   - a\n  b: c: d'), / at line [45]$/);
  assert.match(errorOf('version: 0.2\nphases:\n  build:\n    steps: []'), /unsupported field "steps"/);
  assert.match(
    errorOf('version: 0.2\nphases: {}\nartifacts:\n  name: x'),
    /Missing files in artifacts at line 3/,
  );
  assert.match(
    errorOf('version: 0.2\nphases:\n  build:\n    on-failure: MAYBE'),
    /Invalid on-failure of phase build/,
  );
});

test('aliases work, and neither an alias bomb nor deep nesting costs time', () => {
  const spec = parsed(
    'version: 0.2\nphases:\n  install:\n    commands: &c [a, b]\n  build:\n    commands: *c\n',
  );
  assert.deepEqual(spec.phases.BUILD?.commands, ['a', 'b']);
  const bomb = ['a0: &a0 [x,x,x,x,x,x,x,x,x]'];
  for (let i = 1; i < 12; i++)
    bomb.push(
      `a${i}: &a${i} [${Array(9)
        .fill(`*a${i - 1}`)
        .join(',')}]`,
    );
  const started = cpuMs();
  assert.match(errorOf(bomb.join('\n')), /more than 100000 nodes/);
  assert.match(errorOf('['.repeat(20_000)), /nested more than 50 levels|at line 1/);
  assert.match(errorOf('a: &a [*a]'), /nested more than 50 levels|unknown anchor|at line/i);
  assert.ok(cpuMs() - started < 2000);
});

test('every on-failure form is understood', () => {
  assert.deepEqual(parseOnFailure('abort'), { type: 'ABORT' });
  assert.deepEqual(parseOnFailure('RETRY'), { type: 'RETRY', count: 3 });
  assert.deepEqual(parseOnFailure('RETRY-5'), { type: 'RETRY', count: 5 });
  assert.deepEqual(parseOnFailure('RETRY-.*x.*'), { type: 'RETRY', count: 3, pattern: '.*x.*' });
  assert.deepEqual(parseOnFailure('RETRY-2-a-b'), { type: 'RETRY', count: 2, pattern: 'a-b' });
  assert.equal(parseOnFailure('RETRY-101'), undefined);
  assert.equal(parseOnFailure('RETRY-'), undefined);
  assert.equal(parseOnFailure(''), undefined);
});

test('any text gives a buildspec or a message, never an exception', () => {
  const piece = fc.constantFrom(
    'version: 0.2\n',
    'phases:\n',
    '  build:\n',
    '    commands:\n',
    '      - a\n',
    ': ',
    '- ',
    '[',
    '{',
    '&a ',
    '*a',
    '"',
    "'",
    '\t',
    '|',
    '\n',
    'artifacts:\n',
    '  files: x\n',
    '!!map ',
    '%',
    '? ',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const result = parseBuildspec(pieces.join(''));
      assert.ok('buildspec' in result || result.error.length > 0);
    }),
  );
});

test('an alias means the anchor before it, also where the name comes again, inside an alias too', () => {
  const text = `version: 0.2
x: &a first
y: &list [*a]
z: &a second
phases:
  build:
    commands: *list
  post_build:
    commands: [*a]
`;
  const parsed = parseBuildspec(text);
  assert.ok('buildspec' in parsed);
  const { BUILD, POST_BUILD } = parsed.buildspec.phases;
  assert.deepEqual(BUILD?.commands, ['first']);
  assert.deepEqual(POST_BUILD?.commands, ['second']);
});

test('thousands of aliases, each of a document of its own size, cost no more than reading it', () => {
  const pairs = Array.from({ length: 4000 }, (_, i) => `b${i}: &b${i} {c: *a}\n`).join('');
  const before = cpuMs();
  parseBuildspec(`version: 0.2\na: &a {x: 1}\n${pairs}phases: {build: {commands: [echo]}}\n`);
  // It was a minute; generous, for slow machines.
  assert.ok(cpuMs() - before < 10_000);
});
