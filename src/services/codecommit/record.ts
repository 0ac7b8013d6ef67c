/**
 * What CloudTrail shows of git: a GitPull for each clone and fetch, and two GitPush records for a push, of which the
 * second names the references. A mere look at the references is no pull; it stands in the log. See "Logging AWS CodeCommit API calls with AWS CloudTrail" in the user guide.
 */

import type { IncomingMessage } from 'node:http';
import type { Principal } from '#core/policy/principal.ts';
import type { CommandList } from './pkt-line.ts';
import type { GitService } from './refusal.ts';
import { repositoryArn, type Room } from './room.ts';

export interface GitVisit {
  readonly request: IncomingMessage;
  readonly principal: Principal;
  readonly service: GitService;
  readonly repositoryName: string;
  /** Absent where the caller is not told whether the repository exists. */
  readonly repositoryId: string | undefined;
  /** Contents travelled, and not only the list of references. */
  readonly isTransfer: boolean;
  readonly error?: { readonly code: string; readonly message: string };
}

const REFERENCES_SHOWN_MAX = 500;

/** Resolves when the visit may be answered. */
export async function recordVisit({ house }: Room, visit: GitVisit, push?: CommandList): Promise<void> {
  const { repositoryName, repositoryId, isTransfer: dataTransferred } = visit;
  const references = push?.commands
    .slice(0, REFERENCES_SHOWN_MAX)
    .map(({ name: ref, newId: commit }) => (commit === undefined ? { ref } : { commit, ref }));
  const isPush = visit.service === 'git-receive-pack';
  await house.trust.record({
    service: 'codecommit',
    name: isPush ? 'GitPush' : 'GitPull',
    readOnly: !(isPush && dataTransferred),
    principal: visit.principal,
    from: visit.request,
    arns: [repositoryArn(house, repositoryName)],
    request: references && { references },
    error: visit.error,
    additional: {
      protocol: 'HTTP',
      dataTransferred,
      repositoryName,
      ...(repositoryId !== undefined && { repositoryId }),
      ...(push && { capabilities: [...push.capabilities] }),
    },
  });
}
