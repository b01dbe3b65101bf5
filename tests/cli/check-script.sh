#!/bin/sh
# The script that keepalived runs: who may keep the virtual IP when another node could have it too.
. "${0%/*}/lib.sh"

cat >hactl.yaml <<'END'
apiVersion: hactl/v1
kind: Cluster
name: t
endpoint: 10.0.0.9:6443
controlPlane:
  - {name: m1, address: 10.0.0.11}
  - {name: m2, address: 10.0.0.12}
  - {name: m3, address: 10.0.0.13}
vip: {interface: eth0}
END
hactl config render check m1 --out rendered >list 2>&1
mkdir bin
# ip knows the address when a file says so; curl reaches the hosts in a file, and takes its time for others.
cat >bin/ip <<'END'
#!/bin/sh
[ -e carries ] && echo "2: eth0 inet 10.0.0.9/24"
END
cat >bin/curl <<'END'
#!/bin/sh
while [ $# -gt 1 ]; do shift; done
echo "$1" >>asked
# Whoever is asked waits for as many as the file says to be asked, too.
[ ! -e together ] || for turn in 1 2 3 4 5 6 7 8 9 10; do
	[ "$(grep -c . asked)" -lt "$(cat together)" ] || break
	[ $turn -lt 10 ] || echo alone >>asked
	sleep 0.5
done
[ ! -e moved ] || rm -f carries
for host in $(cat reached); do
	case $1 in https://$host:6443/*) echo 0.000312; exit 22 ;; esac
done
echo 0.000000
exit 28
END
chmod +x bin/*
sed "s|^PATH=|&$work/bin:|" rendered/m1/check_apiserver.sh >script

keeps() { : >asked; sh script holds-vip || die "$1"; }
loses() { : >asked; ! sh script holds-vip || die "$1"; }

echo 10.0.0.12 10.0.0.13 >reached
loses "a node without the address is no holder"
[ ! -s asked ] || die "and asks nobody"
touch carries
keeps "a holder that reaches others is one"
[ "$(cat asked)" = "https://10.0.0.12:6443/livez?exclude=etcd" ] || die "the first answer is enough: $(cat asked)"
echo 10.0.0.13 >reached
keeps "one of them is enough"
: >reached
loses "a holder that was cut off from all others may not keep the address"
[ "$(grep -c . asked)" = 4 ] || die "each is asked twice: $(cat asked)"
echo 10.0.0.12 >reached
touch moved
loses "the address is lost while others are asked: its bonus is, too"

# However many there are: the first one, then all the others at the same time, and the same again.
rm -f moved
touch carries
: >reached
sed -i 's/^vip:/  - {name: m4, address: 10.0.0.14}\n  - {name: m5, address: 10.0.0.15}\nvip:/' hactl.yaml
hactl config render check m1 --out five >list 2>&1
sed "s|^PATH=|&$work/bin:|" five/m1/check_apiserver.sh >script
loses "a holder of five that was cut off"
[ "$(grep -c . asked)" = 8 ] || die "each of four is asked twice: $(cat asked)"
sed '2,4!d' asked | sort | tr '\n' ' ' | grep -q '10.0.0.13:.*10.0.0.14:.*10.0.0.15:' || die "the others come after the first: $(cat asked)"
echo 4 >together
sed -i 's/^	for try in 1 2; do/	for try in 1; do/;s/reaches_any "$first" ||/echo first >>asked;/' script
loses "a holder of five that was cut off"
! grep -q alone asked || die "one after the other: $(cat asked)"
