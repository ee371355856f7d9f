# cell.sh RESULTS [OPTION...]: all that is tried in one cell, as its user. What each command wrote and its exit code
# are kept; they are judged where the machine was started.
results=$1
shift
. /payload/guest/programs.sh # glassbox, labs, no_trace, transcripts, snapshots: where they are
. "$results/wanted"          # number, lessons, few, suites: how much is tried
cd /var/tmp || exit

record() {
    name=$1
    shift
    "$@" </dev/null >"$results/$name.out" 2>"$results/$name.err"
    echo $? >"$results/$name.code"
}

record doctor "$glassbox" doctor --format json "$@"
record learn "$glassbox" learn $lessons $few --auto --format jsonl "$@"

# What cannot run here: how that is said, and whether it really cannot.
for lesson in $(sed -n 's/.*"event":"skip","what":"the lesson \([^"]*\)".*/\1/p' "$results/learn.out"); do
    record "refused.$lesson" "$glassbox" learn "$lesson" --auto "$@"
    record "regardless.$lesson" "$glassbox" learn "$lesson" --auto --regardless --format jsonl "$@"
    record "lab.$lesson" "$glassbox" lab start "$lesson" "$@"
    # Its lab may be possible all the same; then its text is drawn anew each time.
    [ "$(cat "$results/lab.$lesson.code")" != 0 ] || record "lab.$lesson" "$glassbox" lab reset "$lesson" "$@"
done

# Every pause is too much for most machines: a sample, and each cell has another one.
export GLASSBOX_TEST_SAMPLE=$number GLASSBOX_TEST_LESSONS="$lessons"
for suite in $suites; do
    eval "record $suite \"\$$suite\""
done
if [ -n "$INSTA_UPDATE" ]; then
    mkdir "$results/snapshots"
    find "$snapshots" -newer "$results/doctor.code" -name '*.snap' -exec cp {} "$results/snapshots" \;
fi
