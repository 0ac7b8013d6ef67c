/** NUnit's two formats: version 2, whose results stand in suites of suites, and version 3, where a case names its class. */

import type { TestCase, TestStatus } from './report.ts';
import {
  allOf,
  allWithParents,
  attribute,
  childOf,
  cutName,
  messageOf,
  requireRoot,
  secondsToNanoseconds,
  type XmlNode,
} from './tree.ts';

const OLD_STATUSES: Readonly<Record<string, TestStatus>> = {
  Success: 'SUCCEEDED',
  Failure: 'FAILED',
  Error: 'ERROR',
  Ignored: 'SKIPPED',
  Skipped: 'SKIPPED',
  NotRunnable: 'SKIPPED',
};

export function readNunit(root: XmlNode): TestCase[] {
  requireRoot(root, 'test-results');
  return allWithParents(root, 'test-case').map(([node, parents]) => {
    const suites = parents
      .filter((parent) => parent.name === 'test-suite')
      .map((suite) => attribute(suite, 'name'));
    return {
      name: cutName(attribute(node, 'name')),
      prefix: cutName(suites.join('.')),
      suite: cutName(suites.at(-1) ?? ''),
      status: statusOf(node),
      nanoseconds: secondsToNanoseconds(attribute(node, 'time')),
      message: reasonOf(node),
    };
  });
}

/** Older writers have no result, only whether a case was run and went well. */
function statusOf(node: XmlNode): TestStatus {
  if (attribute(node, 'executed').toLowerCase() === 'false') return 'SKIPPED';
  const result = attribute(node, 'result');
  if (result !== '') return OLD_STATUSES[result] ?? 'UNKNOWN';
  const success = attribute(node, 'success').toLowerCase();
  return success === 'true' ? 'SUCCEEDED' : success === 'false' ? 'FAILED' : 'UNKNOWN';
}

export function readNunit3(root: XmlNode): TestCase[] {
  requireRoot(root, 'test-run');
  return allOf(root, 'test-case').map((node) => ({
    name: cutName(attribute(node, 'name')),
    prefix: cutName(attribute(node, 'classname')),
    suite: cutName(attribute(node, 'classname')),
    status: newStatusOf(node),
    nanoseconds: secondsToNanoseconds(attribute(node, 'duration')),
    message: reasonOf(node),
  }));
}

function newStatusOf(node: XmlNode): TestStatus {
  switch (attribute(node, 'result')) {
    case 'Passed':
    case 'Warning':
      return 'SUCCEEDED';
    case 'Failed':
      return attribute(node, 'label') === 'Error' ? 'ERROR' : 'FAILED';
    case 'Skipped':
      return 'SKIPPED';
    default:
      return 'UNKNOWN';
  }
}

function reasonOf(node: XmlNode): string {
  const failure = childOf(node, 'failure');
  const reason = childOf(node, 'reason');
  return messageOf(
    childOf(failure, 'message')?.text,
    childOf(failure, 'stack-trace')?.text,
    childOf(reason, 'message')?.text,
  );
}
