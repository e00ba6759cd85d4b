# shellcheck shell=bash
# Installs Debian packages by name, only those that are missing, with sudo only where it is needed.

package_installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

as_root() {
	if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

# 0: all are there afterwards. Prints one line when something has to be installed.
packages_need() {
	local package
	local -a missing=()
	if ! command -v apt-get >/dev/null; then
		echo "This is no Debian or Ubuntu. Please install what these packages hold, then try again:"
		echo "  $*"
		return 1
	fi
	for package; do package_installed "$package" || missing+=("$package"); done
	((${#missing[@]})) || return 0
	if [[ $(id -u) != 0 ]] && ! command -v sudo >/dev/null; then
		echo "Neither root nor sudo: please install ${missing[*]}"
		return 1
	fi
	echo "Installing ${missing[*]}"
	packages_install "${missing[@]}" && return 0
	as_root apt-get update -qq >/dev/null || true
	packages_install "${missing[@]}" && return 0
	echo "apt-get could not install ${missing[*]}:"
	as_root apt-get install -y --no-install-recommends "${missing[@]}" 2>&1 </dev/null | tail -n 5
	return 1
}

packages_install() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		-o Dpkg::Use-Pty=0 "$@" </dev/null >/dev/null 2>&1
}

# What it takes to build, and what it takes to test.
# shellcheck disable=SC2034
PACKAGES_BUILD=(gcc libc6-dev cmake ninja-build pkg-config libyaml-dev libcurl4-gnutls-dev
	libjansson-dev libsqlite3-dev libsodium-dev libinotifytools0-dev libgit2-dev libmicrohttpd-dev)
# shellcheck disable=SC2034
PACKAGES_TEST=(g++ bindfs libcmocka-dev valgrind strace sqlite3 shellcheck procps git jq curl bsdutils util-linux
	python3 python3-venv python3-jsonschema python3-ruamel.yaml zsh fish man-db openssl age vim emacs-nox)
# shellcheck disable=SC2034
PACKAGES_SYNC=(openssh-client openssh-server lighttpd lighttpd-mod-openssl gpg openssl systemd)
# shellcheck disable=SC2034
PACKAGES_TERRAFORM=(postgresql-15 lighttpd lighttpd-mod-openssl openssl)
# shellcheck disable=SC2034
PACKAGES_FUZZ=(clang libclang-rt-14-dev)
# shellcheck disable=SC2034
PACKAGES_DOCKER=(docker.io iptables iproute2 docker-registry busybox-static curl ca-certificates redis-tools
	postgresql-15 mariadb-server rabbitmq-server amqp-tools)
# shellcheck disable=SC2034
PACKAGES_CATALOGUE=(maven openjdk-17-jre-headless python3-venv)
# shellcheck disable=SC2034
PACKAGES_GO=(python3-venv)
# shellcheck disable=SC2034
PACKAGES_KUBERNETES=(openssl debootstrap jq curl docker-registry)
