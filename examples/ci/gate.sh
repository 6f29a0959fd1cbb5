#!/bin/sh
# Gate a change of a cluster: measure, change, measure again, and fail where DNS is worse.
#   KUBECONFIG_FILE=F KUBE_CONTEXT=C PROFILE=core UPGRADE='command that changes the cluster' sh gate.sh
# Exit code: that of the second run (see the README), which is held against the first one.
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

sh -c "$UPGRADE"

# shellcheck disable=SC2086
clusterdns test $target --profile "$profile" --report-dir report/after --baseline report/before/report.json
