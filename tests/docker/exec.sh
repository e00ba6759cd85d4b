#!/bin/bash
# devenv exec in a container, as a person uses it: files piped in, a terminal with its keys and its
# size, the status of the command.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

IMAGE=devenv-test-exec:1

container() {
	need docker busybox script python3
	docker version >/dev/null 2>&1 || skip "no Docker Engine answers"
	if ! docker image inspect $IMAGE >/dev/null 2>&1; then
		mkdir -p image/bin
		cp "$(command -v busybox)" image/bin/
		local applet
		for applet in sh sleep cat stty tty; do ln -s busybox "image/bin/$applet"; done
		tar -C image -c . | docker import - $IMAGE >/dev/null
	fi
	manifest <<-YML
	spec:
	  resources:
	    - { type: docker_container, name: web, image: "$IMAGE", pull: never, command: [sleep, "600"], stopSignal: SIGKILL }
	YML
	trap '"$DEVENV" destroy --yes >/dev/null 2>&1' EXIT
	expect 0 apply --yes
}

test_what_is_piped_in_arrives_and_the_status_comes_back() {
	container
	head -c 300000 /dev/zero | tr '\0' x >big
	"$DEVENV" exec web sh -c 'cat; echo problem >&2; exit 7' <big >output 2>problems || STATUS=$?
	equal status 7 "$STATUS"
	cmp big output || fail 'what came back differs'
	has problems problem
	printf 'one\ntwo\n' >lines
	while read -r line; do
		"$DEVENV" exec --no-interactive web cat
		echo "$line" >>taken
	done <lines
	equal 'lines left for the loop' 2 "$(wc -l <taken)"
}

test_a_terminal_is_one_inside_and_is_as_before_afterwards() {
	container
	script -qec "stty rows 41 cols 123; stty -g >before
		'$DEVENV' exec web sh -c 'tty; until [ \"\$(stty size)\" = \"41 123\" ]; do sleep 0.1; done; echo right; exit 4'
		echo status \$?; stty -g >after" log </dev/null >/dev/null
	has log /dev/pts/
	has log right
	has log 'status 4'
	cmp before after || fail 'the terminal was left otherwise'
	script -qec "'$DEVENV' exec --no-tty web tty" plain </dev/null >/dev/null || true
	has plain 'not a tty'
}

# Keys go to the command, also those that would stop us; a new size follows.
test_keys_and_a_new_size_reach_the_command() {
	container
	python3 - "$DEVENV" <<-'PY' || fail "see above"
	import fcntl, os, pty, select, struct, sys, termios, time

	def size(rows, columns):
	    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

	def wait(text):
	    global seen
	    end = time.time() + 20
	    while text not in seen:
	        if time.time() > end or not select.select([fd], [], [], end - time.time())[0]:
	            sys.exit("no %r in %r" % (text, seen))
	        seen += os.read(fd, 4096)

	seen = b""
	pid, fd = pty.fork()
	if pid == 0:
	    time.sleep(0.3)  # until the first size is set
	    os.execv(sys.argv[1], [sys.argv[1], "exec", "web", "sh", "-c",
	        "trap 'echo interrupted; exit 42' INT; read a; echo got=$a; while :; do stty size; sleep 0.2; done"])
	size(30, 90)
	os.write(fd, b"hello\r")
	wait(b"got=hello")
	wait(b"30 90")
	size(50, 132)
	wait(b"50 132")
	os.write(fd, b"\x03")
	wait(b"interrupted")
	status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
	if status != 42:
	    sys.exit("status %d" % status)
	PY
}

run_tests "$@"
