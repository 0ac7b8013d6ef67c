/**
 * The shell inside a sandbox that runs its steps: a few lines of POSIX sh, so that it costs no memory and starts in a
 * millisecond. It does not need the server to be alive.
 *
 *   fd 3  orders, one a line: `run <n> <shell>`, `ask <n> <shell>`, `say <n>` (a FIFO it holds open for both ends)
 *   fd 4  ends, one a line:   `<n> <status> <answer>`; `0 0` says that it is ready
 *   1, 2  the log
 *
 * Numbers only rise: an order that comes again, because the server could not know whether it had arrived, is passed
 * over. Commands can reach these files through /proc; all they can forge is their own result.
 */

export interface Supervision {
  readonly seconds: number;
  /** At the deadline: everything in the sandbox's own process namespace, or only the supervisor's process group. */
  readonly ends: 'namespace' | 'group';
  /** How many processes may live, where no control group counts them. */
  readonly processes?: number;
}

/**
 * The kernel counts processes by user, and in a user namespace by that namespace's own; but whoever makes one hands
 * his limit to it as the limit of all that its user runs outside. So the number is lowered only here, inside: set
 * before, an ordinary user's own programs would count, and nobody could enter the sandbox any more.
 */
export function supervisorScript(readonlyPath: string, supervision: Supervision): string {
  const { processes } = supervision;
  // bash and dash call it by different letters.
  const limit =
    processes === undefined ? '' : `ulimit -u ${processes} 2>/dev/null || ulimit -p ${processes}\n`;
  return `# Runs the steps that the server orders.
${limit}trap '' HUP INT
# The server ends it long before this; but a server may never come back.
trap 'exit 124' TERM
(
  trap - TERM
  sleep ${Math.ceil(supervision.seconds)}
  kill -TERM $$
  kill -s KILL -- ${supervision.ends === 'namespace' ? '-1' : '-$$'}
) 3<&- 4>&- >/dev/null 2>&1 &
steps='${readonlyPath}/steps'
last=0
echo '0 0' >&4
while read -r verb number shell <&3; do
  [ "$number" -gt "$last" ] || continue
  last=$number
  step=$steps/$number
  while IFS= read -r line || [ -n "$line" ]; do printf '%s\\n' "$line"; done <"$step/heading"
  case $verb in
  run)
    "$shell" "$step/script.sh" 3<&- 4<&- </dev/null
    echo "$number $?" >&4
    ;;
  ask)
    answer=$("$shell" "$step/script.sh" 3<&- 4<&- </dev/null)
    echo "$number $? $answer" >&4
    ;;
  *) echo "$number 0" >&4 ;;
  esac
done
`;
}
