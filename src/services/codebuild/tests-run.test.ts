import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { TESTS_RUN } from './tests-run.ts';

const directory = mkdtempSync(join(tmpdir(), 'slipway-tests-run-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const script = join(directory, 'codebuild-tests-run');
writeFileSync(script, TESTS_RUN, { mode: 0o755 });

interface Shard {
  readonly index: number;
  readonly total: number;
}

function run(options: readonly string[], shard?: Shard, LC_ALL?: string) {
  const { status, stdout, stderr } = spawnSync(script, options, {
    cwd: directory,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      ...(LC_ALL === undefined ? {} : { LC_ALL }),
      ...(shard && {
        CODEBUILD_BATCH_SHARD_INDEX: `${shard.index}`,
        CODEBUILD_BATCH_SHARD_TOTAL: `${shard.total}`,
      }),
    },
  });
  return { status, stderr, lines: stdout.split('\n').filter(Boolean) };
}

/** A search that finds these names, in this order. */
function search(names: readonly string[]): string {
  writeFileSync(join(directory, 'names'), names.map((name) => `${name}\n`).join(''));
  return 'cat names';
}

function parts(names: readonly string[], total: number, strategy: string): string[][] {
  return Array.from({ length: total }, (_, index) => {
    const options = ['--test-command', 'printf "%s\\n"', '--files-search', search(names)];
    const { status, lines } = run([...options, '--sharding-strategy', strategy], { index, total });
    assert.equal(status, 0);
    assert.match(lines[0] ?? '', new RegExp(`^codebuild-tests-run: part ${index + 1} of ${total} has `));
    return lines.slice(1);
  });
}

const NAMES = Array.from({ length: 20 }, (_, i) => `test/unit ${(i * 7) % 20} é'$x.test.js`);

for (const strategy of ['equal-distribution', 'stability']) {
  for (const total of [3, 5]) {
    test(`${strategy} puts every file in exactly one of ${total} parts`, () => {
      const all = parts(NAMES, total, strategy);
      assert.deepEqual(all.flat().sort(), [...NAMES].sort());
      if (strategy === 'equal-distribution') {
        const sizes = all.map((part) => part.length);
        assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, sizes.join());
      }
    });
  }
}

test('with stability a further part takes files from others, and moves none between them', () => {
  const before = parts(NAMES, 3, 'stability');
  const now = parts(NAMES, 4, 'stability');
  assert.ok((now[3]?.length ?? 0) > 0);
  now.slice(0, 3).forEach((part, i) => {
    for (const name of part) assert.ok(before[i]?.includes(name), `${name} moved to part ${i}`);
  });
});

test('equal distribution cuts the sorted names', () => {
  const all = parts(['c', 'a', 'e', 'b', 'd'], 2, 'equal-distribution');
  assert.deepEqual(all, [
    ['a', 'b'],
    ['c', 'd', 'e'],
  ]);
});

test('outside of a fan-out there is one part with all files, and the exit status is that of the tests', () => {
  const { status, lines } = run(['--test-command', 'false', '--files-search', search(['b', 'a'])]);
  assert.deepEqual([status, lines], [1, ['codebuild-tests-run: part 1 of 1 has 2 of 2 files']]);
});

test('a test command may take the files from the variable, one a line', () => {
  const command = 'printf %s "$CODEBUILD_CURRENT_SHARD_FILES" | wc -l; echo "$LC_ALL"';
  const { lines } = run(['--test-command', command, '--files-search', search(['b', 'a c'])]);
  assert.deepEqual(lines.slice(1), ['1']);
});

test('a part without files runs nothing', () => {
  const options = ['--test-command', 'echo ran', '--files-search', search(['only'])];
  const said = [0, 1].map((index) => run(options, { index, total: 2 }));
  assert.deepEqual(
    said.map(({ status, lines }) => [status, lines.slice(1)]),
    [
      [0, []],
      [0, ['ran only']],
    ],
  );
});

test('wrong use is told, and a search that fails runs nothing', () => {
  for (const [options, message] of [
    [['--files-search', 'ls'], '--test-command is missing'],
    [['--test-command', 'ls'], '--files-search is missing'],
    [['--test-command'], '--test-command needs a value'],
    [['--what', 'x'], 'unknown option --what'],
    [
      ['--test-command', 'a', '--files-search', 'ls', '--sharding-strategy', 'luck'],
      'unknown sharding strategy luck',
    ],
  ] as const) {
    const { status, stderr } = run(options);
    assert.equal(status, 2);
    assert.equal(stderr.split('\n')[0], `codebuild-tests-run: ${message}`);
  }
  const { status, lines } = run(['--test-command', 'echo ran', '--files-search', 'echo a; false']);
  assert.deepEqual([status, lines], [1, []]);
});
