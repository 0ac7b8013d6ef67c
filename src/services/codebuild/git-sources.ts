/**
 * Sources that are repositories. They are cloned inside the sandbox, so that whatever git meets costs only the build:
 * the house's own with a password made from the build's role, those of other providers with imported credentials,
 * which are told to the host of the repository and to no other.
 */

import { valueInSecret } from '#core/buildspec/secret-reference.ts';
import { authoritiesFor } from './authorities.ts';
import { PhaseFailure, type Bench } from './bench.ts';
import type { CloneReference } from './clone-reference.ts';
import { gitPassword } from './git-password.ts';
import { makeFolder, repositoryOf, type SourcePlace } from './places.ts';
import { readSecret } from './secret-values.ts';
import { rememberSecrets } from './secrets.ts';
import { cloneQuestion } from './git-shell.ts';
import { findSourceCredential, loginName, type GitLogin } from './source-credentials.ts';

export type Refuse = (cause: string) => PhaseFailure;

const DEPTH_MAX = 25;
export const GIT_PROVIDERS = /^(GITHUB|GITHUB_ENTERPRISE|GITLAB|GITLAB_SELF_MANAGED|BITBUCKET)$/;

/** Resolves to the commit. */
export async function cloneRepository(
  bench: Bench,
  place: SourcePlace,
  version: string | undefined,
  refuse: Refuse,
): Promise<string> {
  const url = cloneUrl(bench, place, refuse);
  makeFolder(bench.sandbox.workspaceDirectory, place.inWorkspace, bench.sandbox.owner);
  const login = await loginFor(bench, place, url, refuse);
  const depth = place.source.gitCloneDepth ?? 0;
  const { answer } = await bench.ask(
    cloneQuestion({
      url: url.href,
      host: url.host,
      directory: place.path,
      version,
      depth: depth > DEPTH_MAX ? 0 : depth,
      submodules: place.source.fetchSubmodules ?? false,
      insecureSsl: place.source.insecureSsl ?? false,
      ...login,
      askpass: `${bench.sandbox.workspace}/readonly/askpass.sh`,
      authorities: authoritiesFor(bench),
    }),
  );
  const commit = /^commit ([0-9a-f]{40,64})$/.exec(answer)?.[1];
  if (commit) return commit;
  throw refuse(causeOf(answer.replace(/^failed /, '')));
}

/** The artifact of a source action that was asked for a full clone: the repository takes its place. */
export async function cloneReferred(
  bench: Bench,
  place: SourcePlace,
  { url, commitId }: CloneReference,
  refuse: Refuse,
): Promise<void> {
  const source = { ...place.source, type: 'CODECOMMIT', location: url };
  await cloneRepository(bench, { ...place, source }, commitId, refuse);
}

function cloneUrl(bench: Bench, { source }: SourcePlace, refuse: Refuse): URL {
  const location = source.location ?? '';
  if (source.type === 'CODECOMMIT') {
    const repository = repositoryOf(source);
    if (!repository) throw refuse(`the location ${location} is not a CodeCommit clone URL`);
    return new URL(`${bench.room.house.endpoint()}/v1/repos/${repository}`);
  }
  const url = URL.canParse(location) ? new URL(location) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw refuse('the location is not an HTTPS URL without user and password');
  }
  return url;
}

const NOBODY: GitLogin = { user: '', password: '' };

export async function loginFor(
  bench: Bench,
  place: SourcePlace,
  url: URL,
  refuse: Refuse,
): Promise<GitLogin> {
  const { house } = bench.room;
  if (place.source.type === 'CODECOMMIT') {
    const role = await bench.role();
    return gitPassword(role.credentials, url, house.region, house.clock.now());
  }
  const found = await findSourceCredential(house, place.source);
  switch (found.type) {
    case 'none':
      return NOBODY;
    case 'login':
      rememberSecrets(bench, [found.login.password]);
      return found.login;
    case 'connection':
      throw refuse('connections to providers are not part of Slipway; import an access token instead');
    case 'secret':
      return secretLogin(bench, place, found.resource, refuse);
  }
}

/** The secret is the token, or JSON that also says for whom. AWS: "Token in a Secrets Manager secret". */
async function secretLogin(
  bench: Bench,
  { source }: SourcePlace,
  id: string,
  refuse: Refuse,
): Promise<GitLogin> {
  const text = await readSecret(bench, { id }, refuse);
  const password = valueInSecret(text, 'Token') ?? text;
  rememberSecrets(bench, [text, password]);
  return { user: valueInSecret(text, 'UserName') ?? loginName(source.type), password };
}

function causeOf(said: string): string {
  if (/\b40[13]\b|not authorized|Authentication failed/i.test(said)) return 'authorization failed';
  if (/could not read (Username|Password)/i.test(said)) return 'authentication required';
  if (/repository .*not found|\b404\b/i.test(said)) return 'repository not found';
  if (/reference not found|Remote branch .* not found/i.test(said)) return 'reference not found';
  return said;
}
