/** What only the build's shell knows, asked before its sandbox ends: exported variables, and texts as it expands them. */

import type { Buildspec } from '#core/buildspec/buildspec.ts';
import type { Bench } from './bench.ts';
import { packCache, type PackedCache } from './caches.ts';
import { holdsSecret } from './secrets.ts';
import { expansionQuestion, variablesQuestion } from './shell.ts';

const EXPORTED_VALUE_LENGTH_MAX = 4096;
const AUTO_DISCOVER = 'CODEBUILD_CONFIG_AUTO_DISCOVER';
const AUTO_DISCOVER_FOLDER = 'CODEBUILD_CONFIG_AUTO_DISCOVER_DIR';

export interface Answers {
  readonly exportedVariables: readonly { readonly name: string; readonly value: string }[];
  /** Text of the buildspec → the text as the shell expands it. */
  readonly expanded: Readonly<Record<string, string>>;
  readonly cache?: PackedCache;
  /** The folder to be searched for reports, `.` for the source; absent when none shall be. */
  readonly discovery?: string;
}

export async function askLastQuestions(
  bench: Bench,
  spec: Buildspec,
  isSucceeding: boolean,
): Promise<Answers> {
  const { workspace } = bench.sandbox;
  const exports = exportedNames(bench, spec);
  const { answer } = await bench.ask(
    variablesQuestion(workspace, [...new Set([...exports, AUTO_DISCOVER, AUTO_DISCOVER_FOLDER])]),
    spec.shell,
  );
  const values = new Map(
    answer
      .split(' ')
      .filter(Boolean)
      .map((word) => {
        const mark = word.indexOf('=');
        return [word.slice(0, mark), Buffer.from(word.slice(mark + 1), 'base64').toString()];
      }),
  );
  const exportedVariables = exports.flatMap((name) => {
    const value = values.get(name);
    if (value === undefined) return [];
    if (holdsSecret(bench, value)) {
      bench.say(`Warning: the variable ${name} is not exported: it holds a secret`);
      return [];
    }
    return [{ name, value: value.slice(0, EXPORTED_VALUE_LENGTH_MAX) }];
  });
  const isDiscovering = !bench.plan.pipeline && values.get(AUTO_DISCOVER)?.toLowerCase() !== 'false';
  const expanded = await expand(bench, spec);
  const cache = isSucceeding ? await packCache(bench, spec) : undefined;
  await bench.flush();
  return {
    exportedVariables,
    expanded,
    ...(cache ? { cache } : {}),
    ...(isDiscovering ? { discovery: values.get(AUTO_DISCOVER_FOLDER) || '.' } : {}),
  };
}

function exportedNames({ plan }: Bench, spec: Buildspec): string[] {
  const isSecret = (name: string) =>
    plan.environment.variables.some((each) => each.name === name && each.type !== 'PLAINTEXT');
  return spec.environment.exportedVariables.filter(
    (name) => /^[A-Za-z_]\w*$/.test(name) && !name.startsWith('AWS_') && !isSecret(name),
  );
}

async function expand(bench: Bench, spec: Buildspec): Promise<Record<string, string>> {
  const texts = [spec.artifacts, ...Object.values(spec.secondaryArtifacts)]
    .flatMap((block) => [block?.name, block?.baseDirectory])
    .concat(spec.reports.map((report) => report.baseDirectory))
    .filter((text): text is string => text !== undefined && /[$`]/.test(text));
  const expanded: Record<string, string> = {};
  if (texts.length === 0) return expanded;
  const { answer } = await bench.ask(expansionQuestion(bench.sandbox.workspace, texts), spec.shell);
  answer.split(' ').forEach((word, i) => {
    const text = texts[i];
    if (text !== undefined) expanded[text] = Buffer.from(word, 'base64').toString().replace(/\n$/, '');
  });
  return expanded;
}
