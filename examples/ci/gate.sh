#!/bin/sh
# Gate a change of a cluster: measure, change, measure again, and fail where DNS is worse. With SOAK, probers on
# every node ask all the while, and what clients went through counts, too.
#   KUBECONFIG_FILE=F KUBE_CONTEXT=C PROFILE=core SOAK=2h UPGRADE='command that changes the cluster' sh gate.sh
# Exit code: that of UPGRADE where it failed, else that of the second run (see the README), which is held against
# the first one, else that of the soak.
set -eu

target="--cluster kubeconfig --kubeconfig $KUBECONFIG_FILE --kube-context $KUBE_CONTEXT"
profile="${PROFILE:-core}"

# A cluster that fails beforehand is still a baseline; one that could not be measured is none.
before=0
# shellcheck disable=SC2086 # several words by intention
clusterdns test $target --profile "$profile" --report-dir report/before || before=$?
case $before in
    0 | 1) ;;
    *) exit "$before" ;;
esac

if [ -n "${SOAK:-}" ]; then
    # shellcheck disable=SC2086
    clusterdns test $target --profile soak --soak "$SOAK" --report-dir report/during &
    soak=$!
    until [ -e report/during/soaking ]; do
        kill -0 $soak || wait $soak # it has ended before it began: its exit code is ours
        sleep 1
    done
fi

upgraded=0
sh -c "$UPGRADE" || upgraded=$?

during=0
if [ -n "${SOAK:-}" ]; then
    kill -TERM $soak
    wait $soak || during=$?
fi
[ "$upgraded" -eq 0 ] || exit "$upgraded"

# shellcheck disable=SC2086
clusterdns test $target --profile "$profile" --report-dir report/after --baseline report/before/report.json
exit "$during"
