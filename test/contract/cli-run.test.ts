/** `slipway run` as people and scripts use it: real processes, what they print, leave and clear away. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { until } from '#test/support/until.ts';

const SLIPWAY = resolve(import.meta.dirname, '../../bin/slipway');
const RUN_MS_MAX = 60_000;

let directory: string;
let temporary: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'slipway-cli-run-'));
  temporary = join(directory, 'tmp');
  mkdirSync(temporary);
});
after(() => rmSync(directory, { recursive: true, force: true }));

let count = 0;
/** A folder with these files; the buildspec among them. */
function project(buildspec: object | string, files: Readonly<Record<string, string>> = {}): string {
  const folder = join(directory, `p${++count}`);
  mkdirSync(folder);
  const text = typeof buildspec === 'string' ? buildspec : JSON.stringify({ version: '0.2', ...buildspec });
  for (const [name, content] of Object.entries({ 'buildspec.yml': text, ...files })) {
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

const building = (...commands: string[]) => ({ phases: { build: { commands } } });

const environment = (more: NodeJS.ProcessEnv) => ({
  PATH: process.env['PATH'],
  HOME: directory,
  TMPDIR: temporary,
  ...more,
});

function run(cwd: string, parameters: readonly string[] = [], more: NodeJS.ProcessEnv = {}) {
  const options = { cwd, encoding: 'utf8', timeout: RUN_MS_MAX, env: environment(more) } as const;
  const { status, stdout, stderr } = spawnSync(SLIPWAY, ['run', ...parameters], options);
  return { status, stdout, stderr };
}

/** A run that goes on, with what it has printed. */
function start(cwd: string, parameters: readonly string[] = []) {
  const child = spawn(SLIPWAY, ['run', ...parameters], {
    cwd,
    env: environment({}),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (printed.stderr += text));
  const ended = new Promise<number | null>((done) => child.once('exit', done));
  const printedLine = (line: string) =>
    until(`the line ${line}`, RUN_MS_MAX, () => printed.stdout.includes(`\n${line}\n`) || undefined);
  return { child, printed, ended, printedLine };
}

const output = (stdout: string) =>
  stdout
    .slice(0, stdout.lastIndexOf('\nBuild '))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('[Container]'));

const isRunning = (mark: string) => spawnSync('pgrep', ['-f', mark]).status === 0;

test('a folder is built as it is: hidden files, links, modes and .git, and it stays as it was', () => {
  const folder = project(
    building('cat .hidden link', './tool', 'test -d .git', 'echo changed > .hidden; rm tool'),
    { '.hidden': 'hidden\n', tool: '#!/bin/sh\necho tool\n' },
  );
  chmodSync(join(folder, 'tool'), 0o755);
  symlinkSync('.hidden', join(folder, 'link'));
  mkdirSync(join(folder, '.git'));
  const { status, stdout, stderr } = run(folder);
  assert.equal(stderr, '');
  assert.deepEqual(output(stdout), ['hidden', 'hidden', 'tool']);
  assert.equal(status, 0);
  assert.match(stdout, /\nBuild SUCCEEDED in \d+\.\d s\n$/);
  assert.equal(readFileSync(join(folder, '.hidden'), 'utf8'), 'hidden\n');
  assert.equal(statSync(join(folder, 'tool')).mode & 0o777, 0o755);
  assert.deepEqual(readdirSync(temporary), [], 'nothing is left behind');
});

test('a failing command ends with 1, and the last lines say which it was', () => {
  const { status, stdout } = run(project(building('echo before', 'exit 3', 'echo never')));
  assert.equal(status, 1);
  assert.deepEqual(output(stdout), ['before']);
  assert.match(
    stdout,
    /\nBuild FAILED in .* s\n {2}BUILD FAILED: COMMAND_EXECUTION_ERROR: .*command: exit 3\. Reason: exit status 3\n$/,
  );
});

test('a buildspec with a fault fails in DOWNLOAD_SOURCE, as it would on the server', () => {
  const { status, stdout } = run(project('version: 0.2\nphases:\n  prebuild:\n    commands: [ls]\n'));
  assert.equal(status, 1);
  assert.match(stdout, / {2}DOWNLOAD_SOURCE FAILED: YAML_FILE_ERROR: Invalid buildspec phase name: prebuild/);
});

test('artifacts and raw reports come to the folders that are named, and reports are told', () => {
  const cases = '<testcase name="fine"/><testcase name="wrong"><failure message="no"/></testcase>';
  const folder = project(
    {
      ...building(
        'mkdir -p dist/bin; echo x > dist/bin/tool; chmod 755 dist/bin/tool',
        'echo second > more.txt',
      ),
      reports: { unit: { files: ['junit.xml'] } },
      artifacts: {
        files: ['**/*'],
        'base-directory': 'dist',
        'secondary-artifacts': { more: { files: ['more.txt'] } },
      },
    },
    { 'junit.xml': `<testsuite name="suite">${cases}</testsuite>` },
  );
  const out = join(directory, 'out');
  const { status, stdout } = run(folder, ['-a', out, '-r', join(directory, 'raw')]);
  assert.equal(status, 0);
  assert.match(stdout, /\n {2}report unit: 2 tests, 1 passed, 1 failed\n {4}failed: suite wrong\n/);
  assert.deepEqual(readdirSync(out).sort(), ['artifacts.zip', 'more.zip']);
  assert.match(stdout, / {2}artifact \/.*\/out\/artifacts\.zip \(\d+ bytes\)\n/);
  assert.match(readFileSync(join(directory, 'raw/unit/junit.xml'), 'utf8'), /name="wrong"/);

  const unpacked = join(directory, 'unpacked');
  assert.equal(run(folder, ['--artifacts', unpacked, '--unpack']).status, 0);
  assert.equal(readFileSync(join(unpacked, 'bin/tool'), 'utf8'), 'x\n');
  assert.equal(statSync(join(unpacked, 'bin/tool')).mode & 0o777, 0o755);
  assert.equal(readFileSync(join(unpacked, 'more/more.txt'), 'utf8'), 'second\n');

  assert.match(
    run(folder).stdout,
    /\n {2}artifacts: artifacts\.zip, more\.zip made and not kept; --artifacts DIR keeps them\n$/,
  );
});

test('variables come from a file with literal quotes, then from --env; both beat the buildspec', () => {
  const folder = project(
    { env: { variables: { A: 'spec', B: 'spec', C: 'spec' } }, ...building('echo "$A|$B|$C|$D"') },
    { variables: '# a comment\nA="quoted"\n\nB=file\nD=a=b\n' },
  );
  const { stdout } = run(folder, ['-e', join(folder, 'variables'), '--env', 'B=option', '--env', 'D=c d']);
  assert.deepEqual(output(stdout), ['"quoted"|option|spec|c d']);
});

test('secrets come from the environment and from files, in place of AWS, and no output shows them', () => {
  const folder = project(
    {
      env: {
        'parameter-store': { PASSWORD: '/app/password' },
        'secrets-manager': { TOKEN: 'app/token:key' },
      },
      ...building('echo "$PASSWORD $TOKEN $OTHER"', 'echo ${#PASSWORD} ${#TOKEN} ${#OTHER}'),
    },
    { token: 'two\nlines of a key\n' },
  );
  const parameters = [
    '--secret',
    'PASSWORD',
    '--secret',
    `TOKEN@${join(folder, 'token')}`,
    '--secret',
    'OTHER',
  ];
  const { status, stdout, stderr } = run(folder, parameters, {
    PASSWORD: 'correct horse battery',
    OTHER: 'another one',
  });
  assert.equal(stderr, '');
  assert.equal(status, 0);
  assert.match(stdout, /\n\*\*\* \*\*\*[^\n]*\n/);
  assert.ok(output(stdout).includes('21 18 11'), stdout);
  assert.doesNotMatch(stdout, /horse|lines of|another/);
});

test('the source, further sources and the buildspec may lie elsewhere', () => {
  const folder = project(building('cat here $CODEBUILD_SRC_DIR_source/there'), { here: 'here\n' });
  const library = project('', { there: 'there\n' });
  const { stdout } = run(directory, ['-s', folder, '-s', `source:${library}`]);
  assert.deepEqual(output(stdout), ['here', 'there']);
  const other = join(directory, 'other.yml');
  writeFileSync(other, JSON.stringify({ version: 0.2, ...building('echo other; cat here') }));
  const outside = run(folder, [other]);
  assert.deepEqual(output(outside.stdout), ['other', 'here']);
  assert.match(outside.stdout, /YAML location is \/codebuild\/readonly\/buildspec\.yml\n/);
});

test('--json prints one object a line, and the result as the last', () => {
  const { status, stdout } = run(project(building('echo hi; false')), ['--json']);
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map(
      (line) =>
        JSON.parse(line) as { at: number; log?: string; build?: { status: string; phases: object[] } },
    );
  assert.equal(status, 1);
  assert.ok(lines.some(({ log }) => log === 'hi'));
  assert.equal(lines.at(-1)?.build?.status, 'FAILED');
  assert.equal(lines.at(-1)?.build?.phases.length, 11);
});

test('what cannot be is refused before anything starts, with 2 and with what would help', () => {
  const folder = project(building('true'));
  const cases: readonly [string, readonly string[], RegExp][] = [
    [folder, ['none.yml'], /^slipway: There is no none\.yml\. Name the buildspec: slipway run FILE/],
    [folder, ['--secret', 'PW=hunter2'], /A --secret is written NAME, .*never stands on a command line/],
    [folder, ['-c'], /never sees your AWS configuration/],
    [folder, ['--wrong'], /^error: unknown option '--wrong'/],
    [directory, ['-b', join(folder, 'buildspec.yml')], /holds the temporary folder .*set TMPDIR/],
  ];
  for (const [cwd, parameters, message] of cases) {
    const { status, stdout, stderr } = run(cwd, parameters);
    assert.match(stderr, message);
    assert.equal(status, 2, stderr);
    assert.equal(stdout, '');
    assert.doesNotMatch(stderr, /hunter2/);
  }
  assert.deepEqual(readdirSync(temporary), []);
});

test('output comes while the build runs, and Ctrl-C ends the build with its whole tree', async () => {
  const { child, printed, ended, printedLine } = start(
    project(building('echo live', '(setsid sleep 7771 &) ; sleep 7771')),
  );
  await printedLine('live');
  await until('the command', RUN_MS_MAX, () => isRunning('sleep 7771') || undefined);
  child.kill('SIGINT');
  assert.equal(await ended, 130);
  assert.equal(isRunning('sleep 7771'), false);
  assert.match(printed.stderr, /^slipway: stopping the build; once more ends it at once\n$/);
  assert.match(printed.stdout, /\nBuild STOPPED in .* s\n {2}BUILD STOPPED/);
  assert.deepEqual(readdirSync(temporary), []);
});

test('a second signal does not wait for a build that will not end', async () => {
  const { child, ended, printed, printedLine } = start(
    project(building("trap '' TERM; echo stubborn; sleep 7772; sleep 7772; sleep 7772")),
  );
  await printedLine('stubborn');
  child.kill('SIGINT');
  await until('the first word', RUN_MS_MAX, () => printed.stderr !== '' || undefined);
  child.kill('SIGINT');
  assert.equal(await ended, 130);
  assert.equal(isRunning('sleep 7772'), false);
  assert.deepEqual(readdirSync(temporary), []);
});

test('what a killed run left behind is ended and removed by the next one', async () => {
  const { child, ended } = start(project(building('sleep 7773')));
  await until('the command', RUN_MS_MAX, () => isRunning('sleep 7773') || undefined);
  child.kill('SIGKILL');
  await ended;
  assert.equal(isRunning('sleep 7773'), true);
  assert.equal(readdirSync(temporary).length, 1);
  assert.equal(run(project(building('true'))).status, 0);
  assert.equal(isRunning('sleep 7773'), false);
  assert.deepEqual(readdirSync(temporary), []);
});

test('a reader that stops reading stops the build', async () => {
  const folder = project(building('echo first', 'while :; do echo more; sleep 0.05; done'));
  const script = `"${SLIPWAY}" run | head -n 3; echo "$PIPESTATUS"`;
  const { stdout } = spawnSync('/bin/bash', ['-c', script], {
    cwd: folder,
    encoding: 'utf8',
    timeout: RUN_MS_MAX,
    env: environment({}),
  });
  assert.match(stdout, /\n141\n$/);
  assert.deepEqual(readdirSync(temporary), []);
});
