/**
 * `runtime-versions`: the runtimes of this machine are found by looking for them inside the sandbox, and what was asked
 * for comes first on the PATH. An image of a container engine has what it has; there the request is only told.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec.phases.install.runtime-versions
 */

import { mkdirSync, symlinkSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Buildspec } from '#core/buildspec/buildspec.ts';
import {
  chooseRuntime,
  expandVersion,
  type ChosenRuntime,
  type RuntimeTable,
} from '#core/buildspec/runtimes.ts';
import { PhaseFailure, recall, type Bench } from './bench.ts';
import { quote } from './shell.ts';

/** Each prints `<name> <version> <program>;` for what is there; Java and Go need not be started for that. */
const LOOK_FOR: Readonly<Record<string, string>> = {
  nodejs: `for p in $(command -v node) /opt/node*/bin/node; do say nodejs "$($p --version | cut -c2-)" "$p"; done`,
  python: `for p in /usr/bin/python3.* /usr/local/bin/python3.*; do
  case $p in *-*) ;; *) say python "$($p -V | cut -d ' ' -f 2)" "$p" ;; esac
done`,
  java: `for p in /usr/lib/jvm/*/bin/javac /opt/*/bin/javac; do
  home=\${p%/bin/javac}
  [ -L "$home" ] || say java "$(sed -n 's/^JAVA_VERSION="\\(.*\\)"/\\1/p' "$home/release")" "$home/bin/java"
done`,
  golang: `for p in $(command -v go) /usr/local/go/bin/go /usr/lib/go-*/bin/go; do
  say golang "$(sed -n '1s/^go//p' "\${p%/bin/go}/VERSION" || $p version | cut -d ' ' -f 3 | cut -c3-)" "$p"
done`,
  ruby: `for p in $(command -v ruby); do say ruby "$($p -e 'print RUBY_VERSION')" "$p"; done`,
  php: `for p in /usr/bin/php[0-9]* $(command -v php); do say php "$($p -r 'echo PHP_VERSION;')" "$p"; done`,
  dotnet: `for p in $(command -v dotnet); do
  $p --list-sdks | while read -r version folder; do say dotnet "$version" "$p"; done
done`,
  rust: `for p in $(command -v rustc); do say rust "$($p --version | cut -d ' ' -f 2)" "$p"; done`,
};

/** Resolves to the lines that the environment gets; throws a `PhaseFailure` for what is not there. */
export async function selectRuntimes(
  bench: Bench,
  spec: Buildspec,
  variables: ReadonlyMap<string, string>,
): Promise<string> {
  const wanted = Object.entries(spec.phases.INSTALL?.runtimeVersions ?? {});
  if (wanted.length === 0) {
    bench.say('No runtime version selected in buildspec.');
    return '';
  }
  if (recall<{ image?: unknown }>(bench.directory, 'image')?.image !== undefined) {
    bench.say('Skipping install of runtimes. Runtime version selection is not supported by this build image');
    return '';
  }
  const names = wanted.map(([name]) => name);
  const isKnown = names.every((name) => Object.hasOwn(LOOK_FOR, name));
  let table = await lookFor(bench, isKnown ? names : Object.keys(LOOK_FOR));
  // What is missing is told together with what is there.
  if (isKnown && names.some((name) => !table[name]?.length))
    table = await lookFor(bench, Object.keys(LOOK_FOR));
  const lines: string[] = [];
  for (const [name, asked] of wanted) {
    const choice = chooseRuntime(name, expandVersion(asked, variables), table);
    if ('error' in choice) throw new PhaseFailure('YAML_FILE_ERROR', choice.error);
    bench.say(`Selecting '${name}' runtime version '${choice.wanted}' based on manual selections...`);
    bench.say(`This machine has ${name} ${choice.version}: ${choice.program}`);
    lines.push(...activate(bench, choice));
  }
  return lines.map((line) => `${line}\n`).join('');
}

async function lookFor(bench: Bench, names: readonly string[]): Promise<RuntimeTable> {
  const script = names.map((name) => LOOK_FOR[name]).join('\n');
  const { answer } = await bench.ask(
    `say() { [ -n "$2" ] && [ -x "$3" ] && printf '%s %s %s;' "$1" "$2" "$3"; }
{
${script}
} 2>/dev/null`,
  );
  const table: Record<string, { version: string; program: string }[]> = {};
  for (const entry of answer.split(';').filter(Boolean)) {
    const [name = '', version = '', program = ''] = entry.split(' ');
    const known = (table[name] ??= []);
    if (!known.some((each) => each.program === program)) known.push({ version, program });
  }
  return table;
}

function activate({ sandbox }: Bench, { name, program }: ChosenRuntime): string[] {
  const first = (folder: string) => `export PATH=${quote(folder)}:"$PATH"`;
  switch (name) {
    case 'java': {
      const home = quote(dirname(dirname(program)));
      return [`export JAVA_HOME=${home} JDK_HOME=${home} JRE_HOME=${home}`, first(dirname(program))];
    }
    case 'golang':
      return [`export GOROOT=${quote(dirname(dirname(program)))}`, first(dirname(program))];
    case 'python': {
      // The names that CodeBuild's images have for the chosen one.
      const folder = join(sandbox.readonlyDirectory, 'runtimes');
      mkdirSync(folder, { recursive: true, mode: 0o755 });
      for (const link of ['python', 'python3']) {
        rmSync(join(folder, link), { force: true });
        symlinkSync(program, join(folder, link));
      }
      for (const pip of ['pip', 'pip3']) {
        writeFileSync(join(folder, pip), `#!/bin/sh\nexec ${quote(program)} -m pip "$@"\n`, { mode: 0o755 });
      }
      return [first(`${sandbox.workspace}/readonly/runtimes`)];
    }
    default:
      return [first(dirname(program))];
  }
}
