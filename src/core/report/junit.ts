/** JUnit XML, as Surefire, pytest, Jest and many others write it: suites in suites, with cases that failed or did not. */

import type { TestCase, TestStatus } from './report.ts';
import {
  allWithParents,
  attribute,
  childOf,
  cutName,
  messageOf,
  requireRoot,
  secondsToNanoseconds,
  type XmlNode,
} from './tree.ts';

const OUTCOMES: readonly (readonly [element: string, status: TestStatus])[] = [
  ['error', 'ERROR'],
  ['failure', 'FAILED'],
  ['skipped', 'SKIPPED'],
];

export function readJunit(root: XmlNode): TestCase[] {
  requireRoot(root, 'testsuites', 'testsuite');
  return allWithParents(root, 'testcase').map(([node, parents]) => {
    const suite = attribute(
      parents.findLast((parent) => parent.name === 'testsuite'),
      'name',
    );
    const outcome = OUTCOMES.find(([element]) => childOf(node, element));
    const told = outcome && childOf(node, outcome[0]);
    return {
      name: cutName(attribute(node, 'name')),
      prefix: cutName(attribute(node, 'classname') || suite),
      suite: cutName(suite),
      status: outcome?.[1] ?? 'SUCCEEDED',
      nanoseconds: secondsToNanoseconds(attribute(node, 'time')),
      message: messageOf(attribute(told, 'message'), told?.text),
    };
  });
}
