/** `slipway check`: every fault of a definition with its place, before anything is created. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';

const SLIPWAY = resolve(import.meta.dirname, '../../bin/slipway');

let directory: string;
before(() => void (directory = mkdtempSync(join(tmpdir(), 'slipway-check-'))));
after(() => rmSync(directory, { recursive: true, force: true }));

function check(...parameters: string[]) {
  const { status, stdout, stderr } = spawnSync(SLIPWAY, ['check', ...parameters], {
    encoding: 'utf8',
    timeout: 30_000,
    cwd: directory,
    env: { PATH: process.env['PATH'], HOME: directory },
  });
  return { status, stdout, stderr };
}

function write(name: string, content: string): string {
  writeFileSync(join(directory, name), content);
  return name;
}

const GOOD = `
pipeline:
  name: web
  roleArn: arn:aws:iam::123456789012:role/pipeline
  artifactStore: { type: S3, location: artifacts }
  stages:
    - name: Source
      actions:
        - name: Fetch
          actionTypeId: { category: Source, owner: AWS, provider: CodeCommit, version: '1' }
          configuration: { RepositoryName: web, BranchName: main }
          outputArtifacts: [{ name: Code }]
    - name: Build
      actions:
        - name: Compile
          actionTypeId: { category: Build, owner: AWS, provider: CodeBuild, version: '1' }
          configuration:
            ProjectName: web
          inputArtifacts:
            - name: Code
`;

test('a right definition is told so, and the exit code is 0', () => {
  const { status, stdout, stderr } = check(write('good.yaml', GOOD));
  assert.deepEqual(
    [status, stdout, stderr],
    [0, 'good.yaml: a pipeline definition, and nothing is wrong with it\n', ''],
  );
});

test('every fault is told with file, line and column, code, text, and what was probably meant', () => {
  const bad = GOOD.replace('name: web\n', 'name: my web\n')
    .replace("provider: CodeCommit, version: '1'", 'provider: CodeComit, version: 1')
    .replace('ProjectName: web', 'ProjectNam: "#{Nope.X}"')
    .replace('- name: Code', '- name: Cod')
    .replace('    - name: Build\n', '    - name: Build\n      color: red\n');
  const { status, stdout } = check(write('bad.yaml', bad));
  assert.equal(status, 1);
  assert.deepEqual(stdout.split('\n'), [
    "bad.yaml:3:9 ValidationException: Value 'my web' at 'pipeline.name' failed to satisfy constraint: Member must satisfy regular expression pattern: [A-Za-z0-9.@\\-_]+",
    "bad.yaml:10:11 InvalidActionDeclarationException: ActionType (Category: 'Source', Provider: 'CodeComit', Owner: 'AWS', Version: '1') in action 'Fetch' is not available in region US_EAST_1 (did you mean CodeCommit?)",
    "bad.yaml:10:87 SerializationException: The value at 'pipeline.stages.1.member.actions.1.member.actionTypeId.version' is not a string. (write it in quotes)",
    "bad.yaml:14:14 UnknownParameter: Unknown parameter 'color' in 'pipeline.stages.2.member'",
    "bad.yaml:18:11 InvalidActionDeclarationException: Action configuration for action 'Compile' is missing required configuration 'ProjectName'",
    "bad.yaml:19:25 InvalidActionDeclarationException: Action configuration for action 'Compile' contains unknown configuration 'ProjectNam' (did you mean ProjectName?)",
    'bad.yaml:19:25 InvalidActionDeclarationException: Valid format for a pipeline execution variable reference is a namespace and a key separated by a period (.). The following pipeline execution variables are referencing a namespace that does not exist. StageName=[Build], ActionName=[Compile], ActionConfigurationKey=[ProjectNam], VariableReferenceText=[#{Nope.X}]',
    'bad.yaml:21:21 InvalidActionDeclarationException: Input Artifact Bundle Cod in action Compile is not declared as Output Artifact Bundle in any of the preceding actions (did you mean Code?)',
    '',
  ]);
});

test('a bare declaration in JSON is a definition too, and --json prints findings as JSON', () => {
  const declaration = {
    name: 'web',
    roleArn: 'arn:aws:iam::123456789012:role/pipeline',
    artifactStore: { type: 'S3', location: 'artifacts' },
    stages: [],
  };
  const { status, stdout } = check('--json', write('bare.json', JSON.stringify(declaration, undefined, 2)));
  assert.equal(status, 1);
  assert.deepEqual(JSON.parse(stdout), [
    {
      file: 'bare.json',
      line: 8,
      column: 3,
      code: 'InvalidStructureException',
      message: 'Pipeline has only 0 stage(s). There should be a minimum of 2 stages in a pipeline',
      path: ['stages'],
    },
  ]);
});

test('several files are checked, and one that is wrong, missing or something else fails them all', () => {
  const { status, stdout } = check(
    write('good.yaml', GOOD),
    write('comma.json', '{\n  "pipeline": {},\n}\n'),
    write('list.yaml', '- a\n- b\n'),
    'missing.yaml',
  );
  assert.equal(status, 1);
  assert.deepEqual(stdout.split('\n'), [
    'good.yaml: a pipeline definition, and nothing is wrong with it',
    'comma.json:3:1 SyntaxError: This is not JSON: Expected double-quoted property name',
    'list.yaml:1:1 UnknownKind: This is neither a pipeline definition nor a buildspec nor an AppSpec file',
    'missing.yaml:1:1 Unreadable: There is no such file',
    '',
  ]);
});

test('broken shape does not hide what single actions say about themselves', () => {
  const bad = GOOD.replace(
    '          outputArtifacts: [{ name: Code }]\n',
    '          outputArtifacts: [{ label: Code }]\n',
  ).replace('ProjectName: web', 'Project: web');
  const { stdout } = check(write('shape.yaml', bad));
  assert.deepEqual(
    stdout.split('\n').map((line) => line.split(':').slice(0, 4).join(':').trim()),
    [
      "shape.yaml:12:29 ValidationException: Value null at 'pipeline.stages.1.member.actions.1.member.outputArtifacts.1.member.name' failed to satisfy constraint",
      "shape.yaml:12:38 UnknownParameter: Unknown parameter 'label' in 'pipeline.stages.1.member.actions.1.member.outputArtifacts.1.member'",
      "shape.yaml:17:11 InvalidActionDeclarationException: Action configuration for action 'Compile' is missing required configuration 'ProjectName'",
      "shape.yaml:18:22 InvalidActionDeclarationException: Action configuration for action 'Compile' contains unknown configuration 'Project'",
      '',
    ].map((line) => line.split(':').slice(0, 4).join(':').trim()),
  );
});

test('the quotas and the region of the server may be named', () => {
  const stages = Array.from({ length: 10 }, (_, index) => {
    return `    - { name: S${index}, actions: [{ name: Ask, actionTypeId: { category: Approval, owner: AWS, provider: Manual, version: '1' } }] }\n`;
  });
  const file = write('many.yaml', GOOD + stages.join(''));
  assert.match(check(file).stdout, /Pipeline has 12 stages\. The maximum number of stages is 10/);
  assert.equal(check('--quotas', 'aws', file).status, 0);
  const { status, stderr } = check('--quotas', 'gcp', file);
  assert.deepEqual([status, stderr], [1, 'slipway: There are no quotas named gcp. Choose seed or aws.\n']);
  const elsewhere = write('unknown.yaml', GOOD.replace('CodeCommit', 'Mercurial'));
  assert.match(check('--region', 'eu-west-1', elsewhere).stdout, /is not available in region EU_WEST_1/);
});

test("custom action types are the server's to know", () => {
  const custom = GOOD.replace('owner: AWS, provider: CodeBuild', 'owner: Custom, provider: Jenkins').replace(
    'ProjectName: web',
    'Anything: goes',
  );
  assert.equal(check(write('custom.yaml', custom)).status, 0);
});

test('what stands in a file cannot steer the terminal', () => {
  const { stdout } = check(write('escape.yaml', GOOD.replace('name: web\n', 'name: "a\\u001b[31m\\nb"\n')));
  assert.match(stdout, /^escape\.yaml:3:9 ValidationException: Value 'a \[31m b' at 'pipeline\.name' failed/);
});

test('an action whose service is not in the house is a warning', () => {
  const ecs = GOOD.replace(
    'category: Build, owner: AWS, provider: CodeBuild',
    'category: Deploy, owner: AWS, provider: ECS',
  ).replace('ProjectName: web', '{ ClusterName: c, ServiceName: s }');
  const { status, stdout } = check(write('ecs.yaml', ecs));
  assert.equal(status, 0);
  assert.equal(
    stdout,
    'ecs.yaml:16:67 NotCarried: This Slipway does not carry Amazon ECS yet: the action Compile will fail when it runs\n',
  );
});

test('buildspecs and AppSpec files are checked as builds and agents read them', () => {
  const buildspec = 'version: 0.2\nphases:\n  build:\n    commands: [make]\n';
  const right = check(write('buildspec.yml', buildspec));
  assert.deepEqual(
    [right.status, right.stdout],
    [0, 'buildspec.yml: a buildspec, and nothing is wrong with it\n'],
  );
  const ignored = check(write('ignored.yml', `${buildspec}colour: red\n`));
  assert.equal(ignored.status, 0, 'what is only ignored fails nothing');
  assert.equal(ignored.stdout, "ignored.yml:5:1 Ignored: unknown key 'colour' at line 5 is ignored\n");
  const repeated = check(write('repeated.yml', `${buildspec}version: 0.2\n`));
  assert.equal(repeated.stdout, "repeated.yml:5:1 Ignored: key 'version' is repeated at line 5\n");
  const wrong = check(write('wrong.yml', buildspec.replace('0.2', '0.9')));
  assert.equal(wrong.status, 1);
  assert.match(wrong.stdout, /^wrong\.yml:1:1 YAML_FILE_ERROR: .*version/i);

  const batch = `${buildspec}batch:\n  build-graph:\n    - identifier: a\n      depend-on: [b]\n`;
  const unknown = check(write('batch.yml', batch));
  assert.equal(unknown.status, 1);
  assert.equal(
    unknown.stdout,
    'batch.yml:6:1 YAML_FILE_ERROR: The build a depends on b, which does not exist, in build-graph at line 6\n',
  );
  const alone = check(write('alone.yml', batch.replace(/phases:[^]*?(?=batch)/, '').replace('[b]', '[]')));
  assert.equal(alone.stdout, 'alone.yml: a buildspec, and nothing is wrong with it\n');

  const appspec = 'version: 0.0\nos: linux\nfiles:\n  - source: /\n    destination: /opt/app\n';
  assert.equal(
    check(write('appspec.yml', appspec)).stdout,
    'appspec.yml: an AppSpec file, and nothing is wrong with it\n',
  );
  const old = check(write('old.yml', appspec.replace('linux', 'solaris')));
  assert.equal(old.status, 1);
  assert.match(old.stdout, /^old\.yml:2:1 InvalidAppSpec: .*os/);
});
