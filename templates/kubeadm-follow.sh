# Follows a kubeadm that was started over a connection that was lost since, to its end; exits with its status.
# In: id (of that run), heard (bytes of its output that are known already), limit (seconds; 0: none).
# 74: no such run began.  75: it goes on after the limit.  76: it was ended in the middle.
dir=/var/lib/hactl log=/var/lib/hactl/kubeadm.log
exec 9>"$dir/lock"
is_ours() { read -r who begin 2>/dev/null <"$dir/run" && [ "$who" = "$id" ]; }
# It may just begin; and what has the lock and another id is not ours to follow.
for try in 1 2 3 4 5; do
	! is_ours || break
	sleep 1
done
if ! is_ours; then
	flock -n 9 || exit 75
	exit 74
fi
if [ "$limit" = 0 ]; then flock 9 & else flock -w "$limit" 9 & fi
waiter=$!
followed=yes
tail -c "+$((begin + heard))" -f -s 0.1 --pid=$waiter "$log" 2>/dev/null || followed=no
wait $waiter || exit 75
[ $followed = yes ] || tail -c "+$((begin + heard))" "$log" # a tail without --pid
read -r who rc 2>/dev/null <"$dir/ended" && [ "$who" = "$id" ] || exit 76
exit "$rc"
