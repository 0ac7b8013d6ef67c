/** TestNG's results: methods in classes in tests in suites; methods that only prepare are no cases. */

import type { TestCase, TestStatus } from './report.ts';
import {
  allWithParents,
  attribute,
  childOf,
  cutName,
  messageOf,
  nanoseconds,
  requireRoot,
  type XmlNode,
} from './tree.ts';

const STATUSES: Readonly<Record<string, TestStatus>> = { PASS: 'SUCCEEDED', FAIL: 'FAILED', SKIP: 'SKIPPED' };

export function readTestng(root: XmlNode): TestCase[] {
  requireRoot(root, 'testng-results');
  return allWithParents(root, 'test-method')
    .filter(([node]) => attribute(node, 'is-config') !== 'true')
    .map(([node, parents]) => {
      const nameOf = (element: string) =>
        attribute(
          parents.find((parent) => parent.name === element),
          'name',
        );
      const exception = childOf(node, 'exception');
      return {
        name: cutName(attribute(node, 'name')),
        prefix: cutName(nameOf('class')),
        suite: cutName(nameOf('suite')),
        status: STATUSES[attribute(node, 'status')] ?? 'UNKNOWN',
        nanoseconds: nanoseconds(Number(attribute(node, 'duration-ms')) * 1e6),
        message: messageOf(childOf(exception, 'message')?.text, childOf(exception, 'full-stacktrace')?.text),
      };
    });
}
