# shellcheck shell=bash
# Ports for tests. They are counted in a file, so that no two tests side by side get the same one, and lie below
# those that the kernel gives to clients: a server that comes up later still finds its port free.

free_port() { # a port of 127.0.0.1 that nobody listens on
	(
		counter=/tmp/devenv-test-port-$(id -u)
		exec {lock}<>"$counter"
		flock "$lock"
		read -r port <"$counter" || port=$((20000 + RANDOM % 10000))
		while
			port=$((port < 20000 || port >= 29999 ? 20000 : port + 1))
			(: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null
		do :; done
		echo "$port" >"$counter"
		echo "$port"
	)
}
