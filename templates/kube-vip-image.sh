# Has an image ready before anything waits for its pod.  In: image, cri_socket (may be empty).
case $cri_socket in
*dockershim*)
	docker image inspect "$image" >/dev/null 2>&1 || docker pull "$image" >/dev/null
	;;
*)
	# Without crictl (kubeadm needs it no longer) the kubelet is left to pull.
	command -v crictl >/dev/null 2>&1 || exit 0
	set -- ${cri_socket:+--runtime-endpoint "unix://$cri_socket"}
	crictl "$@" inspecti "$image" >/dev/null 2>&1 || crictl "$@" pull "$image" >/dev/null
	;;
esac
