/**
 * `git-credential-helper: yes`: git in the build's commands logs in where the sources of the build lie, and nowhere
 * else. It asks the house each time, so no token rests in the build; a build of a pull request is told nothing, because
 * its commands may be a stranger's.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec.env.git-credential-helper
 */

import type { BuildState, SourcePlan } from '#core/build/state.ts';
import type { Buildspec } from '#core/buildspec/buildspec.ts';
import type { Bench } from './bench.ts';
import { COMMANDS_FOLDER, GIT_HELPER } from './commands-on-path.ts';
import type { RoleSessions } from './credentials.ts';
import { gitPassword } from './git-password.ts';
import { repositoryOf } from './places.ts';
import type { Room } from './room.ts';
import { findSourceCredential } from './source-credentials.ts';

export function gitHelperVariables(bench: Bench, spec: Buildspec): [string, string][] {
  if (!spec.environment.gitCredentialHelper || isOfStranger(bench.plan.webhook)) return [];
  return [
    ['GIT_CONFIG_COUNT', '2'],
    ['GIT_CONFIG_KEY_0', 'credential.helper'],
    ['GIT_CONFIG_VALUE_0', `${bench.sandbox.workspace}/${COMMANDS_FOLDER}/${GIT_HELPER}`],
    ['GIT_CONFIG_KEY_1', 'credential.useHttpPath'],
    ['GIT_CONFIG_VALUE_1', 'true'],
  ];
}

function isOfStranger(webhook: Readonly<Record<string, string>> | undefined): boolean {
  return webhook?.['CODEBUILD_WEBHOOK_EVENT']?.startsWith('PULL_REQUEST') ?? false;
}

/** Answers git's question, who reached us as `host`; `undefined` when it asks for anything that is no source of its build. */
export async function answerGit(
  room: Room,
  sessions: RoleSessions,
  { plan, facts }: Pick<BuildState, 'plan'> & Partial<Pick<BuildState, 'facts'>>,
  asked: URLSearchParams,
  host: string,
): Promise<{ readonly username: string; readonly password: string } | undefined> {
  const { house } = room;
  if (!facts?.gitCredentialHelper || isOfStranger(plan.webhook)) return undefined;
  const url = `${asked.get('protocol') ?? ''}://${asked.get('host') ?? ''}/${asked.get('path') ?? ''}`;
  const source = [plan.source, ...plan.secondarySources].find((each) =>
    isFor(each, url, [host, new URL(house.endpoint()).host]),
  );
  if (!source) return undefined;
  if (source.type === 'CODECOMMIT') {
    const { credentials } = await sessions.of(plan);
    const { user, password } = gitPassword(credentials, new URL(url), house.region, house.clock.now());
    return { username: user, password };
  }
  const found = await findSourceCredential(house, source);
  return found.type === 'login' ? { username: found.login.user, password: found.login.password } : undefined;
}

/** A role may read any repository of the house; a token is good for its host. */
function isFor(source: SourcePlan, url: string, hosts: readonly string[]): boolean {
  if (!URL.canParse(url)) return false;
  const { host, origin, pathname } = new URL(url);
  if (source.type === 'CODECOMMIT') {
    return hosts.includes(host) && repositoryOf({ type: 'CODECOMMIT', location: pathname }) !== undefined;
  }
  return URL.canParse(source.location ?? '') && new URL(source.location ?? '').origin === origin;
}
