/**
 * Webhooks of repositories at GitHub, made and removed through its REST API. The address of the API is the operator's
 * choice, for GitHub Enterprise Server; the token that a customer gave to a source action goes nowhere else.
 * GitHub: "REST API endpoints for repository webhooks".
 */

export interface GithubRepository {
  readonly owner: string;
  readonly name: string;
  readonly token: string;
}

/** What GitHub said no to, or that it could not be reached; safe to show. */
export class GithubFailed extends Error {
  override readonly name = 'GithubFailed';
}

export const GITHUB_API = 'https://api.github.com';

const CALL_MS_MAX = 10_000;
const ANSWER_LENGTH_MAX = 1024 * 1024;
const MESSAGE_LENGTH_MAX = 300;
/** GitHub allows 20 webhooks of one event; one page holds more. */
const HOOKS_PER_PAGE = 100;
const NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/;
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/;

/** Makes the hook that calls `url`, or puts right the one that does already. */
export async function registerHook(
  api: string,
  repository: GithubRepository,
  url: string,
  secret: string | undefined,
): Promise<void> {
  const config = {
    url,
    content_type: 'json',
    insecure_ssl: '0',
    ...(secret === undefined ? {} : { secret }),
  };
  const hook = { active: true, events: ['push'], config };
  const id = await findHook(api, repository, url);
  if (id === undefined) await call(api, repository, 'POST', '', { name: 'web', ...hook });
  else await call(api, repository, 'PATCH', `/${id}`, hook);
}

/** A hook that is not there is fine. */
export async function removeHook(api: string, repository: GithubRepository, url: string): Promise<void> {
  const id = await findHook(api, repository, url);
  if (id !== undefined) await call(api, repository, 'DELETE', `/${id}`);
}

async function findHook(api: string, repository: GithubRepository, url: string): Promise<number | undefined> {
  const hooks = await call(api, repository, 'GET', `?per_page=${HOOKS_PER_PAGE}`);
  if (!Array.isArray(hooks)) throw new GithubFailed('GitHub did not answer with a list of webhooks');
  for (const hook of hooks as { readonly id?: unknown; readonly config?: { readonly url?: unknown } }[]) {
    if (hook?.config?.url === url && typeof hook.id === 'number') return hook.id;
  }
  return undefined;
}

async function call(
  api: string,
  repository: GithubRepository,
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  below: string,
  body?: object,
): Promise<unknown> {
  const { owner, name, token } = repository;
  if (!NAME.test(owner) || !NAME.test(name)) {
    throw new GithubFailed('The owner or the name of the repository is not one that GitHub has');
  }
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${baseOf(api)}/repos/${owner}/${name}/hooks${below}`, {
      method,
      headers: {
        accept: 'application/vnd.github+json',
        authorization: `Bearer ${token}`,
        'user-agent': 'slipway',
        'x-github-api-version': '2022-11-28',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      // A redirect would carry the token to wherever it leads.
      redirect: 'error',
      signal: AbortSignal.timeout(CALL_MS_MAX),
    });
    text = await readText(response);
  } catch (error) {
    if (error instanceof GithubFailed) throw error;
    throw new GithubFailed('GitHub could not be reached', { cause: error });
  }
  const answer = parse(text);
  if (response.ok) return answer;
  throw new GithubFailed(`GitHub answered ${response.status}: ${messageOf(answer, token)}`);
}

/** Only loopback may be asked without TLS. */
function baseOf(api: string): string {
  const base = URL.parse(api);
  if (!base) throw new GithubFailed('The address of the GitHub API is not a URL');
  if (base.protocol === 'https:' || (base.protocol === 'http:' && LOOPBACK.test(base.hostname))) {
    return base.href.replace(/\/+$/, '');
  }
  throw new GithubFailed('The address of the GitHub API must begin with https://');
}

async function readText(response: Response): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > ANSWER_LENGTH_MAX) throw new GithubFailed('The answer of GitHub has no end');
  }
  return text;
}

function parse(text: string): unknown {
  try {
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  } catch (error) {
    throw new GithubFailed('GitHub did not answer with JSON', { cause: error });
  }
}

/** Whatever the other side writes, the token is not shown. */
function messageOf(answer: unknown, token: string): string {
  const message = (answer as { readonly message?: unknown } | undefined)?.message;
  return (typeof message === 'string' ? message : 'no reason')
    .replaceAll(token || '\0', '****')
    .slice(0, MESSAGE_LENGTH_MAX);
}
