import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AppSpec } from './app-spec.ts';
import { parseAppSpec } from './parse.ts';
import { isCovered } from './permissions.ts';

const WHOLE = `version: 0.0
os: linux
files:
  - source: /
    destination: /srv/app
file_exists_behavior: OVERWRITE
permissions:
  - object: /srv/app
    pattern: "*.sh"
    except: [skip.sh]
    type: [file]
    owner: app
    mode: 755
hooks:
  BeforeInstall:
    - location: scripts/stop.sh
      timeout: 30
      runas: root
  ValidateService:
    - location: " scripts/check.sh "
  AfterInstall:
`;

function good(text: string): AppSpec {
  const parsed = parseAppSpec(text);
  assert.ok('appSpec' in parsed, JSON.stringify(parsed));
  return parsed.appSpec;
}

function faultsOf(text: string): readonly { message: string; line?: number }[] {
  const parsed = parseAppSpec(text);
  assert.ok('faults' in parsed, 'a fault was expected');
  return parsed.faults;
}

test('a whole AppSpec file is read', () => {
  assert.deepEqual(good(WHOLE), {
    os: 'linux',
    files: [{ source: '/', destination: '/srv/app' }],
    fileExistsBehavior: 'OVERWRITE',
    permissions: [
      {
        object: '/srv/app',
        pattern: '*.sh',
        except: ['skip.sh'],
        types: ['file'],
        owner: 'app',
        group: undefined,
        mode: '755',
        acls: [],
        context: undefined,
      },
    ],
    hooks: {
      BeforeInstall: [{ location: 'scripts/stop.sh', timeoutSeconds: 30, runAs: 'root' }],
      ValidateService: [{ location: 'scripts/check.sh', timeoutSeconds: 3600, runAs: undefined }],
    },
  });
});

test('the version is a number: 0.0 and 0 pass, the text "0.0" does not', () => {
  good('version: 0\nos: linux\n');
  assert.deepEqual(faultsOf('os: linux\nversion: "0.0"\n'), [
    { message: 'The AppSpec file needs "version: 0.0", as a number without quotes; it has "0.0".', line: 2 },
  ]);
});

test('every fault is told with its line', () => {
  const faults = faultsOf(
    'version: 0.0\nos: linux\nfiles:\n  - source: a\nhooks:\n  AfterInstall:\n    - timeout: 0\n      location: x\n    - runas: root\n',
  );
  assert.deepEqual(
    faults.map(({ line }) => line),
    [4, 7, 9],
  );
  assert.match(faults[0]?.message ?? '', /needs "destination"/);
  assert.match(faults[1]?.message ?? '', /whole number of seconds above 0/);
  assert.match(faults[2]?.message ?? '', /needs "location"/);
});

test('a mode is read as it was written, and must be octal', () => {
  const text = (mode: string) => `version: 0.0\nos: linux\npermissions:\n  - object: /a\n    mode: ${mode}\n`;
  assert.equal(good(text('0644')).permissions[0]?.mode, '0644');
  assert.equal(good(text('"4755"')).permissions[0]?.mode, '4755');
  assert.equal(good(text('7')).permissions[0]?.mode, '007');
  assert.match(faultsOf(text('888'))[0]?.message ?? '', /octal/);
});

test('permissions are refused on Windows, and broken YAML, empty and foreign files are faults', () => {
  assert.match(
    faultsOf('version: 0.0\nos: windows\npermissions:\n  - object: C\n')[0]?.message ?? '',
    /Windows/,
  );
  assert.match(faultsOf('a: [')[0]?.message ?? '', /not valid YAML/);
  assert.match(faultsOf(' \n')[0]?.message ?? '', /empty/);
  assert.match(faultsOf('- 1\n')[0]?.message ?? '', /mapping/);
});

test('a pattern of one star matches immediate children only, two stars match at any depth', () => {
  const rule = good(WHOLE).permissions[0];
  assert.ok(rule);
  assert.equal(isCovered(rule, 'run.sh', 'file'), true);
  assert.equal(isCovered(rule, 'bin/run.sh', 'file'), false);
  assert.equal(isCovered(rule, 'skip.sh', 'file'), false);
  assert.equal(isCovered({ ...rule, pattern: '**' }, 'bin/run.sh', 'file'), true);
  assert.equal(isCovered({ ...rule, pattern: '**' }, 'bin', 'directory'), false);
  assert.equal(isCovered({ ...rule, pattern: 'a*b*c' }, 'axxbxxc', 'file'), true);
  assert.equal(isCovered({ ...rule, pattern: 'ab*ba' }, 'aba', 'file'), false);
});

test('no text makes the parser throw', () => {
  const words = [
    'version: 0.0',
    'os: linux',
    'files:',
    '- source: a',
    '  ',
    '\n',
    'hooks:',
    '&a',
    '*a',
    '[',
    '{',
    ': ',
  ];
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constantFrom(...words), fc.string()), { maxLength: 20 }), (parts) => {
      const parsed = parseAppSpec(parts.join(''));
      assert.ok('appSpec' in parsed || parsed.faults.length > 0);
    }),
    { numRuns: 300 },
  );
});
