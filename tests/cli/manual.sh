# Every example of hactl(1) that is marked is run, in the page's order: what follows a "$ " line is what the
# command prints.  The marks are comments: '.\" file NAME' before a file, '.\" run' before commands.
manual=$(cd "$(dirname "$0")/../.." && pwd)/man/hactl.1.in
. "$(dirname "$0")/lib.sh"

mkdir bin
ln -s "$HACTL" bin/hactl
PATH=$PWD/bin:$PATH
unset -f hactl

# Files as they are; of each block of commands a script, and what it must print.
sed -e 's/\\-/-/g' -e 's/\\e/\\/g' "$manual" | awk '
	/^\.\\" file / { out = $3; next }
	/^\.\\" run/ { n++; commands = n ".run"; said = n ".want"; printf "" >commands; printf "" >said; next }
	/^\.fi/ { out = commands = "" }
	out { print >out }
	commands && /^\$ / { print substr($0, 3) >commands; next }
	commands { print >said }'
[ -e 1.run ] || die "no examples in $manual"
for run in *.run; do
	sh "$run" >got 2>&1 || true
	cmp -s got "${run%.run}.want" || die "$(cat "$run") prints: $(diff "${run%.run}.want" got)"
done
