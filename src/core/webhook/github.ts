/** Deliveries of GitHub and GitHub Enterprise. GitHub: "Webhook events and payloads". */

import { isNoCommit, listAt, objectAt, pathsOf, present, textAt } from './body.ts';
import type { EventType, RepositoryEvent } from './event.ts';

const REQUESTS: Readonly<Record<string, EventType>> = {
  opened: 'PULL_REQUEST_CREATED',
  synchronize: 'PULL_REQUEST_UPDATED',
  reopened: 'PULL_REQUEST_REOPENED',
};
/** AWS names these two alone among releases. */
const RELEASES: Readonly<Record<string, EventType>> = { released: 'RELEASED', prereleased: 'PRERELEASED' };

/** `name` is the header `x-github-event`; nothing for what builds nothing. */
export function readGithub(name: string, body: unknown): RepositoryEvent[] {
  const common = {
    actorId: textAt(body, 'sender', 'id') ?? '',
    repository: textAt(body, 'repository', 'name'),
    organization: textAt(body, 'organization', 'login') ?? textAt(body, 'repository', 'owner', 'login'),
    cloneUrl: textAt(body, 'repository', 'clone_url'),
  };
  const event = readOne(name, body);
  return event ? [present<RepositoryEvent>({ ...common, ...event })] : [];
}

type Told = Omit<RepositoryEvent, 'actorId'>;

function readOne(name: string, body: unknown): Told | undefined {
  switch (name) {
    case 'push':
      return readPush(body);
    case 'pull_request':
      return readRequest(body);
    case 'release':
      return readRelease(body);
    default:
      return undefined;
  }
}

function readPush(body: unknown): Told | undefined {
  const ref = textAt(body, 'ref') ?? '';
  const after = textAt(body, 'after');
  const [, kind, short = ''] = /^refs\/(heads|tags)\/(.+)$/.exec(ref) ?? [];
  if (kind === undefined || after === undefined || isNoCommit(after)) return undefined;
  return present<Told>({
    type: 'PUSH',
    version: after,
    trigger: `${kind === 'heads' ? 'branch' : 'tag'}/${short}`,
    headRef: ref,
    paths: pathsOf(listAt(body, 'commits')),
    message: textAt(body, 'head_commit', 'message'),
    previousCommit: isNoCommit(textAt(body, 'before')) ? undefined : textAt(body, 'before'),
  });
}

function readRequest(body: unknown): Told | undefined {
  const action = textAt(body, 'action') ?? '';
  const request = objectAt(body, 'pull_request');
  const number = textAt(body, 'number') ?? textAt(request, 'number');
  const closed = request['merged'] === true ? 'PULL_REQUEST_MERGED' : 'PULL_REQUEST_CLOSED';
  const type = action === 'closed' ? closed : Object.hasOwn(REQUESTS, action) ? REQUESTS[action] : undefined;
  if (type === undefined || !/^\d{1,9}$/.test(number ?? '')) return undefined;
  return {
    type,
    version: `pr/${number}`,
    trigger: `pr/${number}`,
    headRef: `refs/heads/${textAt(request, 'head', 'ref') ?? ''}`,
    baseRef: `refs/heads/${textAt(request, 'base', 'ref') ?? ''}`,
    isFork: textAt(request, 'head', 'repo', 'id') !== textAt(request, 'base', 'repo', 'id'),
  };
}

function readRelease(body: unknown): Told | undefined {
  const action = textAt(body, 'action') ?? '';
  const type = Object.hasOwn(RELEASES, action) ? RELEASES[action] : undefined;
  const tag = textAt(body, 'release', 'tag_name');
  if (type === undefined || tag === undefined) return undefined;
  return present<Told>({
    type,
    version: tag,
    trigger: `tag/${tag}`,
    headRef: `refs/tags/${tag}`,
    tagName: tag,
    releaseName: textAt(body, 'release', 'name'),
  });
}
