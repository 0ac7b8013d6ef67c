/** Visual Studio's TRX: results in one place, and in another the definitions that say which class a test is of. */

import type { TestCase, TestStatus } from './report.ts';
import {
  allOf,
  attribute,
  childOf,
  childrenOf,
  cutName,
  messageOf,
  requireRoot,
  secondsToNanoseconds,
  type XmlNode,
} from './tree.ts';

const STATUSES: Readonly<Record<string, TestStatus>> = {
  Passed: 'SUCCEEDED',
  PassedButRunAborted: 'SUCCEEDED',
  Failed: 'FAILED',
  Error: 'ERROR',
  Aborted: 'ERROR',
  Timeout: 'ERROR',
  NotExecuted: 'SKIPPED',
  Pending: 'SKIPPED',
  NotRunnable: 'SKIPPED',
};

export function readTrx(root: XmlNode): TestCase[] {
  requireRoot(root, 'TestRun');
  const classes = new Map<string, string>();
  for (const test of childrenOf(childOf(root, 'TestDefinitions'), 'UnitTest')) {
    classes.set(attribute(test, 'id'), attribute(childOf(test, 'TestMethod'), 'className'));
  }
  const results = childOf(root, 'Results');
  return (results ? allOf(results, 'UnitTestResult') : []).map((node) => {
    const className = (classes.get(attribute(node, 'testId')) ?? '').split(',', 1)[0] ?? '';
    const error = childOf(childOf(node, 'Output'), 'ErrorInfo');
    return {
      name: cutName(attribute(node, 'testName')),
      prefix: cutName(className),
      suite: cutName(className),
      status: STATUSES[attribute(node, 'outcome')] ?? 'UNKNOWN',
      nanoseconds: durationOf(attribute(node, 'duration')),
      message: messageOf(childOf(error, 'Message')?.text, childOf(error, 'StackTrace')?.text),
    };
  });
}

/** `hh:mm:ss.fffffff` */
function durationOf(text: string): number {
  const [, hours = '0', minutes = '0', seconds = '0'] =
    /^(\d{1,4}):(\d\d):(\d\d(?:\.\d{1,9})?)$/.exec(text) ?? [];
  return secondsToNanoseconds(String(Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)));
}
