# A kubeadm whose connection was lost is found again: the rest of its output, and how it ended.
templates=$(cd "$(dirname "$0")/../../templates" && pwd)
. "$(dirname "$0")/lib.sh"

mkdir -p bin kubernetes state
printf '#!/bin/sh\n' | tee bin/systemctl >bin/sleep
# It says a line whenever it may, and ends with the last word.
mkfifo pace
cat >bin/kubeadm <<END
#!/bin/sh
while read -r word; do
	case \$word in [0-9]*) exit "\$word" ;; esac
	echo "\$word"
done <$work/pace
END
chmod +x bin/*
for script in kubeadm-run kubeadm-follow; do
  sed "s#/var/lib/hactl#$work/state#g;s#/etc/kubernetes#$work/kubernetes#g" "$templates/$script.sh" >$script
done
export PATH="$work/bin:$PATH"

# begin ID: a kubeadm init that has said two lines when what follows it is killed, as sshd's end would.
begin() {
  verb=init part=all config=$work/init.yaml pki=$work/kubernetes/pki limit=60 id=$1 setsid sh kubeadm-run >told 2>&1 &
  runner=$!
  exec 7>pace
  printf 'one\ntwo\n' >&7
  for _ in $(seq 100); do [ "$(wc -l <told)" = 2 ] && break; /bin/sleep 0.05; done
  [ "$(cat told)" = "$(printf 'one\ntwo')" ] || die "it said: $(cat told)"
  pkill -P $runner -x tail
  kill $runner
}
follow() { id=$1 heard=$2 limit=$3 sh kubeadm-follow >told 2>&1; }
ends() { exec 7>&-; wait; flock state/lock true; }

begin first
(/bin/sleep 0.3; printf 'three\n0\n' >&7) &
follow first 4 20 || die "status $?: $(cat told)"
[ "$(cat told)" = "$(printf 'two\nthree')" ] || die "after 'one' it said: $(cat told)"
ends
follow first 14 20 || die "again: status $?"
[ ! -s told ] || die "nothing is left to say, but: $(cat told)"

begin second
printf '3\n' >&7
status=0; follow second 8 20 || status=$?
[ $status = 3 ] || die "a kubeadm that ended with 3: $status"
ends

status=0; follow other 0 20 || status=$?
[ $status = 74 ] || die "a run that never began: $status"
flock state/lock /bin/sleep 2 &
until ! flock -n state/lock true; do /bin/sleep 0.02; done
status=0; follow other 0 20 || status=$?
[ $status = 75 ] || die "somebody else's kubeadm runs: $status"
wait

begin third
status=0; follow third 8 1 || status=$?
[ $status = 75 ] || die "one that goes on: $status"
printf '0\n' >&7
ends

begin fourth
pkill -KILL -f "$work/bin/kubeadm" || die "no kubeadm to kill"
ends
rm -f state/ended # as when the node started anew before it was written
status=0; follow fourth 8 20 || status=$?
[ $status = 76 ] || die "one that was ended in the middle: $status"
