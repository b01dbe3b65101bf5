# Prints "none", or "file SIZE SHA256" and the content, for each of the positional parameters.
for path; do
	if [ ! -e "$path" ]; then
		echo none
		continue
	fi
	if [ ! -f "$path" ]; then
		echo "'$path' is not a regular file" >&2
		exit 1
	fi
	size=$(wc -c <"$path") || exit 1
	if [ "$size" -gt "$max" ]; then
		echo "'$path' is larger than $max bytes" >&2
		exit 1
	fi
	sum=$(sha256sum <"$path") || exit 1
	printf 'file %d %s\n' "$size" "${sum%% *}"
	head -c "$size" <"$path" || exit 1
done
