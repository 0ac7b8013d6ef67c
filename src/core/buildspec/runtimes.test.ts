import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseRuntime, expandVersion, type RuntimeTable } from './runtimes.ts';

const runtime = (version: string) => ({ version, program: `/usr/bin/${version}` });
const table: RuntimeTable = {
  nodejs: [runtime('20.9.0'), runtime('18.19.1'), runtime('20.11.1')],
  python: [runtime('3.9.18'), runtime('3.11.2')],
  java: [runtime('17.0.18'), runtime('25.0.1')],
  php: [],
};
const chosen = (name: string, wanted: string) => {
  const choice = chooseRuntime(name, wanted, table);
  return 'error' in choice ? choice.error : choice.version;
};

test('versions are chosen exactly, by their first numbers, by x and as the latest', () => {
  assert.equal(chosen('nodejs', '20'), '20.11.1');
  assert.equal(chosen('nodejs', '20.9'), '20.9.0');
  assert.equal(chosen('nodejs', '18.x'), '18.19.1');
  assert.equal(chosen('nodejs', 'latest'), '20.11.1');
  assert.equal(chosen('python', '3.x'), '3.11.2');
  assert.equal(chosen('python', '3.9'), '3.9.18');
  assert.equal(chosen('java', 'corretto17'), '17.0.18');
  assert.equal(chosen('java', 'latest'), '25.0.1');
});

test('what is not there is told with what is', () => {
  assert.equal(
    chosen('nodejs', '5'),
    "Unknown runtime version named '5' of nodejs. This build image has the following versions: 20, 18",
  );
  assert.equal(
    chosen('python', '3.1'),
    "Unknown runtime version named '3.1' of python. This build image has the following versions: 3.11, 3.9",
  );
  assert.equal(
    chosen('java', 'corretto8'),
    "Unknown runtime version named 'corretto8' of java. This build image has the following versions: openjdk25, openjdk17",
  );
  for (const name of ['php', 'cobol', 'constructor']) {
    assert.equal(
      chosen(name, '1'),
      `Unknown runtime named '${name}'. This build image has the following runtimes: java, nodejs, python`,
    );
  }
  for (const strange of ['', 'x', '.x', '20.', 'v20', '20.x.x'])
    assert.match(chosen('nodejs', strange), /^Unknown/);
});

test('a version may be a variable of the build', () => {
  const variables = new Map([['NODE', '20']]);
  assert.equal(expandVersion('$NODE', variables), '20');
  assert.equal(expandVersion('${NODE}', variables), '20');
  assert.equal(expandVersion('$OTHER', variables), '');
  assert.equal(expandVersion('18.x', variables), '18.x');
});
