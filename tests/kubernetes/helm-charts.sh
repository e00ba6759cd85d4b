#!/bin/bash
# Where charts come from, with helm 3 and helm 4: repositories and registries that want a password, and what
# .devenv/lock.yml keeps of them; and what a plan tells of their objects.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/releases.sh
. "${BASH_SOURCE%/*}/../lib/releases.sh"
# shellcheck source=tests/lib/certificates.sh
. "${BASH_SOURCE%/*}/../lib/certificates.sh"

publish() { # FOLDER VERSION COLOUR: into the folder of a repository, without its index
	chart source
	sed -i "s/1.2.3/$2/" source/Chart.yaml
	sed -i "s/colour: green/colour: $3/" source/values.yaml
	mkdir -p "$1"
	h package source -d "$1"
	rm -r source
}

# A repository in the folder charts, which tells its port in the file port.
serve() { # [USER:PASSWORD [CERTIFICATE KEY]]
	"$HARNESS_SOURCE/tests/tools/file-server" charts "$@" >port 2>requests &
	wait_until 20 test -s port
	URL=http${2:+s}://127.0.0.1:$(cat port)
	index
}
index() { h repo index charts --url "$URL"; }

# A release `web` of the chart work/web in the version or range $1, from the repository $URL; what else the
# repository says is stdin.
from_repository() { # VERSION
	{
		printf 'spec:\n  variables: { password: { sensitive: true } }\n'
		printf '  helm:\n    repositories:\n      - name: work\n        url: %s\n' "$URL"
		sed 's/^/        /'
		printf '  resources:\n    - type: helm_release\n      name: web\n      releaseName: %s\n' "$R"
		printf '      cluster: { kubeconfig: %s }\n      readiness: { type: running }\n' "$API/kubeconfig"
		printf '      chart: work/web\n      version: "%s"\n' "$1"
	} | manifest
}
colour() { get configmap "$R-settings" .data.colour; }
sum() { sha256sum "$1" | cut -d ' ' -f 1; }

locked() {
	publish charts 1.2.3 red && publish charts 1.3.0 blue
	serve
	from_repository 1.x </dev/null
	# A plan looks it up, says so, and writes nothing.
	expect 0 plan
	has err 'Not in .devenv/lock.yml yet'
	has err "chart web, repository $URL, version 1.x: 1.3.0"
	gone .devenv/lock.yml .devenv/local
	expect 1 plan --locked
	has err '.devenv/lock.yml does not say what this is'
	apply
	equal 'the newest of the range' blue "$(colour)"
	same .devenv/lock.yml <<-YML
	# What ranges and branches stand for. Written by devenv; commit it. \`devenv lock --upgrade\` looks
	# everything up again.
	apiVersion: devenv/v1
	kind: Lock
	locked:
	  - chart: "web"
	    repository: "$URL"
	    version: "1.x"
	    resolved: "1.3.0"
	    digest: "sha256:$(sum charts/web-1.3.0.tgz)"
	YML
	no_changes --locked
	lacks err lock.yml
	# A newer one is nobody's business until somebody asks for it.
	publish charts 1.4.0 gold && index
	no_changes --locked
	expect 0 lock
	has err 'Nothing new is to be locked.'
	expect 0 lock --upgrade
	has err "chart web, repository $URL, version 1.x: 1.3.0 -> 1.4.0"
	expect 2 plan --detailed-exitcode --locked
	matches out 'locked\.resolved += "1\.3\.0" → "1\.4\.0"'
	apply --locked
	equal 'the one that is locked now' gold "$(colour)"
	no_changes
	# The same archive under another name is the same release.
	from_repository 1.4.0 </dev/null
	expect 0 apply --yes
	has out '0 added, 0 changed, 0 destroyed'
	expect 0 show helm_release.web
	matches out 'revision += 2$'
	equal entries 2 "$(grep -c resolved .devenv/lock.yml)"
	expect 0 lock --prune
	equal entries 1 "$(grep -c resolved .devenv/lock.yml)"
	has .devenv/lock.yml 'version: "1.4.0"'
	expect 0 destroy --yes
	no_rest
}
test_a_range_is_resolved_once_and_kept_with_a_digest() { with_each_helm locked; }

synced() {
	local live=$DEVENV_HOME/sync/s/live/.devenv/lock.yml
	follow_once() {
		git -C repo add -A
		git -C repo -c user.name=Ada -c user.email=ada@example.com commit -qm "$1"
		# devenv-git leaves its memory to its end.
		ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 expect 0 sync "file://$PWD/repo" --name s --once
	}
	publish charts 1.3.0 blue
	serve
	from_repository 1.x </dev/null
	git init -q -b main repo
	mv .devenv repo/
	expect 0 -C repo lock
	publish charts 1.4.0 gold && index
	follow_once 'with a lock file'
	equal 'what the lock file says' blue "$(colour)"
	equal 'the lock file' "$(cat repo/.devenv/lock.yml)" "$(cat "$live")"
	# Without one it is what was applied, and nothing is written.
	rm repo/.devenv/lock.yml
	follow_once 'without one'
	equal 'what stood' blue "$(colour)"
	gone "$live"
	expect 0 destroy --yes -C "${live%/.devenv/*}"
}
test_a_sync_reads_the_lock_file_and_never_writes_it() { with_each_helm synced; }

changed_archive() {
	publish charts 1.2.3 red
	serve
	from_repository 1.2.3 </dev/null
	expect 0 lock
	publish charts 1.2.3 black && index
	expect 1 apply --yes
	has err 'chart web 1.2.3 is not what the lock file says'
	absent configmap "$R-settings"
	expect 0 lock --upgrade
	apply
	equal colour black "$(colour)"
	# What was fetched is kept: nobody is asked any more.
	kill %1 && wait %1 2>/dev/null || true
	h uninstall "$R"
	apply
	equal colour black "$(colour)"
	# Nor does a plan need the repository when the record knows what it was.
	rm .devenv/lock.yml
	expect 0 plan --detailed-exitcode
	has err 'version 1.2.3: 1.2.3'
	expect 0 destroy --yes
}
test_an_archive_that_changed_is_refused_and_one_that_is_here_is_not_fetched() { with_each_helm changed_archive; }

mended() {
	publish charts 1.2.3 red
	serve
	from_repository 1.x </dev/null
	expect 0 lock
	{ echo '<<<<<<< HEAD' && cat .devenv/lock.yml; } >broken && mv broken .devenv/lock.yml
	expect 1 plan
	has err .devenv/lock.yml
	has err 'let `devenv lock` write it anew'
	rm .devenv/lock.yml
	expect 0 lock
	no_rest
}
test_a_lock_file_that_is_broken_is_told() { with_each_helm mended; }

private() {
	publish charts 1.2.3 red
	certificate_authority .
	certificate . server charts '' IP:127.0.0.1
	serve ann:correct-horse server.crt server.key
	# Everything that helm is called with.
	play_helm <<-'SH'
	printf '%s\n' "$@" >>"$TRASH/argv"
	env >>"$TRASH/argv"
	exec "$REAL" "$@"
	SH
	from_repository 1.x <<<$'username: ann\npassword: "${var.password}"\ncaFile: ca.crt'
	DEVENV_VAR_password=wrong devenv plan
	equal status 1 "$STATUS"
	has err 'username and password of the repository are needed'
	export DEVENV_VAR_password=correct-horse
	expect 0 plan
	cat "$TRASH/out" "$TRASH/err" >"$TRASH/all"
	apply
	equal colour red "$(colour)"
	unset DEVENV_VAR_password
	# Another password is no other release.
	export DEVENV_VAR_password=another-horse
	expect 0 apply --yes
	has out '0 added, 0 changed, 0 destroyed'
	unset DEVENV_VAR_password
	expect 0 config show --var password=correct-horse
	cat "$TRASH/out" "$TRASH/err" >>"$TRASH/all"
	sed -i '/^DEVENV_VAR_password=/d' "$TRASH/argv" # of the test's own
	cat "$TRASH/argv" "$DEVENV_HOME"/state.db* .devenv/lock.yml >>"$TRASH/all"
	! grep -qaF correct-horse "$TRASH/all" || fail 'the password is seen'
	! grep -rqaF correct-horse "$DEVENV_HOME" || fail 'it lies on the disk'
	from_repository 1.x <<<$'username: ann\npassword: "${var.password}"'
	rm -r .devenv/lock.yml "$DEVENV_HOME"
	DEVENV_VAR_password=correct-horse devenv plan
	has err certificate
	h uninstall "$R"
}
test_a_repository_may_want_a_password_and_have_certificates_of_its_own() { with_each_helm private; }

# A registry on a port of its own, told in its log, for ann with the password correct-horse.
registry() { # [CERTIFICATE KEY]
	local who tls=
	# shellcheck disable=SC2016 # Perl's
	who=$(perl -e 'print crypt($ARGV[0], q($2b$05$) . "a" x 22)' correct-horse)
	echo "ann:$who" >users
	[[ -z ${1:-} ]] || tls="tls: { certificate: $PWD/$1, key: $PWD/$2 }"
	cat >registry.yml <<-YML
	version: 0.1
	storage: { filesystem: { rootdirectory: $PWD/registry }, delete: { enabled: true } }
	http:
	  addr: 127.0.0.1:0
	  $tls
	auth: { htpasswd: { realm: charts, path: $PWD/users } }
	YML
	docker-registry serve registry.yml >registry.log 2>&1 &
	wait_until 20 grep -qs 'listening on' registry.log
	HOST=$(grep -oE 'listening on 127\.0\.0\.1:[0-9]+' registry.log | grep -oE '[^ ]+$')
}
push() { # VERSION COLOUR [OPTION...]
	publish pushed "$1" "$2"
	export HELM_REGISTRY_CONFIG=$PWD/ann.json
	echo correct-horse | "$(real_helm)" registry login "$HOST" -u ann --password-stdin "${@:3}" >"$TRASH/h" 2>&1 ||
		fail "$(cat "$TRASH/h")"
	h push "pushed/web-$1.tgz" "oci://$HOST/charts" "${@:3}"
	unset HELM_REGISTRY_CONFIG
}

from_registry() {
	registry
	push 1.2.3 red --plain-http
	push 1.3.0 blue --plain-http
	URL=oci://$HOST/charts/
	from_repository 1.x <<<$'username: ann\npassword: "${var.password}"\nplainHttp: true'
	expect 1 plan --var password=wrong
	has err "oci://$HOST/charts/web, version 1.x"
	has err 'authentication required'
	expect 0 lock --var password=correct-horse
	has .devenv/lock.yml "chart: \"oci://$HOST/charts/web\""
	has .devenv/lock.yml "digest: \"sha256:$(sum pushed/web-1.3.0.tgz)\""
	push 1.4.0 gold --plain-http
	export DEVENV_VAR_password=correct-horse
	apply
	equal 'what is locked' blue "$(colour)"
	no_changes --locked
	# A tag that was pushed again is not what was locked.
	expect 0 lock --upgrade
	push 1.4.0 black --plain-http
	expect 1 apply --yes
	has err 'is not what the lock file says'
	equal 'left as it is' blue "$(colour)"
	expect 0 lock --upgrade
	apply
	equal colour black "$(colour)"
	expect 0 destroy --yes
	unset DEVENV_VAR_password
}
test_charts_come_from_a_registry_that_wants_a_password() { with_each_helm from_registry; }

from_registry_with_certificates() {
	certificate_authority .
	certificate . server charts '' IP:127.0.0.1
	registry server.crt server.key
	push 1.2.3 red --ca-file ca.crt
	export DEVENV_VAR_password=correct-horse
	release <<-YML
	chart: oci://$HOST/charts/web
	version: 1.2.3
	username: ann
	password: correct-horse
	YML
	expect 1 plan
	has err certificate
	release <<-YML
	chart: oci://$HOST/charts/web
	version: 1.2.3
	username: ann
	password: correct-horse
	caFile: ca.crt
	YML
	apply
	equal colour red "$(colour)"
	no_changes
	expect 0 destroy --yes
}
test_a_registry_may_have_certificates_of_its_own() { with_each_helm from_registry_with_certificates; }

# The repository comes up with the environment: what it has is not known before.
later() {
	local port
	publish charts 1.2.3 red
	port=$(free_port)
	h repo index charts --url "http://127.0.0.1:$port"
	manifest <<-YML
	spec:
	  resources:
	    - type: local_process
	      name: charts
	      command: [python3, -m, http.server, --bind, 127.0.0.1, --directory, charts, "$port"]
	      readiness: { type: http, port: $port, path: /index.yaml }
	    - type: helm_release
	      name: web
	      releaseName: $R
	      cluster: { kubeconfig: $API/kubeconfig }
	      readiness: { type: running }
	      repository: http://127.0.0.1:$port
	      chart: web
	      version: 1.x
	      dependsOn: [local_process.charts]
	YML
	expect 0 plan
	has err 'not locked: chart web'
	apply
	equal colour red "$(colour)"
	gone .devenv/lock.yml
	# Known now; the release is what it says, and is only recorded anew.
	no_changes
	has err 'version 1.x: 1.2.3'
	apply
	has .devenv/lock.yml 'resolved: "1.2.3"'
	expect 0 show helm_release.web
	matches out 'revision += 1$'
	no_changes
	expect 0 destroy --yes
}
test_a_repository_of_the_same_plan_is_asked_when_it_is_there() { with_each_helm later; }

manifests() {
	chart
	concealed colour: red
	export DEVENV_VAR_password=correct-horse
	# Capabilities are the cluster's.
	cat >chart/templates/more.yaml <<-'YML'
	{{- if .Capabilities.APIVersions.Has "apps/v1/Deployment" }}
	apiVersion: v1
	kind: ConfigMap
	metadata: { name: "{{ .Release.Name }}-more", annotations: { version: "{{ .Capabilities.KubeVersion }}", upgrade: "{{ .Release.IsUpgrade }}" } }
	{{- end }}
	YML
	# A chart that puts a secret where none belongs.
	cat >chart/templates/leak.yaml <<-'YML'
	apiVersion: v1
	kind: ConfigMap
	metadata: { name: "{{ .Release.Name }}-leak" }
	data: { url: "http://ann:{{ .Values.password }}@here", list: '{{ list .Values.password | toJson }}' }
	YML
	expect 0 plan
	lacks out "ConfigMap/default/$R-settings"
	expect 0 plan --show-manifests
	has out "+ ConfigMap/default/$R-settings"
	has out 'data.colour = "red"'
	has out "+ Deployment.apps/default/$R"
	has out "metadata.annotations.version = \"$(kubectl --kubeconfig "$API/kubeconfig" version -o json | jq -r .serverVersion.gitVersion)\""
	has out 'metadata.annotations.upgrade = "false"'
	matches out 'data\.password = \(sensitive\)'
	lacks out correct-horse
	absent configmap "$R-settings"
	apply
	expect 0 plan --detailed-exitcode --show-manifests
	concealed colour: blue
	export DEVENV_VAR_password=stolen-horse
	sed -i 's/"{{ .Release.Name }}-more"/"{{ .Release.Name }}-other"/' chart/templates/more.yaml
	expect 2 plan --detailed-exitcode --show-manifests -o saved
	has out "~ ConfigMap/default/$R-settings"
	matches out 'data\.colour = "red" → "blue"'
	has out "+ ConfigMap/default/$R-other"
	has out "- ConfigMap/default/$R-more"
	lacks out "Deployment.apps/default/$R"
	matches out 'data\.password = \(sensitive\) → \(sensitive\)'
	has out 'data.url = "http://ann:(sensitive)@here" → "http://ann:(sensitive)@here"'
	lacks out correct-horse
	lacks out c3RvbGVuLWhvcnNl
	expect 2 plan --detailed-exitcode --show-manifests --json
	jq -se --arg a "ConfigMap/default/$R-settings" '[.[] | select(.type == "planned_change").change.details[] | select(.address == $a)][0]
		== {action: "update", address: $a, attributes: [{path: "data.colour", before: "red", after: "blue"}]}' "$TRASH/out" >/dev/null ||
		fail 'the details of the JSON are others'
	lacks out c3RvbGVuLWhvcnNl
	# What is told is not what is agreed to: the saved plan is the same without it.
	expect 0 apply saved
	equal colour blue "$(get configmap "$R-settings" .data.colour)"
	absent configmap "$R-more"
	# A chart that cannot be rendered says why.
	concealed colour: gold
	printf '{{ fail "colour must be green" }}\n' >chart/templates/bad.yaml
	expect 2 plan --detailed-exitcode --show-manifests
	has out 'its objects cannot be told: helm: '
	has out 'colour must be green'
	rm chart/templates/bad.yaml
	expect 0 destroy --yes
	unset DEVENV_VAR_password
	no_rest
}
# A release whose password comes from outside.
concealed() { # VALUE...
	release <<-YML
	chart: ./chart
	values: { $*, password: "\${var.password}" }
	YML
	sed -i 's/^spec:/spec:\n  variables: { password: { sensitive: true } }/' .devenv/config.yml
}
test_a_plan_shows_what_becomes_of_the_objects_when_asked() { with_each_helm manifests; }

run_tests "$@"
