# Says for a few seconds whether the virtual IP is on this node: at the begin, and when that changes.
# In: vip, turns.
was=
while [ "$turns" -gt 0 ]; do
	is=no
	[ -z "$(ip -o addr show to "$vip" 2>/dev/null)" ] || is=yes
	[ "$is" = "$was" ] || echo "$is"
	was=$is turns=$((turns - 1))
	sleep 0.1
done
