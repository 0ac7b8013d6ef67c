/**
 * The users of a sandbox that the server starts as root. Its root is a user of the machine that nobody else has, and so
 * are a few more, for commands that run as somebody else and for files that belong to them. Only who has power over
 * users outside can say who stands for whom, so a helper says it from there while the sandbox waits in its new user
 * namespace; then it becomes the root of that namespace, gives up what it does not need, and begins.
 */

import type { Owner } from './runtime.ts';

/** Consecutive users of the machine that one sandbox takes, from its root on. */
export const USERS_COUNT = 32;
/** A few seconds; the helper needs milliseconds. */
const LOOKS_MAX = 200_000;
/** First user inside, how many: root, those that tools for users give out first, nobody. */
const RANGES = [
  [0, 1],
  [990, 30],
  [65_534, 1],
] as const;

/** Runs its arguments as root of a namespace of users, with these capabilities at most. */
export function usersScript({ uid, gid }: Owner, capabilities: string): string {
  const become = [
    'setpriv --ambient-caps=-all --inh-caps=-all --reuid=0 --regid=0 --clear-groups --no-new-privs',
    `--bounding-set=${capabilities}`,
  ].join(' ');
  return `# Who is who in the sandbox.
self=$$
outside=$(readlink /proc/self/ns/user)
(
  until [ "$(readlink /proc/$self/ns/user)" != "$outside" ]; do :; done
  printf '${mapOf(uid)}' >/proc/$self/uid_map
  printf '${mapOf(gid)}' >/proc/$self/gid_map
) &
exec unshare --user --keep-caps /bin/sh -c '
looks=0
until read -r known </proc/self/gid_map && [ -n "$known" ]; do
  looks=$((looks + 1))
  [ $looks -lt ${LOOKS_MAX} ] || { echo "the users of the sandbox could not be set"; exit 1; }
done
exec ${become} "$@"' sh "$@"
`;
}

/** Lines of a uid_map, as printf takes them. */
function mapOf(first: number): string {
  let outside = first;
  return RANGES.map(([inside, count]) => {
    const line = `${inside} ${outside} ${count}\\n`;
    outside += count;
    return line;
  }).join('');
}
