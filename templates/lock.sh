# Holds the lock of this node for as long as a line comes on stdin at least every 15 seconds.
# In: who (one line, for others).  What runs meanwhile, kubeadm above all, does not inherit it.
umask 077 # whoever can read it can lock it
exec 9>>/run/hactl.lock || exit 2
# A session of the same run that was lost holds it until it misses its lines: it is ended, and this one takes its place.
if ! flock -n 9; then
	{ read -r holder && read -r pid; } </run/hactl.holder 2>/dev/null
	[ "$holder" = "$who" ] && [ "$pid" -gt 1 ] && kill "$pid" && flock -w 2 9
fi 2>/dev/null || :
if ! flock -n 9; then
	printf '\n%s busy\n' "$hactl_nonce"
	head -c 500 /run/hactl.holder 2>/dev/null
	exit 0
fi
printf '%s\n' "$who" "$(exec sh -c 'echo $PPID')" >/run/hactl.holder || exit 2
printf '\n%s held\n' "$hactl_nonce"
while timeout 15 sh -c 'read -r x' 9>&-; do
	:
done
rm -f /run/hactl.holder
