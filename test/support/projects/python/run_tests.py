"""Runs the tests with nothing but the standard library; writes JUnit and Cobertura files and exits as the tests ended."""

import os
import sys
import trace
import unittest
from xml.etree import ElementTree as tree


class Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.cases = []

    def stopTest(self, test):
        super().stopTest(test)
        self.cases.append(test)


def junit(result):
    failed = {test.id(): text for test, text in result.failures + result.errors}
    suite = tree.Element("testsuite", name="unittest", tests=str(result.testsRun))
    for test in result.cases:
        group, name = test.id().rsplit(".", 1)
        case = tree.SubElement(suite, "testcase", classname=group, name=name)
        if test.id() in failed:
            tree.SubElement(case, "failure", message=failed[test.id()].strip().splitlines()[-1])
    return suite


def cobertura(counts, folder):
    coverage = tree.Element("coverage")
    classes = tree.SubElement(tree.SubElement(tree.SubElement(coverage, "packages"), "package"), "classes")
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if not name.endswith(".py"):
            continue
        lines = tree.SubElement(tree.SubElement(classes, "class", filename=path), "lines")
        for number in sorted(trace._find_executable_linenos(path)):
            hits = counts.get((os.path.abspath(path), number), 0)
            tree.SubElement(lines, "line", number=str(number), hits=str(hits))
    return coverage


def main():
    tracer = trace.Trace(count=True, trace=False, ignoredirs=[sys.prefix, sys.exec_prefix])
    result = Result()
    tracer.runfunc(lambda: unittest.defaultTestLoader.discover("tests", top_level_dir=".").run(result))
    os.makedirs("reports", exist_ok=True)
    tree.ElementTree(junit(result)).write("reports/junit.xml")
    tree.ElementTree(cobertura(tracer.results().counts, "shop")).write("reports/coverage.xml")
    print(f"{result.testsRun} tests, {len(result.failures) + len(result.errors)} failed")
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
