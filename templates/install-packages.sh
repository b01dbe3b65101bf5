# Installs packages with the system's own tool.  In: command (of steps_install_command), packages.
case $command in
apt-get*) DEBIAN_FRONTEND=noninteractive; export DEBIAN_FRONTEND; apt-get update -q >&2 || exit ;;
esac
# Both are hactl's own words, split here on purpose.
$command $packages >&2 || exit
for p in $packages; do
	command -v "$p" >/dev/null || { echo "$p is still missing after: $command $packages" >&2; exit 1; }
done
