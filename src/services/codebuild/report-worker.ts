/**
 * A thread that reads the result files of one build, so that a file made to cost time or memory costs neither to the
 * server. It gets its files as `workerData`, tells each as it is read, and is ended when it takes too long.
 */

import { readFileSync, statSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { formatOfJson, formatOfXml, readReport, type ReportDocument } from '#core/report/read.ts';
import { ReportUnreadable, summarizeTests, worstFirst, type ReportFormat } from '#core/report/report.ts';
import type { XmlNode } from '#core/report/tree.ts';
import { readXmlTree, XmlRefused } from '#wire/xml-tree.ts';
import {
  CASES_MAX,
  COVERED_FILES_MAX,
  FILE_BYTES_MAX,
  type ReadFile,
  type ReadRequest,
} from './report-reader.ts';

const BOUNDS = { elementsMax: 1_000_000, depthMax: 100 };

const { files, format } = workerData as ReadRequest;
for (const { path, name } of files) parentPort?.postMessage(read(path, name, format));

function read(path: string, name: string, declared: ReportFormat | undefined): ReadFile {
  try {
    const document = open(path);
    const known = declared ?? guess(document, name);
    if (!known) return { name, problem: 'it is no report' };
    const { cases, files: covered } = readReport(known, document);
    return {
      name,
      format: known,
      summary: summarizeTests(cases),
      cases: worstFirst(cases, CASES_MAX),
      files: covered.slice(0, COVERED_FILES_MAX),
    };
  } catch (error) {
    if (error instanceof ReportUnreadable) return { name, problem: error.message };
    throw error;
  }
}

function open(path: string): ReportDocument {
  if (statSync(path).size > FILE_BYTES_MAX)
    throw new ReportUnreadable(`it has more than ${FILE_BYTES_MAX} bytes`);
  const text = readFileSync(path, 'utf8').replace(/^\ufeff/, '');
  let tree: XmlNode | undefined;
  return {
    xml: () => (tree ??= readXml(text)),
    json: () => readJson(text),
  };
}

function readXml(text: string): XmlNode {
  try {
    return readXmlTree(text, BOUNDS);
  } catch (error) {
    if (error instanceof XmlRefused) throw new ReportUnreadable(error.message, { cause: error });
    throw error;
  }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ReportUnreadable('it is not JSON', { cause });
  }
}

function guess(document: ReportDocument, name: string): ReportFormat | undefined {
  return name.endsWith('.json') ? formatOfJson(document.json()) : formatOfXml(document.xml());
}
