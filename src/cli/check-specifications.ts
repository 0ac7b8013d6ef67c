/** What is wrong with a buildspec or an AppSpec file: read by the same code as on the build machine and on the host. */

import { parseAppSpec } from '#core/appspec/parse.ts';
import { parseBatchspec, parseBuildspec, type ParsedBuildspec } from '#core/buildspec/parse.ts';
import type { Finding, Kind } from './check-kinds.ts';

export const buildspecKind: Kind = {
  name: 'a buildspec',
  readsText: true,
  recognizes: (root) => 'phases' in root || 'batch' in root,
  check({ value }, text) {
    const has = (key: string) => typeof value === 'object' && value !== null && key in value;
    // A batch may have all its phases in the buildspecs of its builds.
    const parsed = [
      ...(has('phases') || !has('batch') ? [parseBuildspec(text)] : []),
      ...(has('batch') ? [parseBatchspec(text)] : []),
    ];
    const findings = parsed.flatMap(findingsOf);
    return findings.filter((each, i) => findings.findIndex((other) => other.message === each.message) === i);
  },
};

function findingsOf(parsed: ParsedBuildspec): readonly Finding[] {
  if ('error' in parsed) return [findingOf('YAML_FILE_ERROR', parsed.error)];
  return parsed.buildspec.warnings.map((warning) => ({
    ...findingOf('Ignored', warning),
    isWarning: true as const,
  }));
}

export const appSpecKind: Kind = {
  name: 'an AppSpec file',
  readsText: true,
  recognizes: (root) => 'hooks' in root || ('os' in root && 'files' in root),
  check(_document, text) {
    const parsed = parseAppSpec(text);
    if (!('faults' in parsed)) return [];
    return parsed.faults.map(({ message, line = 1 }) => ({
      path: [],
      code: 'InvalidAppSpec',
      message,
      line,
    }));
  },
};

/** The messages of builds say the line themselves, where there is one. */
function findingOf(code: string, message: string): Finding {
  const [, line] = /\bat line (\d{1,7})/.exec(message) ?? [];
  return { path: [], code, message, line: Number(line ?? 1) };
}
