#!/bin/bash
# A provisioning script, without a terminal: one line makes the cluster, and what it prints can be read
# by a program.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

fresh 3
install -d -m 700 "$W/home/.ssh"
install -m 600 "$LAB_RUN/id_ed25519" "$LAB_RUN/known_hosts" "$W/home/.ssh/"
# shellcheck disable=SC2016 # the inner shell expands it
provision() {
  op setsid -w bash -o pipefail -c '"$1" config init --vip "$2" root@m1 root@m2 root@m3 | "$1" apply --config - -o json' \
    - "$HACTL" "$VIP" </dev/null >"$W/events" 2>"$W/errors" || { local s=$?; cat "$W/events" "$W/errors"; return $s; }
}
must "config init | apply --config - -o json makes the cluster" provision
readable() {
  python3 - "$W/events" <<'P'
import json, sys
events = [json.loads(line) for line in open(sys.argv[1])]
assert len(events) > 4, f"{len(events)} events"
assert all(isinstance(e, dict) for e in events), "not an object"
named = set.intersection(*(set(e) for e in events))
assert named, "no key that every event has"
assert any(node in json.dumps(events) for node in ("m1",)), "no node named"
print(json.dumps(events[-1]))
P
}
holds "its output is one JSON object per line" readable
of_m1() { lab ssh m1 cat /etc/kubernetes/admin.conf >"$W/admin.conf"; }
of_m1
holds "3 nodes are Ready through the VIP" nodes_ready 3
holds "exactly one node holds the VIP" one_holder

# shellcheck disable=SC2016
refuse_json() {
  op setsid -w bash -o pipefail -c '"$1" config init --vip "$2" nobody-here@m1 root@m2 root@m3 | "$1" apply --config - -o json' \
    - "$HACTL" "$VIP" </dev/null
}
refuses 4 "a login that is refused has its own exit status, and its node in the output" m1 -- refuse_json
