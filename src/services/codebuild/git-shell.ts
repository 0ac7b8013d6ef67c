/** The shell texts that bring a repository into the workspace of a build. */

import { quote } from './shell.ts';

/** What git asks for, from variables that only the cloning step has; another host than the repository's learns nothing. */
export const ASKPASS_SCRIPT = `#!/bin/sh
case $1 in
*"//$SLIPWAY_GIT_HOST'"* | *"@$SLIPWAY_GIT_HOST'"* | *"//$SLIPWAY_GIT_HOST/"* | *"@$SLIPWAY_GIT_HOST/"*) ;;
*) exit 1 ;;
esac
[ -n "$SLIPWAY_GIT_USER" ] || exit 1
case $1 in
Username*) printf %s "$SLIPWAY_GIT_USER" ;;
*) printf %s "$SLIPWAY_GIT_PASSWORD" ;;
esac
`;

export interface Clone {
  readonly url: string;
  /** With its port. */
  readonly host: string;
  readonly directory: string;
  readonly version: string | undefined;
  /** 0 for the whole history. */
  readonly depth: number;
  readonly submodules: boolean;
  readonly insecureSsl: boolean;
  readonly user: string;
  readonly password: string;
  readonly askpass: string;
  /** A file of certificates, where the machine's own do not do. */
  readonly authorities: string | undefined;
}

interface Wanted {
  /** What to look for among branches, tags and commits. */
  readonly name: string;
  /** A reference that a clone does not bring along. */
  readonly reference?: string;
  readonly isCommit: boolean;
}

/** `main`, `refs/heads/main`, `pr/7`, `refs/pull/7/head^{<commit>}`, a commit. */
function wantedOf(version: string): Wanted {
  const [, plain = version, pinned] = /^(.*)\^\{([0-9a-f]{40})\}$/.exec(version) ?? [];
  const request = /^pr\/(\d{1,9})$/.exec(plain)?.[1];
  const isHidden = plain.startsWith('refs/') && !/^refs\/(heads|tags)\//.test(plain);
  const reference = request === undefined ? (isHidden ? plain : undefined) : `refs/pull/${request}/head`;
  const name = pinned ?? plain.replace(/^refs\/(heads|tags)\//, '');
  return { name, isCommit: /^[0-9a-f]{40}$/.test(name), ...(reference === undefined ? {} : { reference }) };
}

/** Answers `commit <id>`, or `failed <what git said>`. The work tree is a detached head, as CodeBuild leaves it. */
export function cloneQuestion(clone: Clone): string {
  const { name, reference, isCommit } = wantedOf(clone.version ?? '');
  const isShallow = clone.depth > 0 && !isCommit;
  const depth = isShallow ? `--depth ${clone.depth}` : '';
  const branch = isShallow && name !== '' && reference === undefined ? `--branch ${quote(name)}` : '';
  const names =
    name === ''
      ? 'refs/remotes/origin/HEAD HEAD'
      : '"refs/remotes/origin/$wanted" "refs/tags/$wanted" "$wanted"';
  const fetch =
    reference === undefined
      ? ''
      : `git fetch --quiet ${depth} origin ${quote(reference)} || return 1
  ${isCommit ? '' : 'wanted=FETCH_HEAD'}`;
  return `export SLIPWAY_GIT_USER=${quote(clone.user)} SLIPWAY_GIT_PASSWORD=${quote(clone.password)} SLIPWAY_GIT_HOST=${quote(clone.host)}
export GIT_ASKPASS=${quote(clone.askpass)} GIT_TERMINAL_PROMPT=0 GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
export GIT_ALLOW_PROTOCOL=http:https${clone.insecureSsl ? ' GIT_SSL_NO_VERIFY=true' : ''}${clone.authorities === undefined ? '' : ` GIT_SSL_CAINFO=${quote(clone.authorities)}`}
clone() {
  rm -rf ${quote(clone.directory)} && mkdir -p ${quote(clone.directory)} && cd ${quote(clone.directory)} || return 1
  git -c advice.detachedHead=false clone --quiet --no-checkout ${depth} ${branch} ${quote(clone.url)} . || return 1
  wanted=${quote(name)}
  ${fetch}
  for name in ${names}; do
    commit=$(git rev-parse --quiet --verify "$name^{commit}") || continue
    git checkout --quiet --detach "$commit" || return 1
    ${clone.submodules ? `git submodule --quiet update --init --recursive ${depth}` : ''}
    return
  done
  echo 'reference not found'
  return 1
}
if said=$(clone 2>&1); then
  cd ${quote(clone.directory)} && echo "commit $(git rev-parse HEAD)"
else
  echo "failed $(printf %s "$said" | tr '\\n' ' ' | cut -c1-1000)"
fi
`;
}
