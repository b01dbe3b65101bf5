# The lock of a node: others are told who has it; a session of the same run takes the place of one that was lost.
templates=$(cd "$(dirname "$0")/../../templates" && pwd)
. "$(dirname "$0")/lib.sh"

sed "s#/run/hactl#$work/hactl#g" "$templates/lock.sh" >lock
hactl_nonce=n0
export hactl_nonce

# hold WHO OUT: takes the lock, or is told that it is busy; its stdin stays open like that of a lost session.
mkfifo silence
hold() {
  who=$1 sh lock <silence >"$2" &
  until [ -s "$2" ]; do sleep 0.02; done
}
exec 7<>silence

hold 'op on pc (process 7): hactl join' first
first=$!
[ "$(tail -n 1 first)" = 'n0 held' ] || die "the first: $(cat first)"

hold 'other on pc (process 8): hactl join' other
wait $!
grep -qx 'n0 busy' other || die "another is not told: $(cat other)"
[ "$(sed -n '/busy/{n;p;}' other)" = 'op on pc (process 7): hactl join' ] || die "who has it: $(cat other)"
kill -0 $first || die "somebody else's lock was ended"

hold 'op on pc (process 7): hactl join' again
again=$!
[ "$(tail -n 1 again)" = 'n0 held' ] || die "the same run: $(cat again)"
! kill -0 $first 2>/dev/null || die "the lost session's script goes on"

hold 'other on pc (process 8): hactl join' other
wait $!
grep -qx 'n0 busy' other || die "it is held no more: $(cat other)"
kill $again
exec 7>&-
