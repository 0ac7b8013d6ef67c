/**
 * `slipway check FILE…`: everything that is wrong with a file, with its place, before anything is created. One line a
 * fault on standard output, as compilers print them; the exit code is 1 if there is any.
 */

import { readFileSync } from 'node:fs';
import { nearest } from '#core/nearest.ts';
import { readPlaced } from '#core/placed-document.ts';
import { plainError } from './errors.ts';
import type { CheckOptions, Finding, Kind } from './check-kinds.ts';
import { pipelineKind } from './check-pipeline.ts';
import { appSpecKind, buildspecKind } from './check-specifications.ts';
import { parseQuotas } from './options.ts';
import { paint } from './paint.ts';

export interface CheckCommandOptions {
  readonly region: string;
  readonly quotas: string;
  readonly json: boolean;
}

const KINDS: readonly Kind[] = [pipelineKind, buildspecKind, appSpecKind];

/** What stands in a file must neither steer the terminal nor break the one line of a finding. */
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/g;

interface PlacedFinding {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly code: string;
  readonly message: string;
  readonly path: readonly (string | number)[];
  readonly hint?: string;
  readonly isWarning?: true;
}

interface Checked {
  readonly file: string;
  readonly kind: string | undefined;
  readonly findings: readonly PlacedFinding[];
}

export function check(files: readonly string[], options: CheckCommandOptions): void {
  const circumstances = { region: options.region, quotas: parseQuotas(options.quotas) };
  const all = files.map((file) => checkFile(file, circumstances));
  const findings = all.flatMap((each) => each.findings);
  const text = options.json ? `${JSON.stringify(findings, undefined, 2)}\n` : all.map(printed).join('');
  process.stdout.write(text);
  if (findings.some((finding) => !finding.isWarning)) process.exitCode = 1;
}

function checkFile(file: string, options: CheckOptions): Checked {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return onlyFinding(file, {
      line: 1,
      column: 1,
      code: 'Unreadable',
      message: unreadable(error),
    });
  }
  const document = readPlaced(text);
  const { value } = document;
  const root = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  const kind = KINDS.find((candidate) => candidate.recognizes(root));
  const [wrong] = kind?.readsText ? [] : document.faults;
  if (wrong) return onlyFinding(file, { ...wrong.place, code: 'SyntaxError', message: wrong.message });
  if (!kind) {
    const message = `This is neither ${KINDS.map(({ name }) => name).join(' nor ')}`;
    return onlyFinding(file, { line: 1, column: 1, code: 'UnknownKind', message });
  }
  const findings = kind.check(document, text, options).map((finding) => ({
    file,
    ...(finding.line === undefined ? document.placeOf(finding.path) : { line: finding.line, column: 1 }),
    ...(finding.isWarning ? { isWarning: true as const } : {}),
    code: finding.code,
    message: finding.message,
    path: finding.path,
    ...hintOf(finding),
  }));
  return { file, kind: kind.name, findings: findings.sort(byPlace) };
}

function onlyFinding(
  file: string,
  finding: Pick<PlacedFinding, 'line' | 'column' | 'code' | 'message'>,
): Checked {
  return { file, kind: undefined, findings: [{ file, ...finding, path: [] }] };
}

function unreadable(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'There is no such file';
  return code === 'EISDIR' ? 'This is a folder' : plainError(error);
}

function hintOf({ hint, unknown }: Finding): { readonly hint?: string } {
  if (hint !== undefined) return { hint };
  const meant = unknown && nearest(unknown.name, unknown.known);
  return meant === undefined ? {} : { hint: `did you mean ${meant}?` };
}

function byPlace(a: PlacedFinding, b: PlacedFinding): number {
  return a.line - b.line || a.column - b.column;
}

function printed({ file, kind, findings }: Checked): string {
  if (findings.length === 0) return paint.green(`${file}: ${kind}, and nothing is wrong with it\n`);
  return findings
    .map(({ line, column, code, message, hint, isWarning }) => {
      const meant = hint === undefined ? '' : paint.yellow(` (${hint})`);
      const shown = isWarning ? paint.yellow(code) : paint.red(code);
      const text = message.replaceAll(CONTROLS, ' ');
      return `${paint.bold(`${file}:${line}:${column}`)} ${shown}: ${text}${meant}\n`;
    })
    .join('');
}
