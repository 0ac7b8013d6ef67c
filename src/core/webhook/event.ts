/**
 * What happened in a repository, whichever provider tells it, and whether a webhook's filters let it through.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/webhooks.html
 */

export const EVENT_TYPES = [
  'PUSH',
  'PULL_REQUEST_CREATED',
  'PULL_REQUEST_UPDATED',
  'PULL_REQUEST_REOPENED',
  'PULL_REQUEST_MERGED',
  'PULL_REQUEST_CLOSED',
  'RELEASED',
  'PRERELEASED',
  'WORKFLOW_JOB_QUEUED',
] as const;

export type EventType = (typeof EVENT_TYPES)[number];

export interface RepositoryEvent {
  readonly type: EventType;
  readonly actorId: string;
  /** What a build of it builds: a commit, `pr/<number>`, a tag. */
  readonly version: string;
  /** `branch/main`, `tag/v1`, `pr/7` */
  readonly trigger: string;
  /** `refs/heads/…` or `refs/tags/…` */
  readonly headRef?: string;
  /** Of a pull request, where it wants to go. */
  readonly baseRef?: string;
  /** Absent when the provider does not tell which files changed. */
  readonly paths?: readonly string[];
  readonly message?: string;
  readonly tagName?: string;
  readonly releaseName?: string;
  readonly repository?: string;
  readonly organization?: string;
  readonly workflow?: string;
  readonly previousCommit?: string;
  readonly mergeCommit?: string;
  readonly cloneUrl?: string;
  /** A pull request out of another repository. */
  readonly isFork?: boolean;
}

export interface Filter {
  readonly type: string;
  readonly pattern: string;
  readonly excludes: boolean;
}

/** Searches a text for a pattern, in time that grows with the text only. */
export type Matches = (pattern: string, text: string) => boolean;

const BUILT_WITHOUT_FILTERS: readonly EventType[] = [
  'PUSH',
  'PULL_REQUEST_CREATED',
  'PULL_REQUEST_UPDATED',
  'PULL_REQUEST_REOPENED',
];

/** One group that passes is enough, and a group passes when all its filters do. */
export function passesFilters(
  event: RepositoryEvent,
  groups: readonly (readonly Filter[])[],
  branchFilter: string | undefined,
  matches: Matches,
): boolean {
  if (groups.length > 0) {
    return groups.some((group) => group.every((filter) => passes(event, filter, matches)));
  }
  if (!BUILT_WITHOUT_FILTERS.includes(event.type)) return false;
  return (
    branchFilter === undefined ||
    matches(branchFilter, event.headRef?.replace(/^refs\/(heads|tags)\//, '') ?? '')
  );
}

function passes(event: RepositoryEvent, filter: Filter, matches: Matches): boolean {
  if (filter.type === 'EVENT') return eventTypesOf(filter.pattern).includes(event.type) !== filter.excludes;
  const values = valuesOf(event, filter.type);
  // What the event does not have neither matches nor is excluded.
  if (!values) return false;
  return values.some((value) => matches(filter.pattern, value)) !== filter.excludes;
}

export function eventTypesOf(pattern: string): readonly string[] {
  return pattern.split(',').map((type) => type.trim());
}

function valuesOf(event: RepositoryEvent, type: string): readonly string[] | undefined {
  if (type === 'FILE_PATH') return event.paths;
  const value = valueOf(event, type);
  return value === undefined ? undefined : [value];
}

function valueOf(event: RepositoryEvent, type: string): string | undefined {
  switch (type) {
    case 'ACTOR_ACCOUNT_ID':
      return event.actorId;
    case 'HEAD_REF':
      return event.headRef;
    case 'BASE_REF':
      return event.baseRef;
    case 'COMMIT_MESSAGE':
      return event.message;
    case 'TAG_NAME':
      return event.tagName;
    case 'RELEASE_NAME':
      return event.releaseName;
    case 'REPOSITORY_NAME':
      return event.repository;
    case 'ORGANIZATION_NAME':
      return event.organization;
    case 'WORKFLOW_NAME':
      return event.workflow;
    default:
      return undefined;
  }
}

/** The variables that only builds of webhooks have. */
export function webhookVariables(event: RepositoryEvent): Readonly<Record<string, string>> {
  const all: Readonly<Record<string, string | undefined>> = {
    CODEBUILD_WEBHOOK_ACTOR_ACCOUNT_ID: event.actorId,
    CODEBUILD_WEBHOOK_BASE_REF: event.baseRef,
    CODEBUILD_WEBHOOK_EVENT: event.type,
    CODEBUILD_WEBHOOK_HEAD_REF: event.headRef,
    CODEBUILD_WEBHOOK_MERGE_COMMIT: event.mergeCommit,
    CODEBUILD_WEBHOOK_PREV_COMMIT: event.previousCommit,
    CODEBUILD_WEBHOOK_TRIGGER: event.trigger,
  };
  return Object.fromEntries(
    Object.entries(all).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '',
    ),
  );
}
