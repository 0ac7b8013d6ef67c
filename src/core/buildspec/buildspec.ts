/** A buildspec after parsing: versions 0.1 and 0.2 in one shape, with every default filled in. */

import type { ReportFormat } from '#core/report/report.ts';

export type CommandPhase = 'INSTALL' | 'PRE_BUILD' | 'BUILD' | 'POST_BUILD';

export interface Buildspec {
  readonly version: '0.1' | '0.2';
  readonly shell: 'sh' | 'bash';
  readonly runAs?: string;
  readonly environment: BuildspecEnvironment;
  /** Only the phases that the file names. */
  readonly phases: Readonly<Partial<Record<CommandPhase, PhaseSpec>>>;
  readonly artifacts?: ArtifactsSpec;
  readonly secondaryArtifacts: Readonly<Record<string, ArtifactsSpec>>;
  readonly reports: readonly ReportSpec[];
  readonly cache?: CacheSpec;
  /** What was read but does nothing, in the words of the build log. */
  readonly warnings: readonly string[];
}

export interface BuildspecEnvironment {
  readonly variables: Readonly<Record<string, string>>;
  /** Variable name → parameter name. */
  readonly parameterStore: Readonly<Record<string, string>>;
  /** Variable name → secret reference. */
  readonly secretsManager: Readonly<Record<string, string>>;
  readonly exportedVariables: readonly string[];
  /** Whether git inside the build may fetch with the credentials of the project's sources. */
  readonly gitCredentialHelper: boolean;
}

export interface PhaseSpec {
  readonly commands: readonly string[];
  readonly finally: readonly string[];
  readonly onFailure?: OnFailure;
  readonly runAs?: string;
  readonly runtimeVersions: Readonly<Record<string, string>>;
}

export type OnFailure =
  | { readonly type: 'ABORT' }
  | { readonly type: 'CONTINUE' }
  | { readonly type: 'RETRY'; readonly count: number; readonly pattern?: string };

export interface ArtifactsSpec {
  readonly files: readonly string[];
  readonly name?: string;
  readonly baseDirectory?: string;
  readonly excludePaths: readonly string[];
  readonly discardPaths: boolean;
  readonly enableSymlinks: boolean;
  readonly s3Prefix?: string;
}

export interface ReportSpec {
  /** Of a report group: its ARN, or the part of its name after the project's. */
  readonly name: string;
  readonly files: readonly string[];
  readonly format: ReportFormat;
  readonly baseDirectory?: string;
  readonly discardPaths: boolean;
}

export interface CacheSpec {
  readonly paths: readonly string[];
  /** Expanded by the shell. */
  readonly key?: string;
  readonly fallbackKeys: readonly string[];
  /** Only this direction. */
  readonly action?: 'restore' | 'save';
}

export const RETRIES_DEFAULT = 3;
export const RETRIES_MAX = 100;

/**
 * `ABORT`, `CONTINUE`, `RETRY`, `RETRY-<count>`, `RETRY-<pattern>`, `RETRY-<count>-<pattern>`; `undefined` when it
 * is none of them.
 */
export function parseOnFailure(text: string): OnFailure | undefined {
  const keyword = text.toUpperCase();
  if (keyword === 'ABORT' || keyword === 'CONTINUE') return { type: keyword };
  if (keyword === 'RETRY') return { type: 'RETRY', count: RETRIES_DEFAULT };
  if (!keyword.startsWith('RETRY-')) return undefined;
  const rest = text.slice('RETRY-'.length);
  const counted = /^(\d{1,4})(?:-(.+))?$/s.exec(rest);
  if (!counted) return rest === '' ? undefined : { type: 'RETRY', count: RETRIES_DEFAULT, pattern: rest };
  const count = Number(counted[1]);
  if (count > RETRIES_MAX) return undefined;
  return { type: 'RETRY', count, ...(counted[2] === undefined ? {} : { pattern: counted[2] }) };
}
