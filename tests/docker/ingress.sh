#!/bin/bash
# Services behind the proxy of an environment, a real nginx: by host and path, with TLS of the
# environment's own or of a secret, and after a change of the routes.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/shop.sh
. "${BASH_SOURCE%/*}/../lib/shop.sh"

place() {
	need docker busybox sqlite3 curl openssl
	docker version >/dev/null 2>&1 || skip "no Docker Engine answers"
	shop_image
	"$HARNESS_SOURCE/tests/tools/nginx-context" proxy
	HTTP=$(free_port) HTTPS=$(free_port) PROCESS=$(free_port) OWN=$(free_port)
	trap 'trap - ERR; set +e; shop_clear' EXIT
	mkdir says
	cat >says/who <<-'SH' && chmod +x says/who
	#!/bin/sh
	# Answers a request with a name, what was asked for, and how the proxy was asked.
	read -r _ path _
	while read -r line; do
		case $line in
		X-Forwarded-Proto:*) proto=$(echo "${line#*: }" | tr -d '\r') ;;
		?) break ;;
		esac
	done
	body="$1 $path $proto"
	printf 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %s\r\n\r\n%s' "${#body}" "$body"
	SH
}

# environment TLS [SERVICE...]: two services that say who they are, and more
environment() {
	local tls=$1
	shift
	manifest <<-YML
	spec:
	  networking:
	    ingress: { domain: test, tls: $tls, image: "\${docker_image.proxy.id}", httpPort: $HTTP, httpsPort: $HTTPS }
	  resources:
	    - { type: docker_image, name: proxy, build: { context: proxy } }
	  services:
	    - name: web
	      image: $SHOP_IMAGE
	      command: [nc, -ll, -p, "8000", -e, /says/who, web]
	      volumes: ["./says:/says:ro"]
	      stopSignal: SIGKILL
	      readiness: { port: 8000 }
	      ports: [ { name: http, port: $OWN, targetPort: 8000 } ]
	    - name: api
	      image: $SHOP_IMAGE
	      command: [nc, -ll, -p, "8000", -e, /says/who, api]
	      volumes: ["./says:/says:ro"]
	      stopSignal: SIGKILL
	      readiness: { port: 8000 }
	      networks: [back]
	      ports: ["8000"]
	      ingress: { host: web.test, path: /api }
	$(for more; do echo "    - $more"; done)
	  outputs:
	    web: { value: "\${service.web.ingress.url}" }
	YML
}
# ask URL [ARGUMENT...]: through the proxy, whatever its name
ask() {
	local url=$1
	shift
	curl -sS --max-time 60 --connect-to "::127.0.0.1:" "$@" "$url"
}
# answers URL TEXT [ARGUMENT...]: is it that, by now?
answers() { [[ $(ask "$1" "${@:3}" 2>/dev/null) == "$2" ]]; }
status() { ask "$1" -o /dev/null -w '%{http_code}' "${@:2}"; }

test_services_are_reached_by_host_and_path() {
	place
	environment false "{ name: here, command: \"busybox nc -ll -p $PROCESS -e $PWD/says/who here\", ports: [$PROCESS], ingress: true }"
	expect 0 up --yes
	no_changes
	equal 'the name that is told' "http://web.test:$HTTP" "$("$DEVENV" outputs web)"
	equal 'by its host' 'web /x?y=1 http' "$(ask "http://web.test:$HTTP/x?y=1")"
	equal 'by its path' 'api /api http' "$(ask "http://web.test:$HTTP/api")"
	equal 'below its path' 'api /api/x http' "$(ask "http://web.test:$HTTP/api/x")"
	equal 'not by the beginning of a word' 'web /apix http' "$(ask "http://web.test:$HTTP/apix")"
	wait_until 10 answers "http://here.test:$HTTP/" 'here / http' # a process, which nobody waits for
	equal 'another host' 404 "$(status "http://other.test:$HTTP/")"

	# A service that is made anew has another address: the proxy stays, and finds it.
	local proxy
	proxy=$(ours container docker_container.ingress-proxy)
	expect 0 apply --yes --replace docker_container.api
	equal 'the same proxy' "$proxy" "$(ours container docker_container.ingress-proxy)"
	wait_until 10 answers "http://web.test:$HTTP/api" 'api /api http'

	# Other routes, another proxy; without any, none.
	environment false "{ name: more, image: $SHOP_IMAGE, command: [nc, -ll, -p, \"8000\", -e, /says/who, more], volumes: [\"./says:/says:ro\"], ports: [\"8000\"], ingress: true, stopSignal: SIGKILL }"
	expect 0 apply --yes
	wait_until 10 answers "http://more.test:$HTTP/" 'more / http'
	equal 'gone' 404 "$(status "http://here.test:$HTTP/")"
	expect 0 apply --yes --set 'spec.services[web].ingress=false' --set 'spec.services[api].ingress=false' \
		--set 'spec.services[more].ingress=false'  --set 'spec.outputs.web=null'
	equal 'no routes' '' "$(ours container docker_container.ingress-proxy)"
	expect 0 destroy --yes
	no_rest
}

test_tls_is_the_environments_own_or_that_of_a_secret() {
	place
	environment self-signed
	sed -i 's/^  outputs:/&\n    ca: { value: "${generated_certificate.ingress.authority}" }/' .devenv/config.yml
	expect 0 up --yes
	no_changes
	"$DEVENV" outputs ca >"$TRASH/ca"
	equal 'the name that is told' "https://web.test:$HTTPS" "$("$DEVENV" outputs web)"
	equal 'who trusts it' 'web /x https' "$(ask "https://web.test:$HTTPS/x" --cacert "$TRASH/ca")"
	! ask "https://web.test:$HTTPS/x" 2>"$TRASH/refused" || fail 'it is trusted by everybody'
	has "$TRASH/refused" certificate
	equal 'without TLS' "308 https://web.test:$HTTPS/x?y" \
		"$(ask "http://web.test:$HTTP/x?y" -o /dev/null -w '%{http_code} %{redirect_url}')"
	! grep -rqa 'PRIVATE KEY' "$DEVENV_HOME" .devenv || fail 'a key is stored in clear'
	docker top "$(ours container docker_container.ingress-proxy)" -eo pid,args >"$TRASH/arguments"
	has "$TRASH/arguments" nginx
	lacks "$TRASH/arguments" PRIVATE

	# Another host: another certificate of the same authority.
	sed -i 's/host: web.test/host: api.test/' .devenv/config.yml
	expect 0 apply --yes
	wait_until 10 answers "https://api.test:$HTTPS/api" 'api /api https' --cacert "$TRASH/ca"

	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$TRASH/key" -out "$TRASH/own" \
		-days 2 -subj /CN=web.test -addext subjectAltName=DNS:web.test 2>/dev/null
	cp "$TRASH/key" "$TRASH/own" .
	environment '{ secret: mine }'
	sed -i 's/^  services:/  secrets: [ { name: mine, data: { tls.crt: "${file:own}", tls.key: "${file:key}" } } ]\n&/' .devenv/config.yml
	expect 0 apply --yes
	wait_until 10 answers "https://web.test:$HTTPS/x" 'web /x https' --cacert "$TRASH/own"
	! grep -rqaF "$(sed -n 2p key)" "$DEVENV_HOME" .devenv || fail 'the key of the secret is stored in clear'
	expect 0 destroy --yes
	no_rest
}

run_tests "$@"
