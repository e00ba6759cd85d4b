# shellcheck shell=bash
# Real servers of git on loopback: git http-backend behind lighttpd with TLS and a token, and sshd.
# Each serves ./repo, sets SYNC_URL, and its pid in SERVER. On top of sync.sh.
# shellcheck disable=SC2034
. "${BASH_SOURCE%/*}/certificates.sh"
. "${BASH_SOURCE%/*}/ports.sh"

# serve LOG SAYING START: a port that was free may be taken until START, a function, has made a server listen on
# PORT: then it ends, and another one is tried. It listens when its LOG says so: whoever else answers does not count.
serve() {
	local try
	for try in 1 2 3 4 5; do
		PORT=$(free_port)
		: >"$1"
		"$3" >"$1" 2>&1 &
		SERVER=$!
		wait_until 20 listens_or_ended "$1" "$2"
		! grep -qE -- "$2" "$1" || return 0
	done
	fail "no server starts: $(tail -n 5 "$1")"
}
listens_or_ended() { grep -qE -- "$2" "$1" || ! kill -0 "$SERVER" 2>/dev/null; }

# https_server: ./repo at https://localhost:PORT/repo for x-access-token with the token "s3cret-token".
https_server() {
	need lighttpd openssl python3
	mkdir tls
	certificate_authority tls
	certificate tls server localhost '' DNS:localhost,IP:127.0.0.1
	cat tls/server.crt tls/server.key >tls/server.pem
	echo 'x-access-token:s3cret-token' >users
	serve lighttpd.log 'server started' lighttpd_on_port
	SYNC_URL=https://localhost:$PORT/repo
}
lighttpd_on_port() {
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
	exec lighttpd -D -f lighttpd.conf
}

# ssh_server: with the key ./user and the hosts that ./known lists; ./stranger is nobody's.
ssh_server() {
	[[ -x /usr/sbin/sshd ]] || need sshd
	ssh-keygen -q -t ed25519 -N '' -f "$PWD/host"
	ssh-keygen -q -t ed25519 -N '' -f "$PWD/user"
	ssh-keygen -q -t ed25519 -N '' -f "$PWD/stranger"
	cp user.pub authorized
	chmod 600 authorized
	[[ $(id -u) != 0 ]] || mkdir -p /run/sshd
	serve sshd.log '^Server listening on 127' sshd_on_port
	echo "[127.0.0.1]:$PORT $(cut -d' ' -f1,2 host.pub)" >known
	SYNC_URL=ssh://$(id -un)@127.0.0.1:$PORT$PWD/repo
}
sshd_on_port() {
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
	exec /usr/sbin/sshd -D -e -f "$PWD/sshd.conf"
}
