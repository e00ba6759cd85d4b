#!/bin/bash
# devenv exec in a container, as a person uses it: files piped in, a terminal with its keys and its
# size, the status of the command.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/ports.sh
. "${BASH_SOURCE%/*}/../lib/ports.sh"

IMAGE=devenv-test-exec:1

after() { :; } # what else a test has to clean up

make_image() {
	local applet
	[[ -d image ]] && return
	mkdir -p image/bin
	cp "$(command -v busybox)" image/bin/
	for applet in sh sleep cat stty tty; do ln -s busybox "image/bin/$applet"; done
}

container() {
	need docker busybox script python3
	docker version >/dev/null 2>&1 || skip "no Docker Engine answers"
	make_image
	docker image inspect $IMAGE >/dev/null 2>&1 || tar -C image -c . | docker import - $IMAGE >/dev/null
	manifest <<-YML
	spec:
	  resources:
	    - { type: docker_container, name: web, image: "$IMAGE", pull: never, command: [sleep, "600"], stopSignal: SIGKILL }
	YML
	trap '"$DEVENV" destroy --yes >/dev/null 2>&1; after' EXIT
	expect 0 apply --yes
}

test_what_is_stopped_is_changed_without_being_started() {
	container
	expect 0 stop web
	sed -i 's/stopSignal: SIGKILL/&, memory: 64m/' .devenv/config.yml
	expect 0 plan
	has out 'updated in place'
	expect 0 apply --yes
	no_changes
	expect 0 status
	matches out 'docker_container.web +stopped'
	expect 0 start
	has out 'Start complete: 1 started'
	expect 0 exec web sh -c 'echo it runs'
	has out 'it runs'
	expect 1 exec web -c other true
	has err 'is one container'
}

test_a_command_has_the_user_the_folder_and_the_variables_that_are_asked_for() {
	container
	HERE=here expect 0 exec -u 12:34 -w /bin -e A='b c' -e HERE web sh -c 'echo "$A $HERE $PWD $(busybox id -u):$(busybox id -g)"'
	same out <<<'b c here /bin 12:34'
	expect 0 exec web sh -c 'echo "$A$PWD"'
	same out <<</
}

# The grace would be ten hours, and the command does not hear SIGTERM.
test_who_is_stopped_is_killed_after_the_time_that_is_said() {
	local stop status=0
	container
	sed -i "s/\"600\"/\"36000\"/; s/stopSignal: SIGKILL/stopSignal: SIGTERM, stopGracePeriod: 10h/" .devenv/config.yml
	expect 0 up --yes --timeout 0
	no_changes
	expect 0 ps -q web
	docker top "$(cat "$TRASH/out")" >/dev/null || fail 'that is no id of docker'
	"$DEVENV" stop -t 1 web >"$TRASH/out" 2>"$TRASH/err" &
	stop=$!
	wait_until 15 rests
	wait "$stop" || status=$?
	equal 'status of stop' 0 "$status"
	expect 0 start web
	"$DEVENV" up --yes --force-recreate -t 0 web >"$TRASH/out" 2>"$TRASH/err" || fail 'not made anew'
	has out '1 to add, 0 to change, 1 to destroy'
	"$DEVENV" down --yes -t 0 web >"$TRASH/out" 2>"$TRASH/err" || fail 'not destroyed'
}

rests() { [[ -z $("$DEVENV" ps -q) ]]; }

test_logs_of_a_container_begin_with_their_times_and_end_at_one() {
	local first
	container
	sed -i 's/command: .sleep, "600"./command: [sh, -c, "echo one; echo two; until [ -e \/goon ]; do sleep 0.1; done; echo three; exec sleep 600"]/' .devenv/config.yml
	expect 0 up --yes
	wait_until 15 said two
	expect 0 logs -t web
	matches out '^[0-9-]{10}T[0-9:]{8}\.[0-9]{9}Z two$'
	first=$(sed -n '2s/ .*//p' "$TRASH/out")
	wait_until 15 later_than "$first"
	expect 0 exec web sh -c ': >/goon'
	wait_until 15 said three
	expect 0 logs web --until "$first" --tail 1
	same out <<<two
	expect 0 logs web --tail all
	same out <<-'TEXT'
	one
	two
	three
	TEXT
}

said() { "$DEVENV" logs web | grep -qx "$1"; }
# By a millisecond: that is how exactly a time is compared.
later_than() { [[ $(date -u '+%FT%T.%3NZ') > ${1:0:23}Z ]]; }

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
	    end = time.time() + 120
	    while text not in seen:
	        if time.time() > end or not select.select([fd], [], [], end - time.time())[0]:
	            sys.exit("no %r in %r" % (text, seen))
	        seen += os.read(fd, 4096)

	seen = b""
	pid, fd = pty.fork()
	if pid == 0:
	    while struct.unpack("HHHH", fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))[0] != 30:
	        time.sleep(0.01)  # until the first size is set
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

# An engine elsewhere: the same, through TLS with certificates on both sides, whose end of input is a
# message of TLS and not the end of the connection.
engine_behind_tls() {
	local dir=$TRASH/engine port engine="$HARNESS_SOURCE/tests/lib/engine.sh"
	need dockerd ip openssl python3
	[[ $(id -u) == 0 ]] || skip "starting an engine needs root"
	mkdir tls
	(
		# shellcheck source=tests/lib/certificates.sh
		. "$HARNESS_SOURCE/tests/lib/certificates.sh"
		certificate_authority tls
		certificate tls server server '' IP:127.0.0.1
		certificate tls cert person
	)
	cp tls/ca.crt tls/ca.pem && cp tls/cert.crt tls/cert.pem && cp tls/cert.key tls/key.pem
	port=$(free_port)
	DOCKER_HOST=$("$engine" start "$dir" dockerd 10.214 "\"hosts\": [\"unix://$dir/docker.sock\", \"tcp://127.0.0.1:$port\"],
		\"tlsverify\": true, \"tlscacert\": \"$PWD/tls/ca.crt\", \"tlscert\": \"$PWD/tls/server.crt\",
		\"tlskey\": \"$PWD/tls/server.key\"" 2>err)
	image=$(docker -H "unix://$dir/docker.sock" image ls -q $IMAGE)
	[[ -n $image ]] || tar -C image -c . | docker -H "unix://$dir/docker.sock" import - $IMAGE >/dev/null
	export DOCKER_HOST=tcp://127.0.0.1:$port DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=$PWD/tls
}

test_through_tls_it_is_the_same() {
	local image
	after() { "$HARNESS_SOURCE/tests/lib/engine.sh" stop "$TRASH/engine"; }
	trap after EXIT
	make_image
	engine_behind_tls
	container
	head -c 300000 /dev/zero | tr '\0' x >big
	"$DEVENV" exec web sh -c 'cat; echo problem >&2; exit 7' <big >output 2>problems || STATUS=$?
	equal status 7 "$STATUS"
	cmp big output || fail 'what came back differs'
	has problems problem
	"$DEVENV" exec web sh -c 'i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done' </dev/null >many
	equal 'lines of output' 20000 "$(wc -l <many)"
	script -qec "stty rows 41 cols 123
		'$DEVENV' exec web sh -c 'tty; until [ \"\$(stty size)\" = \"41 123\" ]; do sleep 0.1; done; echo right; exit 4'
		echo status \$?" log </dev/null >/dev/null
	has log /dev/pts/
	has log right
	has log 'status 4'
}

# Without TLS, behind a relay that ends one direction at a time as the network does.
test_through_tcp_it_is_the_same() {
	need python3
	container
	python3 "$HARNESS_SOURCE/tests/lib/relay.py" "${DOCKER_HOST:-unix:///var/run/docker.sock}" >port &
	RELAY=$!
	after() { kill "$RELAY"; }
	wait_until 10 test -s port
	export DOCKER_HOST
	DOCKER_HOST=tcp://127.0.0.1:$(cat port)
	printf 'one\ntwo\n' | "$DEVENV" exec web sh -c 'cat; exit 3' >output || STATUS=$?
	equal status 3 "$STATUS"
	equal output $'one\ntwo' "$(cat output)"
}

run_tests "$@"
