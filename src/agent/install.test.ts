import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { install } from './install.ts';
import { createLayout } from './layout.ts';
import type { Specification } from './specification.ts';

type Tree = Readonly<Record<string, string>>;

/** A host with an agent's root and a destination; `deploy` installs a tree of files as the next version. */
function createHost(t: TestContext) {
  const base = mkdtempSync(join(tmpdir(), 'slipway-install-'));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  const layout = createLayout(join(base, 'root'));
  const destination = join(base, 'srv', 'app');
  let count = 0;

  function unpacked(files: Tree, more = ''): Specification {
    count += 1;
    const specification: Specification = {
      deploymentId: `d-${count}`,
      groupId: 'group-1',
      groupName: 'Group',
      applicationName: 'App',
      appSpecFilename: 'appspec.yml',
      fileExistsBehavior: 'DISALLOW',
      revision: { bucket: 'b', key: 'k', bundleType: 'zip', version: undefined, eTag: undefined },
    };
    const { archive } = layout.deployment('group-1', specification.deploymentId);
    const appSpec = `version: 0.0\nos: linux\nfiles:\n  - source: content\n    destination: ${destination}\n${more}`;
    for (const [name, text] of Object.entries({ 'appspec.yml': appSpec, ...files })) {
      mkdirSync(dirname(join(archive, name)), { recursive: true });
      writeFileSync(join(archive, name), text);
    }
    return specification;
  }

  const plannedOf = ({ deploymentId }: Specification) => join(base, 'commands', deploymentId, 'plan.json');
  return {
    base,
    layout,
    destination,
    unpacked,
    plannedOf,
    deploy: async (files: Tree, more = '', change: Partial<Specification> = {}) => {
      const specification = { ...unpacked(files, more), ...change };
      await install(layout, specification, plannedOf(specification));
    },
    read: (name: string) => readFileSync(join(destination, name), 'utf8'),
    has: (name: string) => existsSync(join(destination, name)),
    cleanup: () => readFileSync(layout.cleanupFile('group-1'), 'utf8').trim().split('\n'),
  };
}

test('the next version replaces the last one: what is gone is removed, what scripts made stays', async (t) => {
  const host = createHost(t);
  await host.deploy({ 'content/a': 'a1', 'content/b': 'b1', 'content/old/x': 'x' });
  writeFileSync(join(host.destination, 'made-by-script'), 'kept');
  await host.deploy({ 'content/b': 'b2', 'content/c/d': 'd2' });
  assert.deepEqual(
    [host.has('a'), host.read('b'), host.read('c/d'), host.has('old')],
    [false, 'b2', 'd2', false],
  );
  assert.equal(host.read('made-by-script'), 'kept');
  assert.deepEqual(host.cleanup(), [
    dirname(host.destination),
    host.destination,
    ...['b', 'c', 'c/d'].map((name) => join(host.destination, name)),
  ]);
  assert.equal(
    readFileSync(host.layout.lastSuccessfulInstall('group-1'), 'utf8'),
    host.layout.deployment('group-1', 'd-2').directory,
  );
});

test('a foreign file in the way: DISALLOW touches nothing, OVERWRITE replaces, RETAIN keeps and does not own', async (t) => {
  const host = createHost(t);
  await host.deploy({ 'content/a': 'a1' });
  writeFileSync(join(host.destination, 'b'), 'foreign');
  await assert.rejects(host.deploy({ 'content/a': 'a2', 'content/b': 'b2' }), /already exists at .*b, and/);
  assert.deepEqual([host.read('a'), host.read('b')], ['a1', 'foreign']);
  await host.deploy({ 'content/a': 'a3', 'content/b': 'b3' }, '', { fileExistsBehavior: 'RETAIN' });
  assert.deepEqual([host.read('a'), host.read('b')], ['a3', 'foreign']);
  assert.ok(!host.cleanup().includes(join(host.destination, 'b')));
  await host.deploy({ 'content/b': 'b4' }, 'file_exists_behavior: OVERWRITE\n');
  assert.deepEqual([host.has('a'), host.read('b')], [false, 'b4']);
});

test('a crash at any step of an Install is made good by doing it again', async (t) => {
  const host = createHost(t);
  await host.deploy({ 'content/a': 'a1', 'content/b': 'b1', 'content/d/e': 'e1' });
  const next = host.unpacked({ 'content/b': 'b2', 'content/c': 'c2', 'content/d': 'a file now' });
  // Everything up to the middle of the copies, by hand: the plan is written, one file is there, one is half there.
  await install(host.layout, next, host.plannedOf(next));
  writeFileSync(
    host.layout.cleanupFile('group-1'),
    readFileSync(host.layout.cleanupFile('group-1'), 'utf8') + '/cut',
  );
  rmSync(join(host.destination, 'c'));
  writeFileSync(join(host.destination, '.c.slipway-new'), 'half');
  mkdirSync(join(host.destination, 'a-left-over'), { recursive: true });
  await install(host.layout, next, host.plannedOf(next));
  assert.deepEqual(
    [host.has('a'), host.read('b'), host.read('c'), host.read('d'), host.has('.c.slipway-new')],
    [false, 'b2', 'c2', 'a file now', false],
  );
});

test('modes and links are kept, and permissions are set on what is installed', async (t) => {
  const host = createHost(t);
  const rules = `permissions:\n  - object: ${host.destination}\n    pattern: "*.sh"\n    mode: 750\n    type: [file]\n`;
  const specification = host.unpacked({ 'content/run.sh': 'x', 'content/plain': 'y' }, rules);
  const { archive } = host.layout.deployment('group-1', specification.deploymentId);
  symlinkSync('plain', join(archive, 'content', 'link'));
  await install(host.layout, specification, host.plannedOf(specification));
  assert.equal(statSync(join(host.destination, 'run.sh')).mode & 0o777, 0o750);
  assert.ok(lstatSync(join(host.destination, 'link')).isSymbolicLink());
  assert.equal(readlinkSync(join(host.destination, 'link')), 'plain');
});

test('a missing source, a source outside and two files for one place are refused', async (t) => {
  const host = createHost(t);
  const with_ = (source: string) => `  - source: ${source}\n    destination: ${host.destination}\n`;
  await assert.rejects(host.deploy({ 'content/a': '1' }, with_('nowhere')), /does not exist in the bundle/);
  await assert.rejects(host.deploy({ 'content/a': '1' }, with_('../../x')), /outside of the bundle/);
  await assert.rejects(host.deploy({ 'content/a': '1', 'other/a': '2' }, with_('other')), /two files/);
  assert.equal(existsSync(host.destination), false);
});
