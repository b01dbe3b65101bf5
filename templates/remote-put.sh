# Moves the files of a tar stream on stdin into their places, all or none.
# Ahead of the stream come, $hactl_count times, two lines: "SHA256 MODE" and the path.  Its members
# are DIR/.hactl.$hactl_nonce/NAME for DIR/NAME: only within a file system a rename is one step.
# Prints "changed NUMBER" for each file that was not as it should be.
# Starting a process is what costs most here, so there is one for all files where the shell itself
# cannot do it.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
umask 077
set -f
# Lists have an item on each line; unquoted they are so many words.
IFS='
'
nl=$IFS
fresh=.hactl.$hactl_nonce
files="" dirs="" there="" there_sums="" open="" private="" made="" stages="" changed="" staged_sums="" staged="" begun=""

fail() {
	printf '%s\n' "$*" >&2
	exit 1
}

# for_changed DIR COMMAND: runs it with number, path, its place in the stage and the old one's.
for_changed() {
	for number in $changed; do
		path=${number#* } number=${number%% *}
		if [ "$1" = "${path%/*}" ]; then
			"$2" "$number" "$path" "$1/$fresh/${path##*/}" "$1/$fresh.old/${path##*/}"
		fi
	done
}

undo_one() {
	if [ -e "$3" ]; then
		return 0
	elif [ -e "$4" ] || [ -L "$4" ]; then
		mv -f "$4" "$2"
	else
		rm -f "$2"
	fi
}

clean() {
	if [ "$1" != 0 ]; then
		for dir in $begun; do
			for_changed "${dir%/}" undo_one
		done
	fi
	# shellcheck disable=SC2086 # lists
	[ -z "$stages" ] || rm -rf $stages
	# shellcheck disable=SC2086
	[ "$1" = 0 ] || [ -z "$made" ] || rmdir $made 2>/dev/null
}

finish() {
	status=$?
	trap '' HUP INT TERM PIPE
	clean "$status"
	printf '\n%s %d\n' "$hactl_nonce" "$status" >&2
	printf '\n%s %d\n' "$hactl_nonce" "$status"
}

# has LIST ITEM
has() {
	case "$nl$1" in *"$nl$2$nl"*) return 0 ;; esac
	return 1
}

read_list() {
	n=0
	while [ "$n" -lt "$hactl_count" ]; do
		IFS=' ' read -r sum mode && IFS= read -r path || fail "the list of files did not arrive whole"
		n=$((n + 1))
		[ ! -d "$path" ] || fail "'$path' is a directory"
		dir=${path%/*}
		has "$dirs" "$dir/" || dirs="$dirs$dir/$nl"
		files="$files$n $sum $mode $path$nl"
		if [ -f "$path" ] && [ ! -L "$path" ] && [ -O "$path" ]; then
			there="$there$path$nl"
			there_sums="$there_sums$sum  $path$nl"
		fi
	done
}

# Sets modes and result, a line for each of $there: its mode, and what sha256sum says of it.
look() {
	[ -n "$there" ] || return 0
	# shellcheck disable=SC2086
	modes=$(stat -c %a $there) || modes=
	result=$(sha256sum -c 2>/dev/null <<-END
		${there_sums%"$nl"}
	END
	)
}

choose() {
	look
	# shellcheck disable=SC2086
	set -- $modes
	for file in $files; do
		rest=${file#* } path=${file#* * * }
		mode=${rest#* } sum=${rest%% *}
		mode=${mode%% *}
		if has "$there" "$path"; then
			got=${result%%"$nl"*} result=${result#*"$nl"}
			access=${1:-}
			[ $# = 0 ] || shift
			case $access$got in "$mode/"*': OK') continue ;; esac
		fi
		changed="$changed${file%% *} $path$nl"
		place=${path%/*}/$fresh/${path##*/}
		staged="$staged$place$nl"
		staged_sums="$staged_sums$sum  $place$nl"
	done
}

# Adds DIR and those above it that are missing to $open or $private, topmost first.
plan_dir() {
	[ -n "$1" ] && [ ! -d "$1" ] || return 0
	! has "$open$private" "$1" || return 0
	plan_dir "${1%/*}"
	parent=${1%/*}
	if has "$open" "$parent"; then
		access=drwxr-x
	elif has "$private" "$parent"; then
		access=drwx------
	else
		access=$(ls -ld "${parent:-/}/.")
	fi
	case $access in
	drwx------*) private="$private$1$nl" ;;
	*) open="$open$1$nl" ;;
	esac
	made="$1$nl$made"
}

# shellcheck disable=SC2086
make_dirs() {
	for dir in $dirs; do
		plan_dir "${dir%/}"
		stages="$stages$dir$fresh$nl"
	done
	[ -z "$open" ] || mkdir -m 755 $open || fail "a directory cannot be made"
	mkdir -m 700 $private $stages || fail "a directory cannot be made"
}

verify() {
	# shellcheck disable=SC2086
	set -- $staged
	result=$(sha256sum -c 2>/dev/null <<-END
		${staged_sums%"$nl"}
	END
	) && return
	for got in $result; do
		case $got in *': OK') shift ;; *) break ;; esac
	done
	fail "'${1%/"$fresh"/*}/${1##*/}' arrived with another SHA-256: try again"
}

add_one() {
	moved="$moved$3$nl"
	if [ -e "$2" ] || [ -L "$2" ]; then
		old="$old$2$nl"
	fi
}

# shellcheck disable=SC2086
keep_old() {
	stages="$stages$dir$fresh.old$nl"
	mkdir "$dir$fresh.old" && ln $old "$dir$fresh.old/" 2>/dev/null && return
	rm -rf "$dir$fresh.old"
	mkdir "$dir$fresh.old" && cp -p -P $old "$dir$fresh.old/" || fail "files in '$dir' cannot be kept aside"
}

replace() {
	old="" moved=""
	for_changed "${dir%/}" add_one
	[ -n "$moved" ] || return 0
	[ -z "$old" ] || keep_old
	begun="$begun$dir$nl"
	# shellcheck disable=SC2086
	mv -f $moved "$dir" || fail "files in '$dir' cannot be replaced"
}

trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM
printf '\n%s\n' "$hactl_nonce"
printf '\n%s\n' "$hactl_nonce" >&2

for tool in tar sha256sum stat; do
	command -v "$tool" >/dev/null || exit 69 # remote-put-plain.sh does without
done
read_list
choose
[ -n "$changed" ] || exit 0
make_dirs
tar -x -p -m -f - -C / || fail "the files could not be unpacked beside their places"
verify
# shellcheck disable=SC2086
sync $staged 2>/dev/null
for dir in $dirs; do
	replace
done
for number in $changed; do
	printf 'changed %d\n' "${number%% *}"
done
