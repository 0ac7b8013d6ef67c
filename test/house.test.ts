/**
 * The walls of the house: which floor may import which, what never stands on a floor, and how files are named.
 * When a test here fails, the message says which file stands wrong and which wall it breaks.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '..');
const SOURCE = join(ROOT, 'src');

/** Floors by number; a file imports only from smaller numbers or from its own folder. */
const FLOORS = [
  'base',
  'core',
  'wire',
  'agent',
  'store',
  'runtimes',
  'engine',
  'services',
  'gateway',
  'slipway.ts',
  'cli',
] as const;

/** Packages that are at home on a floor; tests may also use the test packages. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  base: [],
  core: ['re2js', 'yaml'],
  wire: ['@rgrove/parse-xml'],
  agent: ['yauzl', 'tar-stream'],
  store: ['@aws-sdk/client-s3', 'kysely', 'pg', 'yazl', 'yauzl'],
  runtimes: ['docker-modem'],
  engine: ['kysely'],
  services: ['kysely', 'nodemailer', 're2js', 'yazl'],
  gateway: [],
  'slipway.ts': [],
  cli: ['commander'],
};
const TEST_PACKAGES = /^(fast-check|node-forge$|@aws-sdk\/|@smithy\/|kysely$|pg$|yazl$|yauzl$)/;

interface SourceFile {
  /** Path below `src/`. */
  readonly path: string;
  readonly floor: string;
  readonly text: string;
  /** The text without comments, for rules about code. */
  readonly code: string;
  readonly imports: readonly string[];
  readonly isTest: boolean;
}

const files: readonly SourceFile[] = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => {
    const text = readFileSync(join(SOURCE, path), 'utf8');
    const code = withoutComments(text);
    return {
      path,
      floor: path.split('/')[0] ?? '',
      text,
      code,
      imports: [
        ...code.matchAll(/(?:^|\n)\s*(?:import|export)\b[^;'"]*?\bfrom\s*['"]([^'"]+)['"]/g),
        ...code.matchAll(/(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g),
        ...code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g),
      ].map((match) => match[1] ?? ''),
      isTest: path.endsWith('.test.ts'),
    };
  });

test('the house has files, so that the walls below mean something', () => {
  assert.ok(files.length > 20, `only ${files.length} files below src/`);
  assert.ok(files.some((file) => file.imports.length > 3));
});

test('a file imports only from lower floors or from its own folder', () => {
  const wrong: string[] = [];
  for (const file of files) {
    const here = FLOORS.indexOf(file.floor as (typeof FLOORS)[number]);
    assert.ok(here >= 0, `${file.path} stands on no floor`);
    for (const target of file.imports.map((specifier) => targetOf(file, specifier))) {
      if (!target) continue;
      const there = FLOORS.indexOf((target.split('/')[0] ?? '') as (typeof FLOORS)[number]);
      if (there > here) wrong.push(`${file.path} → ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('paths are # across floors and ./ inside a folder, never ../', () => {
  const wrong = files.flatMap((file) =>
    file.imports
      .filter((specifier) => {
        if (specifier.startsWith('../') || specifier.includes('/../')) return true;
        return (
          specifier.startsWith('#') &&
          specifier.slice(1).split('/')[0] === file.floor &&
          !acrossFolders(file, specifier)
        );
      })
      .map((specifier) => `${file.path} imports ${specifier}`),
  );
  assert.deepEqual(wrong, []);
});

test('rooms do not open into each other', () => {
  const wrong: string[] = [];
  for (const file of files.filter((candidate) => candidate.floor === 'services')) {
    const room = roomOf(file.path);
    for (const target of file.imports.map((specifier) => targetOf(file, specifier))) {
      if (!target?.startsWith('services/')) continue;
      const other = roomOf(target);
      if (other !== undefined && other !== room) wrong.push(`${file.path} → ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('no import cycles', () => {
  const graph = new Map(
    files.map((file) => [
      file.path,
      file.imports.map((specifier) => targetOf(file, specifier)).filter((target) => target !== undefined),
    ]),
  );
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const seen = trail.indexOf(path);
    if (seen >= 0) assert.fail(`cycle: ${[...trail.slice(seen), path].join(' → ')}`);
    if (done.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
});

test('packages stay on the floors where they are at home', () => {
  const wrong: string[] = [];
  for (const file of files) {
    for (const specifier of file.imports) {
      if (/^[.#]/.test(specifier) || specifier.startsWith('node:')) continue;
      const name = specifier.startsWith('@')
        ? specifier.split('/').slice(0, 2).join('/')
        : (specifier.split('/')[0] ?? '');
      if (PACKAGES[file.floor]?.includes(name)) continue;
      if (file.isTest && TEST_PACKAGES.test(name)) continue;
      // Types only, as the next test proves.
      if (file.floor === 'services' && name.startsWith('@aws-sdk/client-')) continue;
      wrong.push(`${file.path} imports ${name}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('the client packages give types only', () => {
  const wrong = files
    .filter((file) => !file.isTest)
    .filter((file) => /import\s+(?!type\b)[^;]*from\s*['"]@(aws-sdk|smithy)\//.test(file.code));
  assert.deepEqual(
    wrong.map((file) => file.path),
    [],
  );
});

test('core is pure: no node modules, no await, no clocks, no chance, no input or output', () => {
  const impure: readonly (readonly [string, RegExp])[] = [
    ['node modules', /['"]node:/],
    ['await', /\bawait\b|\basync\b/],
    ['clocks', /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.|\bset(Timeout|Interval|Immediate)\b/],
    ['chance', /\bMath\.random\b|\bcrypto\./],
    ['the process', /\bprocess\.|\bconsole\.|\bfetch\(/],
  ];
  const wrong = files
    .filter((file) => file.floor === 'core' && !file.isTest)
    .flatMap((file) =>
      impure.filter(([, pattern]) => pattern.test(file.code)).map(([what]) => `${file.path}: ${what}`),
    );
  assert.deepEqual(wrong, []);
});

test('the engine and the store name no service', () => {
  const names = /\b(codepipeline|codebuild|codecommit|codedeploy|cloudtrail)\b/i;
  const wrong = files
    .filter((file) => ['engine', 'store'].includes(file.floor) && !file.isTest && names.test(file.code))
    .map((file) => file.path);
  assert.deepEqual(wrong, []);
});

test('every source opens with what it is for', () => {
  const wrong = files
    .filter((file) => !file.isTest)
    .filter((file) => !/^(#![^\n]*\n)?\s*\/\*\*/.test(file.text))
    .map((file) => file.path);
  assert.deepEqual(wrong, []);
});

test('names are kebab-case nouns, and none is a drawer for everything', () => {
  const wrong = files
    .map((file) => file.path)
    .filter((path) => {
      const name = basename(path).replace(/(\.test)?\.ts$/, '');
      return !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) || /^(utils?|common|misc|helpers?|.*manager)$/.test(name);
    });
  assert.deepEqual(wrong, []);
});

test('no any, no leftover notes, no commented-out suppression', () => {
  const wrong = files.flatMap((file) => {
    const found: string[] = [];
    if (/(:|<|\bas)\s*any\b/.test(file.code)) found.push(`${file.path}: any`);
    if (/\b(TODO|FIXME|XXX)\b/.test(file.text))
      found.push(`${file.path}: a note instead of a gap or an issue`);
    if (/@ts-(ignore|nocheck)/.test(file.text)) found.push(`${file.path}: @ts-ignore`);
    return found;
  });
  assert.deepEqual(wrong, []);
});

test('the lock file names no download addresses', () => {
  assert.doesNotMatch(
    readFileSync(join(ROOT, 'package-lock.json'), 'utf8'),
    /"resolved"|https?:\/\/[^"]*\.tgz/,
  );
});

/** The file below `src/` that a specifier means, or `undefined` for packages and node modules. */
function targetOf(file: SourceFile, specifier: string): string | undefined {
  if (specifier === '#slipway') return 'slipway.ts';
  if (specifier.startsWith('#test/')) return undefined;
  if (specifier.startsWith('#')) return specifier.slice(1);
  if (specifier.startsWith('.')) return relative(SOURCE, resolve(SOURCE, dirname(file.path), specifier));
  return undefined;
}

/** `./` cannot reach a sibling folder, so `#services/service.ts` from inside a room is right. */
function acrossFolders(file: SourceFile, specifier: string): boolean {
  const target = targetOf(file, specifier) ?? '';
  return !`${dirname(target)}/`.startsWith(`${dirname(file.path)}/`);
}

function roomOf(path: string): string | undefined {
  const parts = path.split('/');
  return parts.length > 2 ? parts[1] : undefined;
}

/** Good enough for rules: strings that hold comment marks are rare, and a false alarm is seen at once. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`\\])\/\/[^\n]*/g, '$1');
}
