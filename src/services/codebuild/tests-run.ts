/**
 * `codebuild-tests-run`, a command on the PATH of every build: it finds test files, takes this build's part of them if
 * the build is one of a fan-out, and runs the tests on that part. A part without files runs nothing, because most test
 * commands without files run everything.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/parallel-test-tests-run.html
 */

/**
 * Both strategies put each file in exactly one part. `equal-distribution` cuts the sorted names into pieces whose sizes
 * differ by one at most. `stability` hashes each name (FNV-1a) and lets the hash jump among the parts (Lamping and
 * Veach, "A fast, minimal memory, consistent hash algorithm"), so that a new file or a new part moves few others.
 */
export const TESTS_RUN = `#!/usr/bin/env bash
usage() {
  echo "codebuild-tests-run: $1" >&2
  echo "usage: codebuild-tests-run --test-command COMMAND --files-search COMMAND" >&2
  echo "  [--sharding-strategy equal-distribution|stability]" >&2
  exit 2
}
test_command= files_search= strategy=equal-distribution
while [ $# -gt 0 ]; do
  case $1 in
  --test-command) test_command=$2 ;;
  --files-search) files_search=$2 ;;
  --sharding-strategy) strategy=$2 ;;
  *) usage "unknown option $1" ;;
  esac
  [ $# -gt 1 ] || usage "$1 needs a value"
  shift 2
done
[ -n "$test_command" ] || usage '--test-command is missing'
[ -n "$files_search" ] || usage '--files-search is missing'
case $strategy in equal-distribution | stability) ;; *) usage "unknown sharding strategy $strategy" ;; esac
index=\${CODEBUILD_BATCH_SHARD_INDEX:-0} total=\${CODEBUILD_BATCH_SHARD_TOTAL:-1}

found=$(bash --norc -c "$files_search") || { echo 'codebuild-tests-run: the search for files failed' >&2; exit 1; }
files=()
while IFS= read -r file; do
  [ -z "$file" ] || files+=("$file")
done < <(printf '%s\\n' "$found" | LC_ALL=C sort -u)

# Sets shard to the part of a name.
place() {
  local LC_ALL=C name=$1 hash=-3750763034362895579 bucket=-1 next=0 i code
  for ((i = 0; i < \${#name}; i++)); do
    printf -v code %d "'\${name:i:1}"
    hash=$(((hash ^ (code & 255)) * 1099511628211))
  done
  while ((next < total)); do
    bucket=$next
    hash=$((hash * 2862933555777941757 + 1))
    next=$(((bucket + 1) * 2147483648 / (((hash >> 33) & 2147483647) + 1)))
  done
  shard=$bucket
}

count=\${#files[@]} mine=()
case $strategy in
equal-distribution)
  for ((i = count * index / total; i < count * (index + 1) / total; i++)); do mine+=("\${files[i]}"); done
  ;;
stability)
  for file in "\${files[@]}"; do
    place "$file"
    ((shard != index)) || mine+=("$file")
  done
  ;;
esac

echo "codebuild-tests-run: part $((index + 1)) of $total has \${#mine[@]} of $count files"
[ \${#mine[@]} -gt 0 ] || exit 0
CODEBUILD_CURRENT_SHARD_FILES=$(printf '%s\\n' "\${mine[@]}")
export CODEBUILD_CURRENT_SHARD_FILES
case $test_command in
*CODEBUILD_CURRENT_SHARD_FILES*) exec bash --norc -c "$test_command" ;;
*) exec bash --norc -c "$test_command$(printf ' %q' "\${mine[@]}")" ;;
esac
`;
