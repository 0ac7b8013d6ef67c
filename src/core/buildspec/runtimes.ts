/**
 * Chooses what `runtime-versions` asks for among the runtimes that are there, in CodeBuild's words where there is none.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/runtime-versions.html
 */

/** One that is installed. */
export interface Runtime {
  /** Whole: `17.0.18`. */
  readonly version: string;
  readonly program: string;
}

/** By the name that buildspecs use: `nodejs`. */
export type RuntimeTable = Readonly<Record<string, readonly Runtime[]>>;

export interface ChosenRuntime extends Runtime {
  readonly name: string;
  /** As the buildspec says it. */
  readonly wanted: string;
}

/** How many numbers of a version CodeBuild's own tables have. */
const KEY_LENGTHS: Readonly<Record<string, number>> = { nodejs: 1, java: 1 };
const KEY_LENGTH_USUAL = 2;
/** Whose build of Java it is does not matter for the choice. */
const JAVA_VENDOR = /^(corretto|openjdk|temurin)/;

export function chooseRuntime(
  name: string,
  wanted: string,
  table: RuntimeTable,
): ChosenRuntime | { readonly error: string } {
  const there = Object.hasOwn(table, name) ? [...(table[name] ?? [])].sort(newestFirst) : [];
  if (there.length === 0) {
    const names = Object.keys(table).filter((each) => table[each]?.length);
    return {
      error: `Unknown runtime named '${name}'. This build image has the following runtimes: ${names.sort().join(', ')}`,
    };
  }
  const version = name === 'java' ? wanted.replace(JAVA_VENDOR, '') : wanted;
  const found = there.find((runtime) => isMeant(version, runtime.version));
  if (found) return { ...found, name, wanted };
  const keys = [...new Set(there.map((runtime) => keyOf(name, runtime.version)))];
  return {
    error: `Unknown runtime version named '${wanted}' of ${name}. This build image has the following versions: ${keys.join(', ')}`,
  };
}

/** `$VAR` and `${VAR}` are variables of the build. */
export function expandVersion(wanted: string, variables: ReadonlyMap<string, string>): string {
  const name = /^\$(?:\{(\w+)\}|(\w+))$/.exec(wanted);
  return name ? (variables.get(name[1] ?? name[2] ?? '') ?? '') : wanted;
}

/** `latest`, `3.x`, or the first numbers of the version. */
function isMeant(wanted: string, version: string): boolean {
  if (wanted === 'latest') return true;
  const numbers = wanted.replace(/\.x$/, '').split('.');
  if (!numbers.every((number) => /^\d{1,9}$/.test(number))) return false;
  const own = version.split('.');
  return numbers.every((number, i) => own[i] === number);
}

function newestFirst(one: Runtime, other: Runtime): number {
  const [ours, theirs] = [one, other].map(({ version }) => version.split(/[^\d]+/).map(Number));
  for (let i = 0; i < Math.max(ours?.length ?? 0, theirs?.length ?? 0); i++) {
    const difference = (theirs?.[i] ?? 0) - (ours?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function keyOf(name: string, version: string): string {
  const numbers = version.split('.').slice(0, KEY_LENGTHS[name] ?? KEY_LENGTH_USUAL);
  return `${name === 'java' ? 'openjdk' : ''}${numbers.join('.')}`;
}
