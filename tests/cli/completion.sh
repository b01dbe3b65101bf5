# Completion in bash, as a shell that has sourced the script would offer it.
. "$(dirname "$0")/lib.sh"

hactl document bash >hactl.bash
cat >hactl.yaml <<'EOF'
apiVersion: hactl/v1
kind: Cluster
endpoint: 192.0.2.9
controlPlane:
  - {name: alpha, address: 192.0.2.11}
  - {name: beta, address: 192.0.2.12}
  - {name: gamma, address: 192.0.2.13}
EOF
sed 's/alpha/delta/' hactl.yaml >other.yaml

prints 'alpha beta gamma' sh -c 'echo $("$HACTL" document nodes)'
prints 'delta beta gamma' sh -c 'echo $("$HACTL" document -c other.yaml nodes)'

# offers "REPLIES" WORD... : what completion makes of the last word.
cat >ask.bash <<'EOF'
compopt() { :; }
. ./hactl.bash
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_WORDS[0]=$HACTL
_hactl
echo "${COMPREPLY[*]}"
EOF
export HACTL
offers() {
	want=$1
	shift
	prints "$want" bash ask.bash "$@"
}

offers 'document' hactl docu
offers 'document' hactl help docu
offers 'bash' hactl document ba
offers 'config-man config-markdown config-schema' hactl document config-
offers '--config=' hactl document --conf
offers 'hactl.bash hactl.yaml' hactl document --config hactl
offers 'hactl.bash hactl.yaml' hactl document --config = hactl
offers 'man' hactl document --config = hactl.yaml ma
offers 'man' hactl document -c hactl.yaml ma
offers '' hactl nonsense x
offers 'alpha' hactl join al
offers 'delta beta gamma' hactl join --config = other.yaml ''
offers 'delta' hactl -c other.yaml taint --remove d
offers 'alpha' hactl --output json join --control-plane al
offers 'json' hactl join --output = j
offers 'init' hactl config in
offers '' hactl apply ''
