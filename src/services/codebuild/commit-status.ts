/**
 * Tells the provider of a repository how the build of a commit goes. Tokens of customers go to the addresses that the
 * operator named, or to the provider's own for repositories that lie there, and nowhere else. A status that cannot be
 * told fails no build: what may pass is tried again by the engine, the rest is said in the server's log.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/create-project.html
 */

import { isFault } from '#base/fault.ts';
import {
  commitOf,
  expandStatusText,
  providerOf,
  repositoryOfUrl,
  statusRequest,
  type Provider,
  type StatusApis,
  type StatusRequest,
} from '#core/build/commit-status.ts';
import type { BuildState, SourcePlan } from '#core/build/state.ts';
import { valueInSecret } from '#core/buildspec/secret-reference.ts';
import type { RoleSessions } from './credentials.ts';
import type { Room } from './room.ts';
import { findSourceCredential, loginName, type GitLogin } from './source-credentials.ts';
import { numberOf } from './starting.ts';

const OWN: Readonly<Record<Provider, readonly [host: string, api: string]>> = {
  github: ['github.com', 'https://api.github.com'],
  gitlab: ['gitlab.com', 'https://gitlab.com/api/v4'],
  bitbucket: ['bitbucket.org', 'https://api.bitbucket.org/2.0'],
};
const SETTINGS: Readonly<Record<Provider, string>> = {
  github: 'SLIPWAY_GITHUB_API',
  gitlab: 'SLIPWAY_GITLAB_API',
  bitbucket: 'SLIPWAY_BITBUCKET_API',
};
const CALL_MS_MAX = 10_000;
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/;

export function readStatusApis(environment: NodeJS.ProcessEnv): StatusApis {
  return Object.fromEntries(
    Object.entries(SETTINGS).flatMap(([provider, name]) => {
      const api = environment[name];
      return api ? [[provider, api.replace(/\/+$/, '')]] : [];
    }),
  );
}

type Target =
  | { readonly provider: Provider; readonly repository: string; readonly api: string }
  | { readonly problem: string };

/** Where the status of a build goes. */
function targetOf(apis: StatusApis, { type, location = '' }: SourcePlan): Target {
  const provider = providerOf(type);
  const repository = provider && repositoryOfUrl(location, provider);
  if (!provider || !repository) return { problem: 'its location names no repository of a provider' };
  const [ownHost, ownApi] = OWN[provider];
  const isOwn = new URL(location).hostname === ownHost;
  const api = apis[provider] ?? (isOwn ? ownApi : undefined);
  if (api === undefined) return { problem: `the operator of this server has not set ${SETTINGS[provider]}` };
  const { protocol, hostname } = URL.parse(api) ?? {};
  if (protocol !== 'https:' && !(protocol === 'http:' && LOOPBACK.test(hostname ?? ''))) {
    return { problem: `the address in ${SETTINGS[provider]} does not begin with https://` };
  }
  return { provider, repository, api };
}

/** Why the status of a build that wants it is not told, for its log. */
export function statusProblem(apis: StatusApis, source: SourcePlan): string | undefined {
  const target = targetOf(apis, source);
  return 'problem' in target ? target.problem : undefined;
}

/** Throws what may be otherwise at the next try. */
export async function reportStatus(
  room: Room,
  sessions: RoleSessions,
  id: string,
  change: 'PENDING' | 'ENDED',
): Promise<void> {
  const state = await room.house.engine.read(room.machine(), id);
  if (state) await tellStatus(room, sessions, state, await numberOf(room, id), change);
}

/** The same of a state that is given, as that of a batch in the form of a build. */
export async function tellStatus(
  room: Room,
  sessions: RoleSessions,
  state: BuildState,
  number: number,
  change: 'PENDING' | 'ENDED',
): Promise<void> {
  const { house, statusApis } = room;
  const { id } = state.plan;
  const commit = commitOf(state);
  // A pending status must not come after the last one.
  if (commit === undefined || (change === 'PENDING' && state.isComplete)) return;
  const give = (reason: string) =>
    house.log.warn('the status of a build was not told to its provider', { buildId: id, reason });
  const target = targetOf(statusApis, state.plan.source);
  if ('problem' in target) return give(target.problem);
  const login = await loginOf(room, sessions, state);
  if (typeof login === 'string') return give(login);
  const variables = variablesOf(room, state, number);
  const { context, targetUrl } = state.plan.source.buildStatus ?? {};
  const url = targetUrl ?? (target.provider === 'bitbucket' ? `${house.endpoint()}/console` : undefined);
  const request = statusRequest({
    ...target,
    commit,
    context: expandStatusText(
      context ?? `AWS CodeBuild ${house.region} (${state.plan.projectName})`,
      variables,
    ),
    ...(url === undefined ? {} : { targetUrl: expandStatusText(url, variables) }),
    ...(state.isComplete && state.status !== 'IN_PROGRESS' ? { status: state.status } : {}),
    projectName: state.plan.projectName,
    login,
  });
  const refused = await post(`${target.api}${request.path}`, request);
  if (refused !== undefined) give(refused);
}

/** Resolves to what will not change by asking again; no word of the other side is repeated, as it may hold the token. */
async function post(url: string, { headers, body }: StatusRequest): Promise<string | undefined> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', 'user-agent': 'slipway' },
      body: JSON.stringify(body),
      // A redirect would carry the token to wherever it leads.
      redirect: 'error',
      signal: AbortSignal.timeout(CALL_MS_MAX),
    });
    await response.body?.cancel();
  } catch (error) {
    throw new Error(`the provider could not be reached (${(error as Error).name})`);
  }
  if (response.ok) return undefined;
  if (response.status >= 500 || response.status === 429)
    throw new Error(`the provider answered ${response.status}`);
  return `the provider answered ${response.status}`;
}

/** The credential of the source, or why there is none. */
async function loginOf(room: Room, sessions: RoleSessions, { plan }: BuildState): Promise<GitLogin | string> {
  const found = await findSourceCredential(room.house, plan.source);
  switch (found.type) {
    case 'none':
      return `there is no credential for ${plan.source.type}`;
    case 'connection':
      return 'connections to providers are not part of Slipway';
    case 'login':
      return found.login;
    case 'secret':
      try {
        const role = await sessions.of(plan);
        const { SecretString = '' } = await role.send('secretsmanager:GetSecretValue', {
          SecretId: found.resource,
        });
        const password = valueInSecret(SecretString, 'Token') ?? SecretString;
        return { user: valueInSecret(SecretString, 'UserName') ?? loginName(plan.source.type), password };
      } catch (error) {
        if (isFault(error)) return `its secret could not be read: ${error.code}`;
        throw error;
      }
  }
}

function variablesOf(
  room: Room,
  { plan, facts, startAt }: BuildState,
  number: number,
): Record<string, string> {
  return {
    AWS_REGION: room.house.region,
    CODEBUILD_BUILD_ARN: plan.arn,
    CODEBUILD_BUILD_ID: plan.id,
    CODEBUILD_BUILD_NUMBER: String(number),
    CODEBUILD_BUILD_IMAGE: plan.environment.image,
    CODEBUILD_INITIATOR: plan.initiator,
    CODEBUILD_LOG_PATH: plan.logs?.streamName ?? '',
    CODEBUILD_SOURCE_REPO_URL: plan.source.location ?? '',
    CODEBUILD_SOURCE_VERSION: plan.sourceVersion ?? '',
    CODEBUILD_RESOLVED_SOURCE_VERSION: facts.resolvedSourceVersion ?? '',
    CODEBUILD_START_TIME: String(startAt),
    ...plan.webhook,
  };
}
