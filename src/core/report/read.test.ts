import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatOfJson, formatOfXml, readReport } from './read.ts';
import {
  mergeFiles,
  percentage,
  ReportUnreadable,
  summarizeTests,
  worstFirst,
  type ReportFormat,
  type TestCase,
} from './report.ts';
import { trendStats, trendValue } from './trend.ts';
import type { XmlNode } from './tree.ts';

/** An element in few words: `node('a', { x: '1' }, [node('b')])`, or with a text instead of children. */
function node(
  name: string,
  attributes: Readonly<Record<string, string>> = {},
  inside: readonly XmlNode[] | string = [],
): XmlNode {
  return typeof inside === 'string'
    ? { name, attributes, children: [], text: inside }
    : { name, attributes, children: inside, text: '' };
}

const read = (format: ReportFormat, xml: XmlNode | undefined, json?: unknown) =>
  readReport(format, {
    xml: () => {
      if (!xml) throw new ReportUnreadable('no XML');
      return xml;
    },
    json: () => json,
  });
const shown = (cases: readonly TestCase[]) =>
  cases.map((each) => [each.prefix, each.name, each.status, each.nanoseconds, each.message]);

test('JUnit: nested suites, the class or else the suite as prefix, times with commas', () => {
  const { cases } = read(
    'JUNITXML',
    node('testsuites', {}, [
      node('testsuite', { name: 'outer' }, [
        node('testsuite', { name: 'inner' }, [
          node('testcase', { name: 'a', classname: 'C', time: '1,234.5' }),
          node('testcase', { name: 'b', time: '0.25' }, [node('failure', { message: 'no' }, 'at line 1')]),
          node('testcase', { name: 'c', time: 'x' }, [node('error', {}, ' broke ')]),
        ]),
        node('testcase', { name: 'd' }, [node('skipped')]),
      ]),
    ]),
  );
  assert.deepEqual(shown(cases), [
    ['C', 'a', 'SUCCEEDED', 1_234_500_000_000, ''],
    ['inner', 'b', 'FAILED', 250_000_000, 'no\nat line 1'],
    ['inner', 'c', 'ERROR', 0, 'broke'],
    ['outer', 'd', 'SKIPPED', 0, ''],
  ]);
  assert.deepEqual(
    cases.map((each) => each.suite),
    ['inner', 'inner', 'inner', 'outer'],
  );
});

test('NUnit 2: results of suites in suites', () => {
  const result = (attributes: object, inside: XmlNode[] = []) =>
    node('test-case', { name: 't', time: '0.5', ...attributes }, inside);
  const { cases } = read(
    'NUNITXML',
    node('test-results', {}, [
      node('test-suite', { name: 'N' }, [
        node('results', {}, [
          node('test-suite', { name: 'M' }, [
            result({ result: 'Success' }),
            result({ result: 'Failure' }, [
              node('failure', {}, [node('message', {}, 'm'), node('stack-trace', {}, 's')]),
            ]),
            result({ result: 'Error' }),
            result({ result: 'Ignored' }, [node('reason', {}, [node('message', {}, 'why')])]),
            result({ result: 'Inconclusive' }),
            result({ result: 'Success', executed: 'False' }),
            result({ executed: 'True', success: 'False' }),
          ]),
        ]),
      ]),
    ]),
  );
  assert.deepEqual(
    cases.map((each) => [each.prefix, each.status, each.message]),
    [
      ['N.M', 'SUCCEEDED', ''],
      ['N.M', 'FAILED', 'm\ns'],
      ['N.M', 'ERROR', ''],
      ['N.M', 'SKIPPED', 'why'],
      ['N.M', 'UNKNOWN', ''],
      ['N.M', 'SKIPPED', ''],
      ['N.M', 'FAILED', ''],
    ],
  );
});

test('NUnit 3: an error is a failure with a label', () => {
  const result = (attributes: Record<string, string>) =>
    node('test-case', { name: 't', classname: 'N.C', duration: '0.001', ...attributes });
  const { cases } = read(
    'NUNIT3XML',
    node('test-run', {}, [
      node('test-suite', {}, [
        result({ result: 'Passed' }),
        result({ result: 'Failed' }),
        result({ result: 'Failed', label: 'Error' }),
        result({ result: 'Skipped' }),
        result({ result: 'Inconclusive' }),
        result({ result: 'Warning' }),
      ]),
    ]),
  );
  assert.deepEqual(
    cases.map((each) => each.status),
    ['SUCCEEDED', 'FAILED', 'ERROR', 'SKIPPED', 'UNKNOWN', 'SUCCEEDED'],
  );
  assert.deepEqual([cases[0]?.prefix, cases[0]?.nanoseconds], ['N.C', 1_000_000]);
});

test('TestNG: methods of classes; preparing methods are no cases', () => {
  const { cases } = read(
    'TESTNGXML',
    node('testng-results', {}, [
      node('suite', { name: 'S' }, [
        node('test', { name: 'T' }, [
          node('class', { name: 'C' }, [
            node('test-method', { name: 'setUp', 'is-config': 'true', status: 'PASS' }),
            node('test-method', { name: 'good', status: 'PASS', 'duration-ms': '12' }),
            node('test-method', { name: 'bad', status: 'FAIL' }, [
              node('exception', {}, [node('message', {}, '\n no \n'), node('full-stacktrace', {}, 'trace')]),
            ]),
          ]),
        ]),
      ]),
    ]),
  );
  assert.deepEqual(shown(cases), [
    ['C', 'good', 'SUCCEEDED', 12_000_000, ''],
    ['C', 'bad', 'FAILED', 0, 'no\ntrace'],
  ]);
  assert.equal(cases[0]?.suite, 'S');
});

test('TRX: results find their class by the id of their test', () => {
  const { cases } = read(
    'VISUALSTUDIOTRX',
    node('TestRun', {}, [
      node('Results', {}, [
        node('UnitTestResult', {
          testId: '1',
          testName: 'A',
          outcome: 'Passed',
          duration: '00:01:02.5000000',
        }),
        node('UnitTestResult', { testId: '2', testName: 'B', outcome: 'Failed' }, [
          node('Output', {}, [
            node('ErrorInfo', {}, [node('Message', {}, 'm'), node('StackTrace', {}, 's')]),
          ]),
        ]),
        node('UnitTestResult', { testId: '9', testName: 'C', outcome: 'NotExecuted' }),
      ]),
      node('TestDefinitions', {}, [
        node('UnitTest', { id: '1' }, [node('TestMethod', { className: 'N.K, assembly' })]),
        node('UnitTest', { id: '2' }, [node('TestMethod', { className: 'N.L' })]),
      ]),
    ]),
  );
  assert.deepEqual(shown(cases), [
    ['N.K', 'A', 'SUCCEEDED', 62_500_000_000, ''],
    ['N.L', 'B', 'FAILED', 0, 'm\ns'],
    ['', 'C', 'SKIPPED', 0, ''],
  ]);
});

test('Cucumber: the steps of a scenario and of its background decide', () => {
  const steps = (...statuses: string[]) =>
    statuses.map((status) => ({ result: { status, duration: 10, error_message: status } }));
  const { cases } = read('CUCUMBERJSON', undefined, [
    {
      keyword: 'Feature',
      name: 'F',
      elements: [
        { type: 'background', steps: steps('passed') },
        { type: 'scenario', name: 'good', steps: steps('passed', 'passed') },
        { type: 'scenario', name: 'bad', steps: steps('passed', 'failed', 'skipped') },
        { type: 'scenario', name: 'open', steps: steps('undefined') },
        { type: 'scenario', name: 'later', steps: steps('pending') },
        { type: 'scenario', name: 'empty' },
      ],
    },
  ]);
  assert.deepEqual(shown(cases), [
    ['F', 'good', 'SUCCEEDED', 30, ''],
    ['F', 'bad', 'FAILED', 30, 'failed'],
    ['F', 'open', 'ERROR', 10, ''],
    ['F', 'later', 'SKIPPED', 10, ''],
    ['F', 'empty', 'UNKNOWN', 0, ''],
  ]);
});

const file = (path: string, ...[a = 0, b = 0, c = 0, d = 0]: number[]) => ({
  path,
  linesCovered: a,
  linesMissed: b,
  branchesCovered: c,
  branchesMissed: d,
});

test('JaCoCo: the counters of source files', () => {
  const { files } = read(
    'JACOCOXML',
    node('report', {}, [
      node('group', {}, [
        node('package', { name: 'a/b' }, [
          node('class', {}, [node('counter', { type: 'LINE', missed: '9', covered: '9' })]),
          node('sourcefile', { name: 'X.java' }, [
            node('line', { nr: '1' }),
            node('counter', { type: 'LINE', missed: '1', covered: '3' }),
            node('counter', { type: 'BRANCH', missed: '2', covered: '0' }),
          ]),
        ]),
      ]),
    ]),
  );
  assert.deepEqual(files, [file('a/b/X.java', 3, 1, 0, 2)]);
});

test('Cobertura: the classes of a file are one, and lines of methods are not counted twice', () => {
  const line = (number: string, hits: string, more = {}) => node('line', { number, hits, ...more });
  const { files } = read(
    'COBERTURAXML',
    node('coverage', {}, [
      node('packages', {}, [
        node('package', {}, [
          node('classes', {}, [
            node('class', { filename: 'a.py' }, [
              node('methods', {}, [node('method', {}, [node('lines', {}, [line('1', '1')])])]),
              node('lines', {}, [
                line('1', '1'),
                line('2', '0'),
                line('3', '2', { 'condition-coverage': '50% (1/2)' }),
              ]),
            ]),
            node('class', { filename: 'a.py' }, [node('lines', {}, [line('9', '0'), line('1', '0')])]),
          ]),
        ]),
      ]),
    ]),
  );
  assert.deepEqual(files, [file('a.py', 2, 2, 1, 1)]);
});

test('Clover: lines of files, or their metrics where there are no lines', () => {
  const { files } = read(
    'CLOVERXML',
    node('coverage', {}, [
      node('project', {}, [
        node('package', { name: 'a.b' }, [
          node('file', { name: 'X.js', path: '/src/X.js' }, [
            node('metrics', { statements: '100' }),
            node('line', { type: 'stmt', count: '1' }),
            node('line', { type: 'method', count: '0' }),
            node('line', { type: 'cond', truecount: '1', falsecount: '0' }),
          ]),
          node('file', { name: 'Y.js' }, [
            node('metrics', {
              statements: '4',
              coveredstatements: '3',
              conditionals: '2',
              coveredconditionals: '2',
            }),
          ]),
        ]),
      ]),
    ]),
  );
  assert.deepEqual(files, [file('/src/X.js', 2, 1, 1, 1), file('a/b/Y.js', 3, 1, 2, 0)]);
});

test('SimpleCov: old and new shapes, and runners that ran the same file', () => {
  const { files } = read('SIMPLECOV', undefined, {
    RSpec: {
      coverage: { '/a.rb': [1, 0, null], '/b.rb': { lines: [0, 2], branches: { c: { t: 1, e: 0 } } } },
    },
    Minitest: { coverage: { '/a.rb': [0, 3, null] } },
  });
  assert.deepEqual(files, [file('/a.rb', 2, 0), file('/b.rb', 1, 1, 1, 1)]);
});

test('what is not of its format says so', () => {
  for (const format of [
    'JUNITXML',
    'NUNITXML',
    'NUNIT3XML',
    'TESTNGXML',
    'VISUALSTUDIOTRX',
    'CLOVERXML',
    'COBERTURAXML',
    'JACOCOXML',
  ] as const) {
    assert.throws(() => read(format, node('html')), /^ReportUnreadable: the root element is html, not /);
  }
  assert.throws(() => read('CUCUMBERJSON', undefined, {}), ReportUnreadable);
  assert.throws(() => read('SIMPLECOV', undefined, { a: {} }), ReportUnreadable);
});

test('files show their format', () => {
  assert.equal(formatOfXml(node('testsuite')), 'JUNITXML');
  assert.equal(formatOfXml(node('coverage', {}, [node('packages')])), 'COBERTURAXML');
  assert.equal(formatOfXml(node('coverage', { clover: '3' })), 'CLOVERXML');
  assert.equal(formatOfXml(node('report', {}, [node('package')])), 'JACOCOXML');
  assert.equal(formatOfXml(node('report')), undefined);
  assert.equal(formatOfXml(node('project')), undefined);
  assert.equal(formatOfJson([{ keyword: 'Feature', elements: [] }]), 'CUCUMBERJSON');
  assert.equal(formatOfJson({ RSpec: { coverage: {}, timestamp: 1 } }), 'SIMPLECOV');
  assert.equal(formatOfJson({}), undefined);
});

test('cases and files are summed up, and failures are kept first', () => {
  const of = (status: TestCase['status']): TestCase => ({
    name: '',
    prefix: '',
    suite: '',
    status,
    nanoseconds: 2,
    message: '',
  });
  const cases = [of('SUCCEEDED'), of('SKIPPED'), of('FAILED'), of('ERROR')];
  const summary = summarizeTests(cases);
  assert.deepEqual(summary, {
    total: 4,
    counts: { SUCCEEDED: 1, FAILED: 1, ERROR: 1, SKIPPED: 1, UNKNOWN: 0 },
    nanoseconds: 8,
  });
  assert.deepEqual(
    worstFirst(cases, 3).map((each) => each.status),
    ['FAILED', 'ERROR', 'SUCCEEDED'],
  );
  assert.deepEqual(mergeFiles([file('a', 1, 2), file('b'), file('a', 1, 0, 1)]), [
    file('a', 2, 2, 1),
    file('b'),
  ]);
  assert.deepEqual([percentage(1, 3), percentage(0, 0)], [25, 100]);
  assert.equal(trendValue('TEST', 'PASS_RATE', summary), 25);
  assert.equal(trendValue('TEST', 'LINE_COVERAGE', summary), undefined);
  assert.deepEqual(trendStats([1, 2, 6]), { average: '3', max: '6', min: '1' });
});
