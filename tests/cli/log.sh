# The log of a run: its file, --log-file, HACTL_TRACE, on a node that is an sshd of this machine.
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
sed 's/127.0.0.1/127.0.0.4/' hactl.yaml >dead.yaml
logs=$XDG_STATE_HOME/hactl/prod/log
x() { hactl exec --no-sudo "$@"; }
newest() { ls "$logs" | tail -n 1; }

# ---- a file of its own, for its owner; what a user runs, and what it prints, is the user's to keep
umask 0
x m1 -- 'echo hunter2' >out 2>errors || die "exec: $(cat errors)"
[ ! -s errors ] || die "a run that goes well says more than it was asked for: $(cat errors)"
[ "$(ls "$logs" | wc -l)" = 1 ] || die "not one log: $(ls "$logs")"
log=$logs/$(newest)
[ "$(stat -c %a "$log")" = 600 ] || die "mode: $(stat -c %a "$log")"
[ "$(stat -c %a "$logs")" = 700 ] || die "mode of the folder: $(stat -c %a "$logs")"
grep -q '^20[0-9-]*T[0-9:.]*Z hactl exec: process ' "$log" || die "no head: $(cat "$log")"
grep -q 'Z m1: exec: begins$' "$log" || die "no command: $(cat "$log")"
grep -q 'Z m1: exec: status 0 ([0-9.]* s), output of 8 and 0 bytes kept out$' "$log" || die "no end: $(cat "$log")"
grep -q 'Z exit status 0$' "$log" || die "no result: $(cat "$log")"
! grep -q hunter2 "$log" || die "the log shows what a user ran"

# ---- where it is, is said on request, and after a failure
x -v m1 -- true 2>errors
[ "$(cat errors)" = "hactl: the log of this run: $logs/$(newest)" ] || die "-v: $(cat errors)"
status=0
hactl apply -c dead.yaml 2>errors || status=$?
[ "$status" = 4 ] || die "dead: status $status"
at=$(sed -n 's/^the log of this run: //p' errors)
grep -q "Z m1: step 'connection' failed .*127.0.0.4" "$at" || die "a failed run: $(cat errors "$at")"
grep -q 'Z exit status 4 after ' "$at" || die "a failed run: $(cat "$at")"
hactl apply -c dead.yaml -o json >out 2>errors || [ $? = 4 ] || die "dead, json"
grep -q "\"event\":\"result\".*\"log\":\"$logs/apply-[^\"]*\.log\"" out || die "json does not name the log: $(cat out)"

# ---- the newest 20 of each command are kept
for i in $(seq 10 40); do echo old >"$logs/exec-200001${i}T000000Z-1.log"; done
echo mine >"$logs/exec-notes.log"
others=$(ls "$logs" | grep -c '^apply-')
x m1 -- true
[ "$(ls "$logs" | grep -c '^exec-[0-9]')" = 20 ] || die "kept: $(ls "$logs")"
[ "$(ls "$logs" | grep -c '^apply-')" = "$others" ] && [ -e "$logs/exec-notes.log" ] || die "another's log is gone"
[ ! -e "$logs/exec-20000110T000000Z-1.log" ] && [ -e "$logs/exec-20000140T000000Z-1.log" ] || die "not the oldest went: $(ls "$logs")"

# ---- elsewhere
n=$(ls "$logs" | wc -l)
echo before >mine.log
chmod 640 mine.log
x --log-file mine.log m1 -- true
[ "$(head -n 1 mine.log)" = before ] && grep -q 'm1: exec: status 0' mine.log || die "--log-file does not append: $(cat mine.log)"
[ "$(stat -c %a mine.log)" = 640 ] || die "--log-file: another mode"
x --log-file fresh.log m1 -- true
[ "$(stat -c %a fresh.log)" = 600 ] || die "--log-file: mode of a new one"
x --log-file - m1 -- 'echo out' >out 2>errors
[ "$(cat out)" = 'm1: out' ] && grep -q 'm1: exec: status 0' errors || die "--log-file -: $(cat out errors)"
x --log-file none m1 -- true 2>errors
[ ! -s errors ] || die "--log-file none: $(cat errors)"
fails 1 'hactl: no/such/place: No such file or directory' x --log-file no/such/place m1 -- "touch $work/was-run"
[ ! -e was-run ] || die "something was run without the log that was asked for"
[ "$(ls "$logs" | wc -l)" = "$n" ] || die "there is another log beside the one that was asked for"

# ---- a trace beside it
HACTL_TRACE=1 x m1 -- true >out 2>errors
grep -q 'm1: exec: begins' errors || die "HACTL_TRACE=1: $(cat errors)"
HACTL_TRACE=$work/trace x m1 -- true 2>errors
[ ! -s errors ] && grep -q 'm1: exec: status 0' trace && [ "$(stat -c %a trace)" = 600 ] || die "HACTL_TRACE: $(cat errors trace)"
HACTL_TRACE=0 x m1 -- true 2>errors
[ ! -s errors ] || die "HACTL_TRACE=0: $(cat errors)"
HACTL_TRACE=yes fails 2 "hactl: HACTL_TRACE is 'yes': it must be 1 (for standard error) or an absolute path" x m1 -- true

# ---- a place that cannot be had is no reason to do nothing
rm -rf "$XDG_STATE_HOME"
echo in the way >"$XDG_STATE_HOME"
prints 'm1: out' x m1 -- echo out
hactl apply -c dead.yaml 2>errors || [ $? = 4 ] || die "no place: status"
grep -q 'there is no log of this run: .*--log-file FILE' errors || die "no place: $(cat errors)"
rm "$XDG_STATE_HOME"

# ---- what only reads here writes none
hactl config validate hactl.yaml >out 2>&1 || die "validate: $(cat out)"
hactl quorum >out 2>&1 || die "quorum: $(cat out)"
[ ! -e "$XDG_STATE_HOME" ] || die "a log of nothing: $(find "$XDG_STATE_HOME")"
