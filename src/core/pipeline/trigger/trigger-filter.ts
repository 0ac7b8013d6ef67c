/**
 * Which changes of a repository start a pipeline by its triggers: OR between filters, AND inside one, excludes over
 * includes. AWS: "Filter triggers on code push or pull requests". It decides; who tells of changes is not known here.
 */

import type { Glob, GlobBudget } from '#core/glob.ts';
import { matchesGlob, parseGlob } from '#core/glob.ts';
import type { GitTrigger, PatternFilter, PullRequestEvent } from '#core/pipeline/definition/declaration.ts';

/** What happened in a repository. Deletions never start anything, and are not told. */
export type RepositoryChange =
  | (Change & { readonly type: 'branch'; readonly branch: string; readonly oldCommitId?: string })
  | (Change & { readonly type: 'tag'; readonly tag: string })
  | (Change & {
      readonly type: 'pullRequest';
      readonly event: PullRequestEvent;
      readonly id: string;
      readonly title: string;
      /** From where it comes; its newest commit is what runs. */
      readonly sourceBranch: string;
      /** Into which it is to be merged. */
      readonly branch: string;
      readonly destinationCommitId?: string;
    });

interface Change {
  readonly repository: string;
  readonly commitId: string;
}

/** What a trigger says of a change: whether it starts, or that it depends on the files that the change touches. */
export type TriggerAnswer =
  | { readonly type: 'starts' }
  | { readonly type: 'never' }
  | { readonly type: 'byFiles'; readonly filters: readonly PatternFilter[] };

/** Positions of patterns that are looked at for all files of one change. */
const MATCH_STEPS_MAX = 5_000_000;

/** `branchName` is that of the source action; a trigger without filters hears its pushes. */
export function askTrigger(
  trigger: GitTrigger,
  branchName: string | undefined,
  change: RepositoryChange,
): TriggerAnswer {
  const { push = [], pullRequest = [] } = trigger;
  if (push.length + pullRequest.length === 0) {
    const isItsBranch = change.type === 'branch' && change.branch === branchName;
    return { type: isItsBranch ? 'starts' : 'never' };
  }
  const filters = change.type === 'pullRequest' ? pullRequest : push;
  const passed = filters.filter((filter) => passes(filter, change));
  if (passed.length === 0) return { type: 'never' };
  const byFiles = passed.flatMap(({ filePaths }) => (filePaths ? [filePaths] : []));
  return byFiles.length < passed.length ? { type: 'starts' } : { type: 'byFiles', filters: byFiles };
}

type Filter = NonNullable<GitTrigger['push']>[number] & NonNullable<GitTrigger['pullRequest']>[number];

/** All that the filter says, except of files. */
function passes({ tags, branches, events }: Filter, change: RepositoryChange): boolean {
  switch (change.type) {
    case 'branch':
      return !tags && matchesPatterns(branches, change.branch);
    case 'tag':
      return tags !== undefined && matchesPatterns(tags, change.tag);
    case 'pullRequest':
      return (events?.includes(change.event) ?? true) && matchesPatterns(branches, change.branch);
  }
}

function matchesPatterns(filter: PatternFilter | undefined, name: string): boolean {
  return filter === undefined || passesFiles([filter], [name]);
}

/**
 * True if one of the files, each judged alone, passes one of the filters. What cannot be judged within the steps
 * allowed counts as passed: an execution too many can be stopped, one that is missing is not noticed.
 */
export function passesFiles(filters: readonly PatternFilter[], files: readonly string[]): boolean {
  const budget: GlobBudget = { left: MATCH_STEPS_MAX };
  const judges = filters.flatMap((filter) => compile(filter, budget) ?? []);
  const isPassed = judges.some((judge) => files.some((file) => budget.left >= 0 && judge(file)));
  return isPassed || budget.left < 0;
}

/** Nothing if a pattern cannot be read: such a filter passes nothing. */
function compile(
  { includes, excludes = [] }: PatternFilter,
  budget: GlobBudget,
): ((text: string) => boolean) | undefined {
  const included = parseAll(includes ?? ['**']);
  const excluded = parseAll(excludes);
  if (!included || !excluded) return undefined;
  const matches = (globs: readonly Glob[], text: string) =>
    globs.some((glob) => matchesGlob(glob, text, budget));
  return (text) => matches(included, text) && !matches(excluded, text);
}

/** The patterns of a trigger that cannot be read, because they stand for too many others. */
export function unreadablePatterns({ push = [], pullRequest = [] }: GitTrigger): readonly string[] {
  const filters: readonly Filter[] = [...push, ...pullRequest];
  return filters
    .flatMap(({ tags, branches, filePaths }) => [tags, branches, filePaths])
    .flatMap((filter) => [...(filter?.includes ?? []), ...(filter?.excludes ?? [])])
    .filter((pattern) => parseGlob(pattern, 'trigger') === undefined);
}

function parseAll(patterns: readonly string[]): readonly Glob[] | undefined {
  const globs = patterns.map((pattern) => parseGlob(pattern, 'trigger'));
  return globs.every((glob) => glob !== undefined) ? globs : undefined;
}
