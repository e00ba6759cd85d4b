#!/bin/bash
# Real servers: git http-backend behind lighttpd with TLS and a token, sshd on loopback, one that hangs.
# shellcheck source=tests/lib/sync.sh
. "${BASH_SOURCE%/*}/../lib/sync.sh"
. "${BASH_SOURCE%/*}/../lib/certificates.sh"

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# https_server: ./repo at https://localhost:PORT/repo for x-access-token with the token "s3cret-token".
https_server() {
	need lighttpd openssl python3
	PORT=$(free_port)
	mkdir tls
	certificate_authority tls
	certificate tls server localhost '' DNS:localhost,IP:127.0.0.1
	cat tls/server.crt tls/server.key >tls/server.pem
	echo 'x-access-token:s3cret-token' >users
	cat >lighttpd.conf <<-CONF
	server.document-root = "$PWD"
	server.port = $PORT
	server.bind = "127.0.0.1"
	server.modules = ("mod_openssl", "mod_auth", "mod_authn_file", "mod_setenv", "mod_alias", "mod_cgi", "mod_accesslog")
	accesslog.filename = "$PWD/access.log"
	ssl.engine = "enable"
	ssl.pemfile = "$PWD/tls/server.pem"
	alias.url = ("/" => "$(git --exec-path)/git-http-backend/")
	cgi.assign = ("" => "")
	setenv.set-environment = ("GIT_PROJECT_ROOT" => "$PWD", "GIT_HTTP_EXPORT_ALL" => "1")
	auth.backend = "plain"
	auth.backend.plain.userfile = "$PWD/users"
	auth.require = ("/" => ("method" => "basic", "realm" => "git", "require" => "valid-user"))
	CONF
	lighttpd -D -f lighttpd.conf >lighttpd.log 2>&1 &
	SERVER=$!
	wait_until 20 answers "$PORT"
	SYNC_URL=https://localhost:$PORT/repo
}

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

ssh_server() {
	local sshd=/usr/sbin/sshd
	[[ -x $sshd ]] || need sshd
	PORT=$(free_port)
	ssh-keygen -q -t ed25519 -N '' -f "$PWD/host"
	ssh-keygen -q -t ed25519 -N '' -f "$PWD/user"
	ssh-keygen -q -t ed25519 -N '' -f "$PWD/stranger"
	cp user.pub authorized
	chmod 600 authorized
	[[ $(id -u) != 0 ]] || mkdir -p /run/sshd
	cat >sshd.conf <<-CONF
	Port $PORT
	ListenAddress 127.0.0.1
	HostKey $PWD/host
	PidFile $PWD/sshd.pid
	AuthorizedKeysFile $PWD/authorized
	StrictModes no
	UsePAM no
	PasswordAuthentication no
	CONF
	"$sshd" -D -e -f "$PWD/sshd.conf" >sshd.log 2>&1 &
	SERVER=$!
	wait_until 20 answers "$PORT"
	echo "[127.0.0.1]:$PORT $(cut -d' ' -f1,2 host.pub)" >known
	SYNC_URL=ssh://$(id -un)@127.0.0.1:$PORT$PWD/repo
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
	PORT=$(free_port)
	python3 -c '
import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(5)
held = []
while True: held.append(s.accept())' "$PORT" &
	wait_until 20 answers "$PORT"
	SYNC_URL=http://127.0.0.1:$PORT/repo
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
	[[ -z $(find "$DEVENV_HOME/clones" -name '*.lock' -path '*refs*') ]] || fail 'a lock is left'
}
settles() { "$DEVENV" sync "file://$PWD/repo" --name s --once </dev/null >/dev/null 2>&1; }

run_tests "$@"
