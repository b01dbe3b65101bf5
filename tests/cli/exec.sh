# hactl exec, on nodes that are one sshd under several addresses of this machine.
. "$(dirname "$0")/lib.sh"

isolate
serve host log
for a in 1 2 3; do echo "[127.0.0.$a]:$port $(key_of host)"; done >known

cat >hactl.yaml <<END
apiVersion: hactl/v1
kind: Cluster
endpoint: 192.0.2.9:6443
vip: {provider: none}
ssh: {user: '$user', port: $port, identityFile: id, knownHostsFile: known, connectTimeout: 20s}
controlPlane:
  - {name: m1, address: 127.0.0.1}
workers:
  - {name: w1, address: 127.0.0.2}
  - {name: w2, address: 127.0.0.3}
END
x() { hactl exec --no-sudo "$@"; }

# ---- lines with their node, streams apart
x -- 'echo one; echo; printf "two  words"; echo bad >&2' >out 2>errors
sort out >sorted
printf '%s\n' 'm1: ' 'm1: one' 'm1: two  words' 'w1: ' 'w1: one' 'w1: two  words' 'w2: ' 'w2: one' 'w2: two  words' >want
LC_ALL=C sort -o want want
LC_ALL=C sort -o sorted sorted
cmp -s sorted want || die "lines: $(cat out)"
[ "$(sort errors)" = "$(printf '%s\n' 'm1: bad' 'w1: bad' 'w2: bad')" ] || die "stderr: $(cat errors)"

# ---- by name, by role; each node once
prints 'm1: in' x control-plane -- echo in
prints 'w2: in' x w2 w2 -- echo in
[ "$(x workers m1 w1 -- echo in | sort)" = "$(printf '%s\n' 'm1: in' 'w1: in' 'w2: in')" ] || die "roles"
fails 2 "hactl: hactl.yaml has no node 'w9' (nor is it 'control-plane' or 'workers')" x w9 -- echo in
fails 2 "hactl: exec: the command is missing: hactl exec [NODE...] -- COMMAND" x w1
fails 2 "hactl: exec: the command is missing: hactl exec [NODE...] -- COMMAND" x w1 --

# ---- words stay words; one argument is a line for the shell
prints 'm1: <a  b><$HOME><it'\''s><-n><><;id>' x m1 -- printf '<%s>' 'a  b' '$HOME' "it's" -n '' ';id'
prints "m1: 3" x m1 -- 'echo $((1 + 2)) # a comment'
prints 'm1: -- --help' x m1 -- echo -- --help
prints 'm1: 0' x m1 -- 'cat | wc -c'

# ---- exit statuses
fails 3 'hactl: m1: ended with status 3' x m1 -- exit 3
status=0
x -- exit 7 >out 2>errors || status=$?
[ "$status" = 7 ] && [ "$(grep -c 'ended with status 7' errors)" = 3 ] || die "all agree: $status $(cat errors)"
status=0
x -- 'case $SSH_CONNECTION in *" 127.0.0.2 "*) exit 4 ;; esac' >out 2>errors || status=$?
[ "$status" = 5 ] || die "they differ: $status"
grep -qx 'hactl: w1: ended with status 4' errors || die "they differ: $(cat errors)"
grep -qx 'hactl: failed on 1 of 3 nodes' errors || die "they differ: $(cat errors)"

# ---- one that is not reached keeps nobody waiting
sed "s/port: $port/&/; s/address: 127.0.0.3/address: 127.0.0.4/" hactl.yaml >dead.yaml
status=0
x -c dead.yaml -- echo in >out 2>errors || status=$?
[ "$status" = 4 ] || die "a dead node: $status"
[ "$(sort out)" = "$(printf '%s\n' 'm1: in' 'w1: in')" ] || die "a dead node: $(cat out)"
grep -q '^hactl: w2: .*127.0.0.4' errors || die "a dead node is not named: $(cat errors)"
grep -qx 'hactl: 1 of 3 nodes not reached' errors || die "a dead node: $(cat errors)"

# ---- a host key that is refused: nothing runs, and no node that was held back counts as not reached
ssh-keygen -q -t ed25519 -N '' -f other
sed "s|^.127.0.0.3.*|[127.0.0.3]:$port $(key_of other)|" known >forged
sed 's/knownHostsFile: known/knownHostsFile: forged/' hactl.yaml >forged.yaml
status=0
x -c forged.yaml -- touch "$work/ran" >out 2>errors || status=$?
[ "$status" = 4 ] && [ ! -s out ] || die "a forged node: $status $(cat out)"
[ ! -e ran ] || die "a forged node: the others ran the command"
grep -qx 'hactl: nothing was run on 2 of 3 nodes: a host key is refused' errors || die "a forged node: $(cat errors)"

# ---- data: bytes that are no UTF-8 too
x m1 -o json -- 'printf "a\\n\\377b"; echo e >&2; exit 2' >out 2>errors || [ $? = 2 ] || die "json: status"
grep -q '^{"node":"m1","status":2,"stdout":"a\\n.*b","stderr":"e\\n","seconds":[0-9.]*}$' out || die "json: $(cat out)"
x m1 -o json --timeout 1 -- sleep 33 >out 2>errors || [ $? = 5 ] || die "json: status of a time-out"
grep -q '^{"node":"m1","status":null,.*"error":".*did not end within 1 s.*was ended there' out || die "json: $(cat out)"

# ---- lines of many nodes are never mixed
x -- 'i=0; while [ $i -lt 100 ]; do printf "%s" abc; printf "%s\n" "defghijklmnopqrstuvwxyz $i"; i=$((i + 1)); done' >out
[ "$(wc -l <out)" = 300 ] || die "lines lost: $(wc -l <out)"
! grep -qvxE '(m1|w1|w2): abcdefghijklmnopqrstuvwxyz [0-9]+' out || die "mixed: $(grep -vxE '(m1|w1|w2): abcdefghijklmnopqrstuvwxyz [0-9]+' out | head -3)"

# ---- Ctrl-C ends the commands on the nodes
: >pids
"$HACTL" exec --no-sudo m1 w1 -- "echo \$\$ >>$work/pids; while :; do sleep 0.2; done" >out 2>errors &
pid=$!
until [ "$(wc -l <pids)" = 2 ]; do sleep 0.1; done
kill -TERM "$pid" # sh has background jobs ignore SIGINT
status=0
wait "$pid" || status=$?
[ "$status" = 130 ] || die "interrupted: $status"
grep -qx 'hactl: interrupted: ended on 2 of 2 nodes' errors || die "interrupted: $(cat errors)"
for p in $(cat pids); do
	for wait in $(seq 100); do
		kill -0 "$p" 2>/dev/null || break
		sleep 0.1
	done
	! kill -0 "$p" 2>/dev/null || die "a command goes on after Ctrl-C"
done
