/** Deliveries of GitLab. GitLab: "Webhook events". */

import { isNoCommit, listAt, objectAt, pathsOf, present, textAt } from './body.ts';
import type { EventType, RepositoryEvent } from './event.ts';

const REQUESTS: Readonly<Record<string, EventType>> = {
  open: 'PULL_REQUEST_CREATED',
  update: 'PULL_REQUEST_UPDATED',
  merge: 'PULL_REQUEST_MERGED',
  reopen: 'PULL_REQUEST_REOPENED',
  close: 'PULL_REQUEST_CLOSED',
};

/** `name` is the header `x-gitlab-event`; nothing for what builds nothing. */
export function readGitlab(name: string, body: unknown): RepositoryEvent[] {
  const path = textAt(body, 'project', 'path_with_namespace');
  const common = {
    actorId: textAt(body, 'user_id') ?? textAt(body, 'user', 'id') ?? '',
    repository: path?.slice(path.lastIndexOf('/') + 1),
    organization: path?.split('/', 1)[0],
    cloneUrl: textAt(body, 'project', 'git_http_url'),
  };
  const event = readOne(name, body);
  return event ? [present<RepositoryEvent>({ ...common, ...event })] : [];
}

type Told = Omit<RepositoryEvent, 'actorId'>;

function readOne(name: string, body: unknown): Told | undefined {
  switch (name) {
    case 'Push Hook':
    case 'Tag Push Hook':
      return readPush(body);
    case 'Merge Request Hook':
      return readRequest(body);
    case 'Release Hook':
      return readRelease(body);
    default:
      return undefined;
  }
}

function readPush(body: unknown): Told | undefined {
  const ref = textAt(body, 'ref') ?? '';
  const [, kind, short = ''] = /^refs\/(heads|tags)\/(.+)$/.exec(ref) ?? [];
  const commit = textAt(body, 'checkout_sha') ?? textAt(body, 'after');
  if (kind === undefined || commit === undefined || isNoCommit(textAt(body, 'after'))) return undefined;
  return present<Told>({
    type: 'PUSH',
    version: commit,
    trigger: `${kind === 'heads' ? 'branch' : 'tag'}/${short}`,
    headRef: ref,
    paths: pathsOf(listAt(body, 'commits')),
    message: textAt(listAt(body, 'commits').at(-1), 'message'),
    previousCommit: isNoCommit(textAt(body, 'before')) ? undefined : textAt(body, 'before'),
  });
}

function readRequest(body: unknown): Told | undefined {
  const request = objectAt(body, 'object_attributes');
  const action = textAt(request, 'action') ?? '';
  const type = Object.hasOwn(REQUESTS, action) ? REQUESTS[action] : undefined;
  const commit = textAt(request, 'last_commit', 'id');
  if (type === undefined || commit === undefined) return undefined;
  // An update without a former commit changed a title or a label, and no code.
  if (type === 'PULL_REQUEST_UPDATED' && textAt(request, 'oldrev') === undefined) return undefined;
  return present<Told>({
    type,
    version: commit,
    trigger: `pr/${textAt(request, 'iid') ?? ''}`,
    headRef: `refs/heads/${textAt(request, 'source_branch') ?? ''}`,
    baseRef: `refs/heads/${textAt(request, 'target_branch') ?? ''}`,
    message: textAt(request, 'last_commit', 'message'),
    mergeCommit: textAt(request, 'merge_commit_sha'),
    isFork: textAt(request, 'source_project_id') !== textAt(request, 'target_project_id'),
  });
}

function readRelease(body: unknown): Told | undefined {
  const tag = textAt(body, 'tag');
  const action = textAt(body, 'action') ?? '';
  if (tag === undefined || (action !== 'create' && action !== 'update')) return undefined;
  return present<Told>({
    type: 'RELEASED',
    version: tag,
    trigger: `tag/${tag}`,
    headRef: `refs/tags/${tag}`,
    tagName: tag,
    releaseName: textAt(body, 'name'),
  });
}
