# The test of the sample: the built program answers with the release it was built as.
program=$1
release=$2
answer=$("$program") || exit 1
case $answer in
*"release $release") echo "ok: $answer" ;;
*) echo "not ok: $answer" >&2; exit 1 ;;
esac
