# Signals, and streams that are closed, with a node that is an sshd of this machine.
. "$(dirname "$0")/lib.sh"

isolate
serve host sshd.log
echo "[127.0.0.1]:$port $(key_of host)" >known

cat >hactl.yaml <<END
apiVersion: hactl/v1
kind: Cluster
name: prod
endpoint: 192.0.2.9:6443
vip: {provider: none}
ssh: {user: '$(id -un)', port: $port, identityFile: id, knownHostsFile: known, connectTimeout: 20s}
controlPlane:
  - {name: m1, address: 127.0.0.1}
END
x() { hactl exec --no-sudo "$@"; }

# ---- a stream that is closed is nobody's: no file and no connection gets what was meant for it
prints 'm1: out' x --log-file log m1 -- 'echo out; echo bad >&2' 2>&-
! grep -q '^m1: bad' log || die "what goes to standard error is in the log: $(cat log)"
prints 'm1: out' x m1 -- 'echo out; echo bad >&2' <&- 2>&-
status=0
x --log-file log2 m1 -- 'echo out' >&- 2>errors || status=$?
[ "$status" = 1 ] && grep -q '^hactl: standard output: ' errors || die "a closed stdout: $status $(cat errors)"
! grep -q '^m1: out' log2 || die "what goes to standard output is in the log: $(cat log2)"

# ---- a reader that is gone does not end a run: the command on the node comes to its end
x m1 -- "i=0; while [ \$i -lt 500 ]; do echo line \$i of many; i=\$((i + 1)); done; echo end >$work/came-to-its-end" 2>errors | head -n 1 >out
[ "$(cat out)" = 'm1: line 0 of many' ] || die "head: $(cat out)"
[ -e came-to-its-end ] || die "a closed pipe ended the command: $(cat errors)"

# ---- the first signal ends a run between steps, the second at once; whichever they are
# begin COMMAND...: in the background, and at work
begin() {
	rm -f errors
	"$@" >out 2>errors &
	pid=$!
	until grep -qs 'one control-plane node' errors; do
		kill -0 "$pid" 2>/dev/null || die "it ended by itself: $(cat errors)"
		sleep 0.1
	done
}
says_stopping() {
	until grep -q '^hactl: stopping after the steps that run; again: stop now$' errors; do
		kill -0 "$pid" 2>/dev/null || die "$1: it does not say what it does: $(cat errors)"
		sleep 0.1
	done
	kill -0 "$pid" || die "$1: the first ends it: $(cat errors)"
}
ends_now() {
	status=0
	wait "$pid" || status=$?
	[ "$status" = 130 ] || die "$1: exit $status, $(cat errors)"
	! grep -q 'm1: .*no answer' errors || die "$1: the second waits for the step: $(cat errors)"
}
kill -STOP "${servers##* }" # who connects gets no answer
for signal in TERM HUP; do
	begin "$HACTL" apply
	kill -"$signal" "$pid"
	says_stopping "SIG$signal"
	kill -"$signal" "$pid"
	ends_now "SIG$signal"
done

# ---- what was ignored from the start stays so: nohup
begin sh -c 'trap "" HUP; exec "$0" apply' "$HACTL"
kill -HUP "$pid"
kill -TERM "$pid"
says_stopping nohup
kill -TERM "$pid"
ends_now nohup
[ "$(grep -c 'stopping after' errors)" = 1 ] || die "nohup: SIGHUP counts: $(cat errors)"

# ---- a hactl that was stopped for a while takes its own absence for no silence of the node's
kill -CONT "${servers##* }"
printf 'Host *\n  ServerAliveInterval 1\n  ServerAliveCountMax 3\n' >alive
sed "s|^ssh: {|&config: alive, |" hactl.yaml >alive.yaml
"$HACTL" exec --no-sudo -c alive.yaml m1 -- 'sleep 6; echo out' >out 2>errors &
pid=$!
sleep 1
kill -STOP "$pid"
sleep 4
kill -CONT "$pid"
wait "$pid" || die "it ends with $?: $(cat errors)"
[ "$(cat out)" = 'm1: out' ] || die "stopped and continued: $(cat out)"
