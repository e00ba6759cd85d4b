#!/bin/bash
# File systems of the network, where another machine changes what no event tells of: NFS 4.2 by the server of the
# kernel, and 9p by diod, in a kernel of their own. `behind` is the other machine's side of `seen`.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/watch.sh
. "${BASH_SOURCE%/*}/../lib/watch.sh"
# shellcheck source=tests/lib/uml.sh
. "${BASH_SOURCE%/*}/../lib/uml.sh"

mount_nfs() {
	uml_modules nfsd nfsv4
	mkdir -p /var/lib/nfs/v4recovery
	: >/etc/exports
	: >/var/lib/nfs/etab
	mountpoint -q /proc/fs/nfsd || mount -t nfsd nfsd /proc/fs/nfsd
	exportfs -o rw,no_root_squash,fsid=0,insecure,no_subtree_check "127.0.0.1:$PWD/behind"
	rpc.mountd -N 3 2>"$TRASH/mountd"
	rpc.nfsd -N 3 2
	echo Y >/proc/fs/nfsd/v4_end_grace # nobody is there who could reclaim a lock
	mount -i -t nfs4 -o vers=4.2,addr=127.0.0.1,clientaddr=127.0.0.1 127.0.0.1:/ seen
	equal 'the file system' 6969 "$(stat -f -c %t seen)"
}

mount_9p() {
	uml_modules 9p 9pnet_fd
	diod -f -n -c /dev/null -e "$PWD/behind" -l 127.0.0.1:5640 >"$TRASH/diod" 2>&1 &
	mounted() {
		mount -i -t 9p -o "trans=tcp,port=5640,version=9p2000.L,uname=root,access=any,aname=$PWD/behind" \
			127.0.0.1 seen 2>>"$TRASH/diod"
	}
	wait_until 20 mounted
	equal 'the file system' 1021997 "$(stat -f -c %t seen)"
}

# save FILE TEXT: as another machine does it, by way of a file that is renamed.
save() { printf %s "$2" >"behind/$1.new" && mv "behind/$1.new" "behind/$1"; }

follows_what_others_change() {
	mkdir -p behind/src behind/.devenv
	printf one >behind/src/a
	cat >behind/.devenv/config.yml <<-'YML'
	apiVersion: devenv/v1
	kind: Environment
	metadata: { name: test }
	spec:
	  variables: { word: { default: "${WORD:-none}" } }
	  resources:
	    - { type: local_file, name: a, path: out/a, source: src/a }
	    - { type: local_file, name: w, path: out/w, content: "${var.word}" }
	YML
	cd seen
	start_watch
	said 'tells nothing of its changes; files are looked at once a second instead' || fail 'no warning'
	wait_until 20 holds out/a one
	cd ..
	save src/a two
	wait_until 60 holds behind/out/a two
	printf three >behind/src/a # in place
	wait_until 60 holds behind/out/a three
	printf four >seen/src/a # from this side
	wait_until 20 holds behind/out/a four
	echo 'WORD=new' >behind/.env # a name that was not there
	wait_until 60 holds behind/out/w new
	# A mistake, by a manifest that goes: nothing is touched, and the next good one is followed.
	cp behind/.devenv/config.yml good
	rm behind/.devenv/config.yml
	wait_until 60 said 'Nothing was touched'
	there behind/out/a behind/out/w
	save src/a five
	sed 's|out/w|out/v|' good >behind/.devenv/config.yml
	wait_until 60 holds behind/out/v new
	wait_until 60 holds behind/out/a five
	wait_until 60 absent behind/out/w
	stop_watch
	(cd seen && no_changes)
	umount seen
}

test_exhaustively_what_another_machine_changes_on_nfs_is_followed() {
	mkdir behind seen
	mount_nfs
	follows_what_others_change
}

test_exhaustively_what_another_machine_changes_by_9p_is_followed() {
	mkdir behind seen
	mount_9p
	follows_what_others_change
}

if [[ -n ${UML_INSIDE:-} || -z ${DEVENV_TEST_FULL:-} ]]; then
	run_tests "$@"
else
	uml_run "$0" "$@"
fi
