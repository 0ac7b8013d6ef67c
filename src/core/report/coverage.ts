/** The three coverage formats in XML: JaCoCo counts for itself, Cobertura and Clover list lines. */

import type { FileCoverage } from './report.ts';
import {
  allOf,
  allWithParents,
  attribute,
  childOf,
  childrenOf,
  countOf,
  cutName,
  requireRoot,
  type XmlNode,
} from './tree.ts';

export function readJacoco(root: XmlNode): FileCoverage[] {
  requireRoot(root, 'report');
  return allOf(root, 'package').flatMap((folder) =>
    childrenOf(folder, 'sourcefile').map((file) => {
      const counter = (type: string, of: 'covered' | 'missed') => {
        const found = childrenOf(file, 'counter').find((each) => attribute(each, 'type') === type);
        return found ? countOf(found, of) : 0;
      };
      const path = [attribute(folder, 'name'), attribute(file, 'name')].filter(Boolean).join('/');
      return {
        path: cutName(path),
        linesCovered: counter('LINE', 'covered'),
        linesMissed: counter('LINE', 'missed'),
        branchesCovered: counter('BRANCH', 'covered'),
        branchesMissed: counter('BRANCH', 'missed'),
      };
    }),
  );
}

/** A file may hold several classes; lines of methods stand in the class again, so only those of the class count. */
export function readCobertura(root: XmlNode): FileCoverage[] {
  requireRoot(root, 'coverage');
  const files = new Map<string, Map<string, XmlNode>>();
  for (const node of allOf(root, 'class')) {
    const path = cutName(attribute(node, 'filename'));
    const known = files.get(path) ?? new Map<string, XmlNode>();
    files.set(path, known);
    for (const line of childrenOf(childOf(node, 'lines'), 'line')) {
      const number = attribute(line, 'number');
      const before = known.get(number);
      if (!before || countOf(line, 'hits') > countOf(before, 'hits')) known.set(number, line);
    }
  }
  return [...files].map(([path, lines]) => {
    const all = [...lines.values()];
    const linesCovered = all.filter((line) => countOf(line, 'hits') > 0).length;
    const branches = all.map(branchesOf);
    const branchesCovered = branches.reduce((sum, [covered]) => sum + covered, 0);
    const branchesTotal = branches.reduce((sum, [, total]) => sum + total, 0);
    return {
      path,
      linesCovered,
      linesMissed: all.length - linesCovered,
      branchesCovered,
      branchesMissed: branchesTotal - branchesCovered,
    };
  });
}

/** `50% (1/2)` */
function branchesOf(line: XmlNode): readonly [covered: number, total: number] {
  const match = /\((\d{1,9})\/(\d{1,9})\)/.exec(attribute(line, 'condition-coverage'));
  const total = Number(match?.[2] ?? 0);
  return [Math.min(Number(match?.[1] ?? 0), total), total];
}

export function readClover(root: XmlNode): FileCoverage[] {
  requireRoot(root, 'coverage');
  return allWithParents(root, 'file').map(([file, parents]) => {
    const folder = attribute(
      parents.find((parent) => parent.name === 'package'),
      'name',
    );
    const own = attribute(file, 'path') || attribute(file, 'name');
    const path = cutName(own.includes('/') || folder === '' ? own : `${folder.replaceAll('.', '/')}/${own}`);
    const lines = childrenOf(file, 'line');
    return lines.length > 0 ? cloverLines(path, lines) : cloverMetrics(path, childOf(file, 'metrics'));
  });
}

function cloverLines(path: string, lines: readonly XmlNode[]): FileCoverage {
  const conditions = lines.filter((line) => attribute(line, 'type') === 'cond');
  const covered = conditions.reduce(
    (sum, line) => sum + Math.min(countOf(line, 'truecount'), 1) + Math.min(countOf(line, 'falsecount'), 1),
    0,
  );
  const linesCovered = lines.filter(isCloverCovered).length;
  return {
    path,
    linesCovered,
    linesMissed: lines.length - linesCovered,
    branchesCovered: covered,
    branchesMissed: 2 * conditions.length - covered,
  };
}

/** Conditions are counted by how often they were true and false. */
function isCloverCovered(line: XmlNode): boolean {
  return countOf(line, 'count') + countOf(line, 'truecount') + countOf(line, 'falsecount') > 0;
}

function cloverMetrics(path: string, metrics: XmlNode | undefined): FileCoverage {
  const pair = (all: string, covered: string) => {
    const total = metrics ? countOf(metrics, all) : 0;
    const good = metrics ? Math.min(countOf(metrics, covered), total) : 0;
    return [good, total - good] as const;
  };
  const [linesCovered, linesMissed] = pair('statements', 'coveredstatements');
  const [branchesCovered, branchesMissed] = pair('conditionals', 'coveredconditionals');
  return { path, linesCovered, linesMissed, branchesCovered, branchesMissed };
}
