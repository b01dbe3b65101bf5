# The README's hactl.yaml is read, and its one-line cluster description is written and read back.
readme=$(cd "$(dirname "$0")/../.." && pwd)/README.md
. "$(dirname "$0")/lib.sh"

sed -n '/^```yaml$/,/^```$/{/^```/d;p}' "$readme" >hactl.yaml
[ -s hactl.yaml ] || die "no example in README.md"
hactl config render keepalived m1 2>notes >out
grep -q '10.0.0.9/' out || die "the example's virtual IP is not in keepalived.conf"
prints 'm1 m2 m3 w1' sh -c 'echo $("$HACTL" document nodes)'

command=$(sed -n 's/^    \(hactl config init .*\) >hactl.yaml$/\1/p' "$readme")
[ -n "$command" ] || die "no 'hactl config init' in README.md"
eval "$command" >made.yaml
prints 'm1 m2 m3 w1' sh -c 'echo $("$HACTL" document -c made.yaml nodes)'
