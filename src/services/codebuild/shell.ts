/**
 * The shell texts of a build. In version 0.2 all commands behave as one shell: each item of the buildspec is a script
 * of its own that takes over the variables, exports and working directory of the one before and leaves its own behind
 * when it exits. Options, functions and traps do not carry over; that is how CodeBuild does it.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec-ref-versions
 */

/** A word that the shell takes as it is. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Assignments that start the environment; names are valid. */
export function environmentScript(variables: ReadonlyMap<string, string>): string {
  return [...variables].map(([name, value]) => `export ${name}=${quote(value)}\n`).join('');
}

/** Where variables rest between commands, below the workspace; the folder is made before the first command. */
export const KEPT_FOLDER = 'output/tmp/environment';

/** Read by every command before anything else; `version` 0.1 knows no state between commands. */
export function stateScript(workspace: string, version: '0.1' | '0.2'): string {
  const fresh = `. ${quote(`${workspace}/readonly/environment.sh`)}\ncd "$CODEBUILD_SRC_DIR"\n`;
  if (version === '0.1') return fresh;
  const kept = quote(`${workspace}/${KEPT_FOLDER}`);
  return `if [ -f ${kept}/ready ]; then
  if [ -n "\${BASH_VERSION-}" ]; then
    while IFS= read -r __line; do
      __line=\${__line#declare -}
      __flags=\${__line%% *}
      __line=\${__line#* }
      __name=\${__line%%=*}
      case $__flags:$__name in
      *[aAnr]*:* | *:BASH* | *:DIRSTACK | *:GROUPS | *:FUNCNAME | *:PIPESTATUS | *:_ | *:__*) continue ;;
      esac
      [ "$__name" = "$__line" ] || eval "$__line"
      case $__flags in *x*) export "\${__name?}" ;; esac
    done <${kept}/variables
  else
    . ${kept}/variables
    . ${kept}/exports
  fi
  unset __line __flags __name
  cd "$PWD" 2>/dev/null || cd "$CODEBUILD_SRC_DIR"
else
  ${fresh.trimEnd().replace('\n', '\n  ')}
fi
__keep() {
  set +aeux
  unset IFS
  umask 0
  if [ -n "\${BASH_VERSION-}" ]; then
    declare -p >${kept}/variables
  else
    set >${kept}/variables
    export -p >${kept}/exports
  fi
  : >${kept}/ready
} 2>/dev/null
trap __keep EXIT
`;
}

/** Begins a script anew as that user. The variable tells that it is him already. */
function becomeScript(user: string, shell: 'sh' | 'bash'): string {
  return `[ "\${__user-}" = ${quote(user)} ] || {
  export __user=${quote(user)}
  exec setpriv --reuid="$__user" --regid="$(id -g "$__user")" --init-groups /bin/${shell} "$0"
}
unset __user
`;
}

/** Answers why commands cannot run as that user, or with nothing; what is kept between commands is his as well then. */
export function userQuestion(workspace: string, user: string): string {
  const name = quote(user);
  return `id -u ${name} >/dev/null 2>&1 || { echo 'there is no such user'; exit; }
setpriv --reuid=${name} --regid="$(id -g ${name})" --init-groups true 2>&1 || exit 0
chmod 0777 ${quote(`${workspace}/${KEPT_FOLDER}`)}
`;
}

export interface CommandPlan {
  /** No command of the build has failed. */
  readonly isSucceeding: boolean;
  readonly lastExit: number;
  readonly shell: 'sh' | 'bash';
  readonly user: string;
}

/** One item of the buildspec: a few lines of ours, then the text as it was written. */
export function commandScript(
  workspace: string,
  command: string,
  { isSucceeding, lastExit, shell, user }: CommandPlan,
): string {
  return (
    (user === 'root' ? '' : becomeScript(user, shell)) +
    `. ${quote(`${workspace}/readonly/state.sh`)}\n` +
    `export CODEBUILD_BUILD_SUCCEEDING=${isSucceeding ? 1 : 0} CODEBUILD_LAST_EXIT=${lastExit}\n` +
    `# The command:\n${command}\n`
  );
}

/** A tool of ours, found also when the build has a PATH of its own mind. */
const ENCODE = "command -p base64 | command -p tr -d '\\n'";

/** Answers with `NAME=<base64>` words for those of the names that are set. */
export function variablesQuestion(workspace: string, names: readonly string[]): string {
  const questions = names.map(
    (name) => `[ -n "\${${name}+x}" ] && printf '${name}=%s ' "$(printf %s "\${${name}}" | ${ENCODE})"\n`,
  );
  return `. ${quote(`${workspace}/readonly/state.sh`)}\n${questions.join('')}:\n`;
}

/** Answers with base64 words: the texts as the shell expands them, each followed by a line break. */
export function expansionQuestion(workspace: string, texts: readonly string[]): string {
  const questions = texts.map(
    (text) =>
      `command -p cat <<SLIPWAY_TEXT | ${ENCODE}\n${text.split('\n', 1)[0]}\nSLIPWAY_TEXT\nprintf ' '\n`,
  );
  return `. ${quote(`${workspace}/readonly/state.sh`)}\n${questions.join('')}`;
}

/** Where the outputs of a sandbox's commands lie, below the workspace. */
export const CAPTURE_FOLDER = 'output/tmp/commands';

/** A command of a sandbox: as an item of a buildspec, with its two outputs in files. */
export function capturedCommandScript(workspace: string, number: number, command: string): string {
  const file = (end: string) => quote(`${workspace}/${CAPTURE_FOLDER}/${number}.${end}`);
  return (
    `. ${quote(`${workspace}/readonly/state.sh`)}\n` +
    `exec >${file('out')} 2>${file('err')}\n` +
    `# The command:\n${command}\n`
  );
}

/** Answers with `<size>,<base64>` of both outputs, as far as they are no longer than `bytesMax`; the log gets them whole. */
export function captureQuestion(workspace: string, number: number, bytesMax: number): string {
  const show = (end: string) => {
    const file = quote(`${workspace}/${CAPTURE_FOLDER}/${number}.${end}`);
    return `if [ -f ${file} ]; then
  command -p cat ${file} >&2
  printf '%s,' "$(command -p wc -c <${file} | command -p tr -d ' ')"
  command -p head -c ${bytesMax} ${file} | ${ENCODE}
fi
`;
  };
  return `${show('out')}printf ' '\n${show('err')}:\n`;
}
