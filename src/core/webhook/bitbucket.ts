/** Deliveries of Bitbucket; one push may tell of several branches. Bitbucket: "Event payloads". */

import { listAt, objectAt, present, textAt } from './body.ts';
import type { EventType, RepositoryEvent } from './event.ts';

const REQUESTS: Readonly<Record<string, EventType>> = {
  'pullrequest:created': 'PULL_REQUEST_CREATED',
  'pullrequest:updated': 'PULL_REQUEST_UPDATED',
  'pullrequest:fulfilled': 'PULL_REQUEST_MERGED',
  'pullrequest:rejected': 'PULL_REQUEST_CLOSED',
};
const CHANGES_MAX = 20;

/** `name` is the header `x-event-key`; nothing for what builds nothing. */
export function readBitbucket(name: string, body: unknown): RepositoryEvent[] {
  const common = {
    actorId: textAt(body, 'actor', 'account_id') ?? '',
    repository: textAt(body, 'repository', 'name'),
    organization: textAt(body, 'repository', 'workspace', 'slug'),
    cloneUrl: textAt(body, 'repository', 'links', 'html', 'href'),
  };
  const told = name === 'repo:push' ? readPush(body) : readRequest(name, body);
  return told.map((event) => present<RepositoryEvent>({ ...common, ...event }));
}

type Told = Omit<RepositoryEvent, 'actorId'>;

function readPush(body: unknown): Told[] {
  return listAt(body, 'push', 'changes')
    .slice(0, CHANGES_MAX)
    .flatMap((change) => {
      const ref = objectAt(change, 'new');
      const commit = textAt(ref, 'target', 'hash');
      const name = textAt(ref, 'name');
      // A branch that was deleted has nothing new.
      if (commit === undefined || name === undefined) return [];
      const isTag = textAt(ref, 'type') === 'tag';
      return [
        present<Told>({
          type: 'PUSH',
          version: commit,
          trigger: `${isTag ? 'tag' : 'branch'}/${name}`,
          headRef: `refs/${isTag ? 'tags' : 'heads'}/${name}`,
          message: textAt(ref, 'target', 'message'),
          previousCommit: textAt(change, 'old', 'target', 'hash'),
        }),
      ];
    });
}

function readRequest(name: string, body: unknown): Told[] {
  const type = Object.hasOwn(REQUESTS, name) ? REQUESTS[name] : undefined;
  const request = objectAt(body, 'pullrequest');
  const commit = textAt(request, 'source', 'commit', 'hash');
  if (type === undefined || commit === undefined) return [];
  return [
    present<Told>({
      type,
      version: commit,
      trigger: `pr/${textAt(request, 'id') ?? ''}`,
      headRef: `refs/heads/${textAt(request, 'source', 'branch', 'name') ?? ''}`,
      baseRef: `refs/heads/${textAt(request, 'destination', 'branch', 'name') ?? ''}`,
      mergeCommit: textAt(request, 'merge_commit', 'hash'),
      isFork:
        textAt(request, 'source', 'repository', 'uuid') !==
        textAt(request, 'destination', 'repository', 'uuid'),
    }),
  ];
}
