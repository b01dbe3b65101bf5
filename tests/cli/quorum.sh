# hactl quorum: from an operand, from hactl.yaml, from neither; data for scripts.
. "$(dirname "$0")/lib.sh"

hactl quorum >out
grep -q '^ *3 *2  1 failure$' out || die "no row for 3: $(cat out)"
grep -q '^use 3' out || die "no advice: $(cat out)"
hactl quorum 4 >out
grep -q '^> *4 *3  1 failure$' out || die "4 is not marked: $(cat out)"
grep -q '^an even number' out || die "no advice for 4: $(cat out)"
hactl quorum 9 >out
grep -q '^> *9 *5  4 failures$' out || die "9 is not there: $(cat out)"
hactl config init --vip 10.0.0.9 10.0.0.11 10.0.0.12 >hactl.yaml
hactl quorum 2>/dev/null >out
grep -q '^> *2 *2  0 failures$' out || die "hactl.yaml is not read: $(cat out)"
[ "$(hactl quorum 3 -o json | cut -d, -f1-3)" = '{"controlPlaneNodes":3,"majority":2,"survives":1' ] || die "json: $(hactl quorum 3 -o json)"
fails 2 "hactl: quorum: '0' is no number of control-plane nodes (1 to 99)" hactl quorum 0
fails 2 "hactl: quorum: '3x' is no number of control-plane nodes (1 to 99)" hactl quorum 3x
