/**
 * The commands that CodeBuild has on the PATH of every build, as shell scripts. Nobody could be let in to a build that
 * pauses, so pausing does nothing, as it does for AWS when debugging is off.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TESTS_RUN } from './tests-run.ts';

const SEARCH = `shopt -s globstar nullglob dotglob
cd "\${CODEBUILD_SRC_DIR:-.}" || exit 1
for pattern in "$@"; do
  IFS=
  for path in $pattern; do [ -f "$path" ] && printf '%s\\n' "$path"; done
done | LC_ALL=C sort -u
`;

export const GIT_HELPER = 'codebuild-git-credential';

const SCRIPTS: Readonly<Record<string, string>> = {
  'codebuild-glob-search': `#!/usr/bin/env bash\n${SEARCH}`,
  /** One hash over the contents of all files that match, in the order of their names. */
  'codebuild-hash-files': `#!/usr/bin/env bash
search() (
${SEARCH})
cd "\${CODEBUILD_SRC_DIR:-.}" || exit 1
search "$@" | while IFS= read -r path; do sha256sum <"$path"; done | sha256sum | cut -d ' ' -f 1
`,
  [GIT_HELPER]: `#!/bin/sh
[ "$1" = get ] || exit 0
while IFS='=' read -r key value && [ -n "$key" ]; do
  case $key in protocol) protocol=$value ;; host) host=$value ;; path) path=$value ;; esac
done
curl -fsS -G -H "Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN" \\
  --data-urlencode "protocol=$protocol" --data-urlencode "host=$host" --data-urlencode "path=$path" \\
  "$AWS_CONTAINER_CREDENTIALS_FULL_URI/git" 2>/dev/null |
  sed -n 's/^{"username":"\\(.*\\)","password":"\\(.*\\)"}$/username=\\1\\npassword=\\2/p'
`,
  'codebuild-tests-run': TESTS_RUN,
  'codebuild-breakpoint': '#!/bin/sh\necho "codebuild-breakpoint: debug sessions are off" >&2\n',
  'codebuild-resume': '#!/bin/sh\necho "codebuild-resume: debug sessions are off" >&2\n',
};

/** Where commands find them, below the workspace. */
export const COMMANDS_FOLDER = 'readonly/bin';

export function writeCommands(readonlyDirectory: string): void {
  const folder = join(readonlyDirectory, 'bin');
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  for (const [name, script] of Object.entries(SCRIPTS))
    writeFileSync(join(folder, name), script, { mode: 0o755 });
}
