/** CodeBuild §5.4: runtimes that the buildspec selects, as far as this machine has them. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { connectBuilds, contextOf, createBuildRole, type BuildClients } from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

let house: TestHouse;
let clients: BuildClients;
before(async () => {
  house = await createTestHouse();
  clients = connectBuilds(house);
  await createBuildRole(clients.iam);
});
after(async () => {
  clients.close();
  await house.close();
});

let count = 0;
async function run(
  runtimes: Readonly<Record<string, string | number>>,
  commands: readonly string[],
  more: object = {},
) {
  const name = `runtime-${++count}`;
  await clients.createProject(
    name,
    JSON.stringify({
      version: '0.2',
      phases: { install: { 'runtime-versions': runtimes }, build: { commands } },
      ...more,
    }),
  );
  return clients.run(name);
}

const versionOf = (program: string, ...question: string[]) =>
  existsSync(program) ? execFileSync(program, question, { encoding: 'utf8' }).trim() : undefined;
const node = versionOf('/usr/bin/node', '-p', 'process.versions.node');
const python = versionOf('/usr/bin/python3', '-c', 'import platform; print(platform.python_version())');
const ruby = versionOf('/usr/bin/ruby', '-e', 'print RUBY_VERSION');
const go = versionOf('/usr/local/go/bin/go', 'env', 'GOVERSION')?.slice(2);
const hasJava = existsSync('/usr/lib/jvm');

test('scenario 33: a runtime or version that is not there is told with those that are', async (context) => {
  if (!node) return context.skip('no Node.js in /usr/bin');
  const build = await run({ nodejs: 5 }, ['true']);
  assert.match(
    contextOf(build) ?? '',
    /^YAML_FILE_ERROR: Unknown runtime version named '5' of nodejs\. This build image has the following versions: \d+(, \d+)*$/,
  );
  assert.match(
    contextOf(await run({ cobol: 'latest' }, ['true'])) ?? '',
    /^YAML_FILE_ERROR: Unknown runtime named 'cobol'\. This build image has the following runtimes: .*nodejs/,
  );
});

test('scenario 42: Node.js and Python in the version that a variable and an x choose', async (context) => {
  if (!node || !python) return context.skip('needs Node.js and Python in /usr/bin');
  const build = await run(
    { nodejs: '$NODE', python: '3.x' },
    [
      'node -p process.versions.node',
      'python -c "import platform; print(platform.python_version())"',
      'pip --version | cut -d " " -f 1',
    ],
    { env: { variables: { NODE: node.split('.')[0] } } },
  );
  assert.equal(contextOf(build), undefined);
  const [said, snake = '', pip] = await clients.output(build);
  assert.equal(said, node);
  assert.match(snake, /^3\./);
  if (pip !== undefined) assert.equal(pip, 'pip');
  const log = await clients.log(build);
  assert.ok(
    log.some((line) =>
      line.endsWith(
        `Selecting 'nodejs' runtime version '${node.split('.')[0]}' based on manual selections...`,
      ),
    ),
  );
  assert.ok(!log.some((line) => line.includes('No runtime version selected')));
});

test('scenario 42: a Java project is compiled and run', async (context) => {
  if (!hasJava) return context.skip('no Java');
  const build = await run({ java: 'latest' }, [
    'echo "class Hello { public static void main(String[] a) { System.out.println(\\"hello \\" + System.getProperty(\\"java.home\\")); } }" > Hello.java',
    'javac Hello.java && java -cp . Hello && echo "hello $JAVA_HOME"',
  ]);
  assert.equal(contextOf(build), undefined);
  const [first, second] = await clients.output(build);
  assert.match(first ?? '', /^hello \/usr\/lib\/jvm\//);
  assert.equal(first, second);
});

test('scenario 42: a Go project is built', async (context) => {
  if (!go) return context.skip('no Go in /usr/local/go');
  const build = await run({ golang: go.split('.').slice(0, 2).join('.') }, [
    'printf "module hello\\n" > go.mod; printf "package main\\nfunc main() { println(\\"hello\\") }\\n" > main.go',
    'go version | cut -d " " -f 3',
    'GOFLAGS=-mod=mod GOTOOLCHAIN=local go build -o hello . && ./hello',
  ]);
  assert.equal(contextOf(build), undefined);
  assert.deepEqual(await clients.output(build), [`go${go}`, 'hello']);
});

test('scenario 42: a Ruby project is run', async (context) => {
  if (!ruby) return context.skip('no Ruby in /usr/bin');
  const build = await run({ ruby: ruby.split('.').slice(0, 2).join('.') }, ['ruby -e "puts RUBY_VERSION"']);
  assert.equal(contextOf(build), undefined);
  assert.deepEqual(await clients.output(build), [ruby]);
});
