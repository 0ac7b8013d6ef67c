/** The parts of a buildspec about what a build leaves behind: artifacts, reports, caches. */

import { REPORT_FORMATS, reportFormatOf } from '#core/report/report.ts';
import type { ArtifactsSpec, CacheSpec, ReportSpec } from './buildspec.ts';
import { YamlFault } from './node.ts';
import type { YamlEntry } from './node.ts';
import { find, readSwitch, readText, readTextList } from './values.ts';

/** AWS: "Quotas for AWS CodeBuild". */
const REPORTS_MAX = 5;
const FALLBACK_KEYS_MAX = 5;

export function readSecondaryArtifacts(artifacts: YamlEntry | undefined): Record<string, ArtifactsSpec> {
  const secondary = artifacts && find(artifacts.value, 'secondary-artifacts');
  if (!secondary) return {};
  if (secondary.value.kind !== 'map')
    throw new YamlFault('Cannot unmarshal secondary-artifacts: a map is expected');
  return Object.fromEntries(
    secondary.value.entries.map((entry) => [
      entry.key,
      readArtifacts(entry, `secondary-artifacts ${entry.key}`),
    ]),
  );
}

export function readArtifacts(entry: YamlEntry, label: string): ArtifactsSpec {
  const block = entry.value;
  const files = readTextList(find(block, 'files'));
  if (files.length === 0) throw new YamlFault(`Missing files in ${label} at line ${entry.line}`);
  const name = readText(find(block, 'name'));
  const baseDirectory = readText(find(block, 'base-directory'));
  const s3Prefix = readText(find(block, 's3-prefix'));
  return {
    files,
    ...(name ? { name } : {}),
    ...(baseDirectory ? { baseDirectory } : {}),
    excludePaths: readTextList(find(block, 'exclude-paths')),
    discardPaths: readSwitch(find(block, 'discard-paths')),
    enableSymlinks: readSwitch(find(block, 'enable-symlinks')),
    ...(s3Prefix ? { s3Prefix } : {}),
  };
}

export function readReports(entry: YamlEntry | undefined): ReportSpec[] {
  if (!entry || (entry.value.kind === 'scalar' && entry.value.text === '')) return [];
  if (entry.value.kind !== 'map')
    throw new YamlFault(`Cannot unmarshal reports at line ${entry.line}: a map is expected`);
  if (entry.value.entries.length > REPORTS_MAX) {
    throw new YamlFault(`Too many reports at line ${entry.line}: there can be at most ${REPORTS_MAX}`);
  }
  return entry.value.entries.map(readReport);
}

function readReport(entry: YamlEntry): ReportSpec {
  const block = entry.value;
  const files = readTextList(find(block, 'files'));
  if (files.length === 0) throw new YamlFault(`Missing files in report ${entry.key} at line ${entry.line}`);
  const formatEntry = find(block, 'file-format');
  const text = readText(formatEntry) || 'JUNITXML';
  const format = reportFormatOf(text);
  if (!format) {
    throw new YamlFault(
      `Invalid file-format of report ${entry.key}: ${text} at line ${formatEntry?.line}. ` +
        `Expecting: ${REPORT_FORMATS.join(',')}`,
    );
  }
  const baseDirectory = readText(find(block, 'base-directory'));
  return {
    name: entry.key,
    files,
    format,
    ...(baseDirectory ? { baseDirectory } : {}),
    discardPaths: readSwitch(find(block, 'discard-paths')),
  };
}

export function readCache(entry: YamlEntry | undefined): CacheSpec | undefined {
  if (!entry || entry.value.kind !== 'map') return undefined;
  const block = entry.value;
  const fallback = find(block, 'fallback-keys');
  const fallbackKeys = readTextList(fallback);
  if (fallbackKeys.length > FALLBACK_KEYS_MAX) {
    throw new YamlFault(
      `Too many fallback-keys at line ${fallback?.line}: there can be at most ${FALLBACK_KEYS_MAX}`,
    );
  }
  const key = readText(find(block, 'key'));
  const actionEntry = find(block, 'action');
  const action = readText(actionEntry)?.toLowerCase();
  if (action !== undefined && action !== '' && action !== 'restore' && action !== 'save') {
    throw new YamlFault(
      `Invalid cache action: ${action} at line ${actionEntry?.line}. Expecting: restore,save`,
    );
  }
  return {
    paths: readTextList(find(block, 'paths')),
    ...(key ? { key } : {}),
    fallbackKeys,
    ...(action ? { action } : {}),
  };
}
