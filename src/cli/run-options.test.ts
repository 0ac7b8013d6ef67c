import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BadUsage } from './errors.ts';
import { planRun, type RunOptions } from './run-options.ts';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'slipway-run-options-')));
after(() => rmSync(root, { recursive: true, force: true }));

const SPEC = 'version: 0.2\nphases:\n  build:\n    commands: ["true"]\n';
let count = 0;
function folder(buildspec: string, files: Readonly<Record<string, string>> = {}): string {
  const path = join(root, `my app ${++count}`);
  mkdirSync(join(path, 'sub'), { recursive: true });
  for (const [name, text] of Object.entries({ 'buildspec.yml': buildspec, ...files })) {
    writeFileSync(join(path, name), text);
  }
  return path;
}

function plan(source: string, more: Partial<RunOptions> = {}, file?: string) {
  return planRun(file, {
    source: [source],
    unpack: false,
    image: 'aws/codebuild/standard:7.0',
    compute: 'small',
    timeout: '60',
    privileged: false,
    runtime: 'auto',
    json: false,
    ...more,
  });
}

function refused(message: RegExp, ask: () => unknown): void {
  assert.throws(ask, (error: Error) => {
    assert.ok(error instanceof BadUsage, String(error));
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /hunter2/, 'a value is not shown');
    return true;
  });
}

test('a buildspec in the source is named as a project names it; one elsewhere is taken as text', () => {
  const source = folder(SPEC, { 'sub/other.yml': SPEC });
  const elsewhere = folder(SPEC);
  assert.equal(plan(source).buildspec, 'buildspec.yml');
  assert.equal(plan(source, { buildspec: 'sub/other.yml' }).buildspec, 'sub/other.yml');
  assert.equal(plan(source, {}, join(source, 'sub/other.yml')).buildspec, 'sub/other.yml');
  assert.equal(plan(source, {}, join(elsewhere, 'buildspec.yml')).buildspec, `${SPEC}\n`);
  assert.match(plan(source).projectName, /^my-app-\d$/);
});

test('a buildspec that is not one, is not there or is there twice', () => {
  const source = folder(SPEC);
  refused(/There is no none\.yml\. Name the buildspec: slipway run FILE/, () => plan(source, {}, 'none.yml'));
  refused(/There is no buildspec\.yml in .*sub\. Name the buildspec/, () => plan(join(source, 'sub')));
  refused(/sub is a folder\. Name the buildspec in it/, () => plan(source, {}, join(source, 'sub')));
  refused(/Two buildspecs are named, a and b\. Name one/, () => plan(source, { buildspec: 'b' }, 'a'));
  refused(/has \d+ bytes; a buildspec has at most/, () => plan(folder(`${SPEC}#${'x'.repeat(2 ** 21)}`)));
  refused(/is the definition of a pipeline\. slipway run builds a buildspec/, () =>
    plan(folder('pipeline:\n  name: p\n  stages: []\n')),
  );
  assert.equal(plan(folder('version: 0.2\nphases: {prebuild: {}}\n')).spec, undefined, 'the build tells');
});

test('sources are folders, and all but the first have an ID of their own', () => {
  const source = folder(SPEC);
  const two = (...more: string[]) => plan(source, { source: [source, ...more] });
  assert.deepEqual(two(`lib:${root}`).secondary, [{ identifier: 'lib', path: root }]);
  refused(/There is no folder \/nowhere\. Name the one to build with --source DIR/, () => plan('/nowhere'));
  refused(/is a file\. --source takes the folder/, () => plan(join(source, 'buildspec.yml')));
  refused(/x is no secondary source\. .*write the others as ID:DIR/, () => two('x'));
  refused(/Two secondary sources have the same ID/, () => two(`a:${root}`, `a:${source}`));
  const many = Array.from({ length: 13 }, (_, index) => `s${index}:${root}`);
  refused(/at most 12 secondary sources; 13 are named/, () => two(...many));
});

test('variables: literal quotes, comments, the last word wins, and values are never shown again', () => {
  const source = folder(SPEC, { env: '# no\n\nA="q"\r\nB=1=2\n', wrong: 'A=1\nhunter2\n' });
  const { variables } = plan(source, { envFile: join(source, 'env'), env: ['B=3', 'C='] });
  assert.deepEqual(variables, [
    { name: 'A', value: '"q"', type: 'PLAINTEXT' },
    { name: 'B', value: '3', type: 'PLAINTEXT' },
    { name: 'C', value: '', type: 'PLAINTEXT' },
  ]);
  refused(/^An --env is no variable\. Write NAME=VALUE/, () => plan(source, { env: ['hunter2'] }));
  refused(/^--env A-B is no variable/, () => plan(source, { env: ['A-B=hunter2'] }));
  refused(/wrong:2 is no variable\. Write NAME=VALUE/, () =>
    plan(source, { envFile: join(source, 'wrong') }),
  );
  refused(/There is no file none, which --env-file names/, () => plan(source, { envFile: 'none' }));
  refused(/which --env-file names, is a folder/, () => plan(source, { envFile: source }));
});

test('secrets come from files and the environment, and those that a buildspec wants are asked for', () => {
  const wanting = SPEC.replace(
    'phases',
    'env:\n  parameter-store: {PW: /app/pw}\n  secrets-manager: {KEY: app:key}\nphases',
  );
  const source = folder(wanting, { pw: 'line\n\n', empty: '\n', large: 'x'.repeat(9000) });
  const at = (name: string) => join(source, name);
  const { variables } = plan(source, { secret: [`PW@${at('pw')}`, `KEY@${at('large')}`] });
  assert.deepEqual(
    variables.map(({ name, value, type }) => [name, value.length, type]),
    [
      ['PW', 5, 'PARAMETER_STORE'],
      ['KEY', 9000, 'SECRETS_MANAGER'],
    ],
  );
  refused(
    /takes PW \(parameter \/app\/pw\), KEY \(secret app:key\) from AWS, .*--secret PW --secret KEY/,
    () => plan(source),
  );
  assert.equal(plan(source, { env: ['PW=a', 'KEY=b'] }).variables.length, 2, 'plain values do, too');
  refused(/A --secret is written NAME, .*never stands/, () => plan(source, { secret: ['PW=hunter2'] }));
  refused(/The environment has no NOT_THERE\. Export it, or name a file: --secret NOT_THERE@FILE/, () =>
    plan(source, { secret: ['NOT_THERE'] }),
  );
  refused(/The secret PW is empty/, () => plan(source, { secret: [`PW@${at('empty')}`] }));
  refused(/The secret PW is longer than 8192 bytes/, () => plan(source, { secret: [`PW@${at('large')}`] }));
});

test('sizes, times, runtimes and folders that cannot be, and what of the letters of AWS is refused', () => {
  const source = folder(SPEC);
  assert.equal(plan(source, { compute: 'BUILD_GENERAL1_LARGE' }).computeType, 'BUILD_GENERAL1_LARGE');
  refused(/There is no compute type huge\. Choose small, medium/, () => plan(source, { compute: 'huge' }));
  for (const timeout of ['4', '2161', 'x', '']) {
    refused(/is no time for a build\. Give minutes, from 5 to 2160/, () => plan(source, { timeout }));
  }
  refused(/There is no runtime named vm/, () => plan(source, { runtime: 'vm' }));
  const artifacts = join(source, 'buildspec.yml');
  refused(/is a file\. --artifacts takes a folder/, () => plan(source, { artifacts }));
  refused(/--mount is not offered/, () => plan(source, { mount: true }));
  refused(/never sees your AWS configuration/, () => plan(source, { profile: 'p' }));
  refused(/There is no agent image to choose/, () => plan(source, { agentImage: 'i' }));
});
