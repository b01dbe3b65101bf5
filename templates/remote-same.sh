# Says of each file of $manifest (as remote-put.sh has it), in a line of its own, whether it is there just
# so: same or other.
uid=$(id -u)
printf '%s' "$manifest" | while IFS=' ' read -r sum mode size && IFS= read -r path && IFS= read -r backup; do
	answer=other
	if [ -f "$path" ] && [ ! -L "$path" ] && [ "$(stat -c '%a:%u:%s' "$path")" = "$mode:$uid:$size" ]; then
		is=$(sha256sum <"$path")
		[ "${is%% *}" != "$sum" ] || answer=same
	fi
	echo "$answer"
done
