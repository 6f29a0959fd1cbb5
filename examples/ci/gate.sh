#!/bin/sh
# Gate a change of a cluster: measure, change, measure again, and fail where DNS is worse. With SOAK, probers on
# every node ask all the while, and what clients went through counts, too.
#   KUBECONFIG_FILE=F KUBE_CONTEXT=C PROFILE=core SOAK=2h UPGRADE='command that changes the cluster' sh gate.sh
# Exit code: that of UPGRADE where it failed, else that of the second run (see the README), which is held against
# the first one, else that of the soak. 6 where the first run left no report, or the soak did not begin: nothing is
# changed then.
set -eu

: "${UPGRADE:?names the command that changes the cluster}"
set -- --cluster kubeconfig --kubeconfig "$KUBECONFIG_FILE" --kube-context "$KUBE_CONTEXT"
profile="${PROFILE:-core}"

# A cluster that fails beforehand is still a baseline; one that could not be measured is none.
before=0
clusterdns test "$@" --profile "$profile" --report-dir report/before || before=$?
case $before in
    0 | 1) [ -s report/before/report.json ] || exit 6 ;;
    *) exit "$before" ;;
esac

soak=
end_soak() { [ -z "$soak" ] || kill -TERM "$soak" 2>/dev/null || :; }
trap 'end_soak; wait' EXIT # it removes what it has made
trap 'exit 130' INT
trap 'exit 143' HUP TERM # once UPGRADE has ended: a cluster is not left half changed

if [ -n "${SOAK:-}" ]; then
    rm -f report/during/soaking # an earlier soak's
    clusterdns test "$@" --profile soak --soak "$SOAK" --report-dir report/during &
    soak=$!
    until [ -e report/during/soaking ]; do
        if ! kill -0 "$soak" 2>/dev/null; then
            wait "$soak" || exit $? # it has ended before it began: its exit code is ours
            exit 6
        fi
        sleep 1
    done
fi

upgraded=0
sh -c "$UPGRADE" || upgraded=$?

during=0
if [ -n "$soak" ]; then
    end_soak # unless its time was over before
    wait "$soak" || during=$?
    soak=
fi
[ "$upgraded" -eq 0 ] || exit "$upgraded"

clusterdns test "$@" --profile "$profile" --report-dir report/after --baseline report/before/report.json
exit "$during"
