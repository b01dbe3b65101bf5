# The table of causes says which were seen on real hosts: those that the laboratory's scenario looks for,
# no more and no fewer; it is in the manual as well, and no cause lacks its remedy.
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$(dirname "$0")/lib.sh"

hactl document causes >causes
[ "$(wc -l <causes)" -gt 40 ] || die "only $(wc -l <causes) lines of causes"
awk -F' [|] ' 'NR > 2 && NF != 6 { exit 1 }' causes || die "a cause without its six columns"
awk -F' [|] ' 'NR > 2 && $6 ~ /yes/ { sub(/^[|] /, "", $1); print $1 }' causes | sort -u >seen
sed -n '/^table() {/,/^T$/p' "$top/tests/lab/scenario-causes.sh" | awk -F'|' 'NF == 8 && !/^#/ && $6 != "-" { print $6 }' | sort -u >tried
cmp -s seen tried || die "seen and tried differ: $(diff tried seen)"
[ "$(sed -n '/^table() {/,/^T$/p' "$top/tests/lab/scenario-causes.sh" | grep -c '^[^#].*|.*|.*|.*|.*|.*|.*|')" -ge 20 ] || die "fewer than 20 clusters are broken"
[ "$(hactl document causes-man | grep -c '^\.TP')" = $(($(wc -l <causes) - 2)) ] || die "the manual has other causes"
