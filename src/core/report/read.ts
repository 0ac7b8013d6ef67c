/** A result file of any format, already parsed, as test cases or covered files; and which format a document may be. */

import { readClover, readCobertura, readJacoco } from './coverage.ts';
import { readCucumber } from './cucumber.ts';
import { isRecord, listOf } from './json.ts';
import { readJunit } from './junit.ts';
import { readNunit, readNunit3 } from './nunit.ts';
import type { FileCoverage, ReportFormat, TestCase } from './report.ts';
import { readSimplecov } from './simplecov.ts';
import { readTestng } from './testng.ts';
import { attribute, type XmlNode } from './tree.ts';
import { readTrx } from './trx.ts';

/** Parses one file; each throws `ReportUnreadable`. */
export interface ReportDocument {
  xml(): XmlNode;
  json(): unknown;
}

export interface ReportContent {
  readonly cases: readonly TestCase[];
  readonly files: readonly FileCoverage[];
}

/** Throws `ReportUnreadable`. */
export function readReport(format: ReportFormat, document: ReportDocument): ReportContent {
  const tests = (cases: readonly TestCase[]) => ({ cases, files: [] });
  const coverage = (files: readonly FileCoverage[]) => ({ cases: [], files });
  switch (format) {
    case 'JUNITXML':
      return tests(readJunit(document.xml()));
    case 'NUNITXML':
      return tests(readNunit(document.xml()));
    case 'NUNIT3XML':
      return tests(readNunit3(document.xml()));
    case 'TESTNGXML':
      return tests(readTestng(document.xml()));
    case 'VISUALSTUDIOTRX':
      return tests(readTrx(document.xml()));
    case 'CUCUMBERJSON':
      return tests(readCucumber(document.json()));
    case 'CLOVERXML':
      return coverage(readClover(document.xml()));
    case 'COBERTURAXML':
      return coverage(readCobertura(document.xml()));
    case 'JACOCOXML':
      return coverage(readJacoco(document.xml()));
    case 'SIMPLECOV':
      return coverage(readSimplecov(document.json()));
  }
}

/** The format that an XML document is of by its root, for files that nobody declared. */
export function formatOfXml(root: XmlNode): ReportFormat | undefined {
  switch (root.name) {
    case 'testsuites':
    case 'testsuite':
      return 'JUNITXML';
    case 'test-results':
      return 'NUNITXML';
    case 'test-run':
      return 'NUNIT3XML';
    case 'testng-results':
      return 'TESTNGXML';
    case 'TestRun':
      return 'VISUALSTUDIOTRX';
    case 'report':
      return root.children.some(({ name }) => name === 'package' || name === 'sessioninfo')
        ? 'JACOCOXML'
        : undefined;
    case 'coverage':
      if (attribute(root, 'clover') !== '' || root.children.some(({ name }) => name === 'project'))
        return 'CLOVERXML';
      return root.children.some(({ name }) => name === 'packages') ? 'COBERTURAXML' : undefined;
    default:
      return undefined;
  }
}

export function formatOfJson(json: unknown): ReportFormat | undefined {
  if (Array.isArray(json)) {
    const features = listOf(json);
    const isFeature = (value: unknown) =>
      isRecord(value) && Array.isArray(value['elements']) && 'keyword' in value;
    return features.length > 0 && features.every(isFeature) ? 'CUCUMBERJSON' : undefined;
  }
  const runners = isRecord(json) ? Object.values(json) : [];
  const isRunner = (value: unknown) => isRecord(value) && isRecord(value['coverage']) && 'timestamp' in value;
  return runners.length > 0 && runners.every(isRunner) ? 'SIMPLECOV' : undefined;
}
