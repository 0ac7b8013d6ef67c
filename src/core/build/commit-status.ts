/**
 * What a provider of repositories is told of a build: a status of its commit. How each of them wants to hear it is
 * decided here; who asks is `services/codebuild/commit-status.ts`.
 * GitHub: "REST API endpoints for commit statuses". GitLab: "Commits API". Bitbucket: "The commit statuses API".
 */

import type { BuildState, PhaseStatus } from './state.ts';

export type Provider = 'github' | 'gitlab' | 'bitbucket';
/** Addresses of APIs that the operator named. */
export type StatusApis = Readonly<Partial<Record<Provider, string>>>;

export interface StatusRequest {
  /** Below the address of the provider's API. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, string>>;
}

export interface StatusPlan {
  readonly provider: Provider;
  /** `owner/name`, with GitLab's groups in front. */
  readonly repository: string;
  readonly commit: string;
  readonly context: string;
  readonly targetUrl?: string;
  /** Nothing while the build runs. */
  readonly status?: PhaseStatus;
  readonly projectName: string;
  readonly login: { readonly user: string; readonly password: string };
}

const CONTEXT_LENGTH_MAX = 255;
const DESCRIPTION_LENGTH_MAX = 140;
const BITBUCKET_KEY_LENGTH_MAX = 40;
const COMMIT = /^[0-9a-f]{40}$/;
const NAME = /^[\w.-]{1,100}$/;

const WORDS: Readonly<
  Record<'RUNNING' | PhaseStatus, readonly [github: string, gitlab: string, bitbucket: string, text: string]>
> = {
  RUNNING: ['pending', 'running', 'INPROGRESS', 'started'],
  SUCCEEDED: ['success', 'success', 'SUCCESSFUL', 'succeeded'],
  FAILED: ['failure', 'failed', 'FAILED', 'failed'],
  TIMED_OUT: ['failure', 'failed', 'FAILED', 'timed out'],
  STOPPED: ['error', 'canceled', 'STOPPED', 'was stopped'],
  FAULT: ['error', 'failed', 'FAILED', 'faulted'],
};

/** The commit of which a build can tell, once it is known. */
export function commitOf({ plan, facts }: BuildState): string | undefined {
  const commit = facts.resolvedSourceVersion ?? plan.sourceVersion ?? '';
  return COMMIT.test(commit) ? commit : undefined;
}

export function providerOf(sourceType: string): Provider | undefined {
  if (sourceType.startsWith('GITHUB')) return 'github';
  if (sourceType.startsWith('GITLAB')) return 'gitlab';
  return sourceType === 'BITBUCKET' ? 'bitbucket' : undefined;
}

/** `owner/name` of a clone URL; `undefined` when it is none. */
export function repositoryOfUrl(location: string, provider: Provider): string | undefined {
  const path = /^https?:\/\/[^/]+\/(.+?)(?:\.git)?\/?$/.exec(location)?.[1];
  const parts = path?.split('/') ?? [];
  const isWhole = parts.length === 2 || (provider === 'gitlab' && parts.length > 2 && parts.length <= 20);
  const isPlain = parts.every((part) => NAME.test(part) && !/^\.+$/.test(part));
  return isWhole && isPlain ? parts.join('/') : undefined;
}

/** `$CODEBUILD_BUILD_NUMBER` and `${…}` in the words that a project chose. */
export function expandStatusText(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(
    /\$(?:\{(\w+)\}|(\w+))/g,
    (whole, braced: string | undefined, plain: string | undefined) => {
      const name = braced ?? plain ?? '';
      return Object.hasOwn(variables, name) ? (variables[name] ?? '') : whole;
    },
  );
}

export function statusRequest(plan: StatusPlan): StatusRequest {
  const [github, gitlab, bitbucket, verb] = WORDS[plan.status ?? 'RUNNING'];
  const description = `Build ${verb} for project ${plan.projectName}`.slice(0, DESCRIPTION_LENGTH_MAX);
  const context = plan.context.slice(0, CONTEXT_LENGTH_MAX);
  const { repository, commit, targetUrl, login } = plan;
  const target = (name: string) => (targetUrl === undefined ? {} : { [name]: targetUrl });
  switch (plan.provider) {
    case 'github':
      return {
        path: `/repos/${repository}/statuses/${commit}`,
        headers: { authorization: `Bearer ${login.password}`, accept: 'application/vnd.github+json' },
        body: { state: github, context, description, ...target('target_url') },
      };
    case 'gitlab':
      return {
        path: `/projects/${encodeURIComponent(repository)}/statuses/${commit}`,
        headers: { 'private-token': login.password },
        body: { state: gitlab, name: context, description, ...target('target_url') },
      };
    case 'bitbucket': {
      const isToken = login.user === 'x-token-auth';
      const basic = `Basic ${base64(`${login.user}:${login.password}`)}`;
      return {
        path: `/repositories/${repository}/commit/${commit}/statuses/build`,
        headers: { authorization: isToken ? `Bearer ${login.password}` : basic },
        body: {
          key: context.slice(0, BITBUCKET_KEY_LENGTH_MAX),
          name: context,
          state: bitbucket,
          description,
          ...target('url'),
        },
      };
    }
  }
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
