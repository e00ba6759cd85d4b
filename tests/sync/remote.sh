#!/bin/bash
# Real servers: git http-backend behind lighttpd with TLS and a token, sshd on loopback, one that hangs.
# shellcheck source=tests/lib/sync.sh
. "${BASH_SOURCE%/*}/../lib/sync.sh"
# shellcheck source=tests/lib/git-servers.sh
. "${BASH_SOURCE%/*}/../lib/git-servers.sh"

# at STATUS [ARGUMENT...]: follows SYNC_URL once.
at() { expect "$1" sync "$SYNC_URL" --name s --once "${@:2}"; }

test_https_with_a_token_and_an_authority_of_its_own() {
	repo
	https_server
	echo s3cret-token >token
	at 1 --token-file token
	matches err 'certificate|SSL'
	at 1 --ca-file tls/ca.crt
	matches err 'credentials'
	echo wrong >wrong
	at 1 --ca-file tls/ca.crt --token-file wrong
	at 0 --ca-file tls/ca.crt --token-file token
	holds one
	writes two && commit two
	DEVENV_SYNC_TOKEN=s3cret-token at 0 --ca-file tls/ca.crt
	holds two
	# Neither in state nor anywhere in the home.
	if grep -rq s3cret-token "$DEVENV_HOME"; then fail 'the token was written down'; fi
	kill "$SERVER"
}

test_a_token_goes_over_tls_or_to_this_machine_only() {
	need python3
	repo
	cat >asks.py <<-'PY'
	import base64, http.server
	class Handler(http.server.BaseHTTPRequestHandler):
	    def do_GET(self):
	        told = base64.b64decode((self.headers["Authorization"] or "").removeprefix("Basic ")).decode()
	        with open("asked", "a") as out: out.write(f"asked with {told}\n")
	        self.send_response(401)
	        self.send_header("WWW-Authenticate", "Basic realm=git")
	        self.send_header("Content-Length", "0")
	        self.end_headers()
	    def log_message(self, *args): pass
	s = http.server.ThreadingHTTPServer(("", 0), Handler)
	print(s.server_port, flush=True)
	s.serve_forever()
	PY
	python3 asks.py >port &
	SERVER=$!
	wait_until 20 test -s port
	export DEVENV_SYNC_TOKEN=s3cret-token
	for SYNC_URL in "http://127.0.0.2:$(cat port)/repo" "http://127.0.0.1@127.0.0.2:$(cat port)/repo"; do
		at 1
		has err 'not sent over http'
		has asked 'asked with'
		lacks asked s3cret-token
	done
	SYNC_URL=http://127.0.0.1:$(cat port)/repo
	at 1
	has asked s3cret-token
	kill "$SERVER"
}

test_the_token_of_git_s_own_helper_is_used() {
	repo
	https_server
	cat >helper <<-'SH'
	#!/bin/sh
	[ "$1" = get ] && echo username=x-access-token && echo password=s3cret-token
	SH
	chmod +x helper
	printf '[credential]\n\thelper = %s\n' "$PWD/helper" >gitconfig
	GIT_CONFIG_GLOBAL=$PWD/gitconfig at 0 --ca-file tls/ca.crt
	holds one
	kill "$SERVER"
}

test_a_token_is_not_readable_by_the_manifest_or_its_children() {
	need python3
	repo
	cat >>repo/.devenv/config.yml <<-'YML'
	    - { type: local_command, name: c, create: [sh, -c, "env >environment"] }
	YML
	commit env
	DEVENV_SYNC_TOKEN=s3cret-token once 0
	there "$(LIVE)/environment"
	lacks "$(LIVE)/environment" s3cret-token
}

test_ssh_with_a_key_and_known_hosts() {
	repo
	ssh_server
	: >nobody
	at 1 --ssh-key user --known-hosts nobody
	matches err 'Host key verification failed|ssh ended'
	at 1 --ssh-key stranger --known-hosts known
	matches err 'Permission denied|ssh ended'
	at 0 --ssh-key user --known-hosts known
	holds one
	# Another host key at the same address.
	echo "[127.0.0.1]:$PORT $(cut -d' ' -f1,2 stranger.pub)" >known
	writes two && commit two
	at 1 --ssh-key user --known-hosts known
	holds one
	kill "$SERVER"
}

test_ssh_with_an_agent() {
	repo
	ssh_server
	eval "$(ssh-agent -s)" >/dev/null
	ssh-add -q user
	at 0 --known-hosts known
	holds one
	kill "$SSH_AGENT_PID" "$SERVER"
}

test_a_server_that_hangs_does_not_hang_us() {
	need python3
	python3 -c '
import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(5)
print(s.getsockname()[1], flush=True)
held = []
while True: held.append(s.accept())' >port &
	wait_until 20 test -s port
	SYNC_URL=http://127.0.0.1:$(cat port)/repo
	DEVENV_SYNC_STALL=1 at 1
	has err 'unreachable: the server fell silent'
	# And can be told to end in the middle of it.
	"$DEVENV" sync "$SYNC_URL" --name s </dev/null >/dev/null 2>&1 &
	LOOP=$!
	wait_until 20 started_one
	end_loop
	equal status 0 "$LOOP_STATUS"
}
started_one() { [[ $(told started 2>/dev/null) == 1 && $(told result) == looking ]]; }

# through: a relay to the server at PORT, in its place. As the file ./way says (COUNT hang|close), it hangs or
# closes after so many bytes of the server.
through() {
	cat >through.py <<-'PY'
	import socket, sys, threading, time
	to = int(sys.argv[1])
	def pump(source, sink, limit, end):
	    left = limit
	    try:
	        while data := source.recv(16384):
	            if limit and len(data) >= left:
	                sink.sendall(data[:left])
	                open("cut", "w").close()
	                if end == "hang": time.sleep(600)
	                break
	            left -= len(data)
	            sink.sendall(data)
	    except OSError: pass
	    for s in (source, sink):
	        try: s.shutdown(socket.SHUT_RDWR)
	        except OSError: pass
	server = socket.socket()
	server.bind(("127.0.0.1", 0))
	server.listen(16)
	print(server.getsockname()[1], flush=True)
	while True:
	    client = server.accept()[0]
	    count, end = open("way").read().split()
	    upstream = socket.create_connection(("127.0.0.1", to))
	    threading.Thread(target=pump, args=(client, upstream, 0, end), daemon=True).start()
	    threading.Thread(target=pump, args=(upstream, client, int(count), end), daemon=True).start()
	PY
	python3 through.py "$PORT" >relayed &
	RELAY=$!
	wait_until 20 test -s relayed
	SYNC_URL=https://localhost:$(cat relayed)/repo
}

test_a_server_that_hangs_or_dies_in_the_middle_of_a_pack_is_asked_again() {
	local way
	repo
	https_server
	echo '0 close' >way
	through
	export DEVENV_SYNC_TOKEN=s3cret-token
	at 0 --ca-file tls/ca.crt
	holds one
	head -c 3000000 /dev/urandom >repo/large
	writes two && commit large
	for way in hang close; do
		rm -f cut
		echo "400000 $way" >way
		DEVENV_SYNC_STALL=15 at 1 --ca-file tls/ca.crt
		has err 's: unreachable'
		there cut
		holds one
		gone "$(LIVE)/large"
	done
	echo '0 close' >way
	at 0 --ca-file tls/ca.crt
	holds two
	cmp repo/large "$(LIVE)/large"
	kill "$RELAY" "$SERVER"
}

test_a_fetch_that_was_killed_is_repeated() {
	repo
	once 0
	head -c 3000000 /dev/urandom >repo/large
	writes two && commit large
	local i
	for i in 1 2 3 4 5 6; do
		"$DEVENV" sync "file://$PWD/repo" --name s --once </dev/null >/dev/null 2>&1 &
		LOOP=$!
		sleep "0.0$((i * 2))" # in any window
		kill -9 "$LOOP" 2>/dev/null || true
		wait "$LOOP" 2>/dev/null || true
	done
	wait_until 20 settles
	holds two
	cmp repo/large "$(LIVE)/large"
	wait_until 20 no_lock # the helper of one that was killed may be on its way to its end
}
no_lock() { [[ -z $(find "$DEVENV_HOME/clones" -name '*.lock' -path '*refs*' 2>/dev/null) ]]; }
settles() { "$DEVENV" sync "file://$PWD/repo" --name s --once </dev/null >/dev/null 2>&1; }

run_tests "$@"
