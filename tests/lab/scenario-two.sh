#!/bin/bash
# Two people run hactl apply on the same hosts at the same time: one works; the other leaves and is told who is
# at work, since when and with what, or waits with --wait and then finds the work done.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=whole.sh
. "$TOP/tests/lab/whole.sh"

together() {   # two at the same moment: one of them has the lock
  exec_op setsid "$HACTL" apply --config "$W/hactl.yaml" </dev/null >"$W/one" 2>&1 & one=$!
  exec_op setsid "$HACTL" apply --config "$W/hactl.yaml" </dev/null >"$W/two" 2>&1 & two=$!
  while kill -0 $one 2>/dev/null && kill -0 $two 2>/dev/null; do sleep 0.1; done
}

fresh 3
together
if kill -0 $one 2>/dev/null; then works=$one worker=$W/one leaves=$two leaver=$W/two; else works=$two worker=$W/two leaves=$one leaver=$W/one; fi
wait "$leaves"
left=$?
holds "of two at the same moment one leaves with exit 8" test "$left" = 8
holds "it says so" grep -q "somebody else is at work on this cluster: " "$leaver"
shown <"$leaver"
holds "it has changed nothing: its run ended before any step on a node" test "$(grep -Ec ': (done|changed)' "$leaver")" = 0
refuses 8 "a third one is told who, with what and since when" "somebody else is at work on this cluster: .*@?.*since .*: hactl apply" '--wait' -- hactl apply --config "$W/hactl.yaml"
holds "one with --wait waits, and ends well" hactl apply --wait --config "$W/hactl.yaml"
cp "$W/said" "$W/waiter"
holds "it said that it waits, and for whom" grep -Eq 'waiting for somebody else who is at work: .*since' "$W/waiter"
holds "and found the work done" grep -q 'nothing changed: all is as hactl.yaml says' "$W/waiter"
holds "the one at work has ended" within 5 eval "! kill -0 $works"
wait "$works"
status=$?
[ $status = 0 ] || shown <"$worker"
holds "with success" test "$status" = 0
holds "the cluster is whole" whole 3
