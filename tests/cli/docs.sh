#!/bin/bash
# What the documents show is true: each manifest in them is valid, each command line in them is
# understood, and the transcript of the README is what the program prints.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

# Writes each block of LANGUAGE in the documents to blocks/NUMBER, its place in the document first.
blocks() { # LANGUAGE
	rm -rf blocks
	mkdir blocks
	(cd "$HARNESS_SOURCE" && awk -v language="$1" -v to="$OLDPWD/blocks/" '
		/^ *```/ && inside { inside = 0; close(file); next }
		/^ *```/ { inside = $0 ~ "```" language "$"
			if (inside) { file = to (++n); print "# " FILENAME ":" FNR > file }
			else { inside = 2 }
			next }
		inside == 1 { print > file }' README.md docs/*.md)
	ls blocks | sort -n
}

# A fragment becomes a manifest; what such fragments refer to is there.
whole() { # FILE
	local first
	first=$(grep -v '^ *#' "$1" | head -n 1)
	case $first in
	apiVersion:*) cat "$1" && return ;;
	esac
	cat <<-'YML'
	apiVersion: devenv/v1
	kind: Environment
	metadata: { name: docs }
	spec:
	  variables: { port: { default: 8080 } }
	  secrets: [{ name: database, data: { password: secret } }]
	  services: [{ name: database, command: [./database], ports: [5432] }]
	YML
	case $first in
	resources:*) sed 's/^/  /' "$1" ;;
	*'- type:'*) printf '  resources:\n' && sed -E 's/^ *(- |  )/    \1/' "$1" ;;
	*) sed 's/^/  /' "$1" ;;
	esac
	grep -q 'local_file.schema' "$1" &&
		printf '    - { type: local_file, name: schema, path: schema, content: x }\n'
	return 0
}

test_every_manifest_in_the_documents_is_valid() {
	local n
	export DB_PASSWORD=secret
	mkdir -p api migrations services/api templates
	: >.env
	for n in $(blocks yaml); do
		mkdir -p .devenv
		if grep -q '^syncs:' "blocks/$n"; then # a file of the machine's own
			mkdir -p "$DEVENV_HOME" && cp "blocks/$n" "$DEVENV_HOME/sync.yml"
			devenv sync list
		else
			whole "blocks/$n" >.devenv/config.yml
			devenv validate
		fi
		((STATUS == 0)) || fail "$(head -n 1 "blocks/$n") is not valid"
	done
	((n > 10)) || fail "only $n manifests were found"
}

test_every_key_of_the_manifest_stands_in_the_documents() {
	local key
	need jq
	cat "$HARNESS_SOURCE"/docs/*.md >all
	for key in $(cd "$HARNESS_SOURCE/schemas" && jq -r '.. | objects | .properties // empty | keys[]' \
		config.schema.json types/generated_*.json types/external_secret.json | sort -u); do
		grep -qwF -- "$key" all || fail "no document names $key"
	done
}

# `devenv A B C | jq` becomes `devenv A --help B C`: the whole line is parsed, and nothing is done.
test_every_command_line_in_the_documents_is_understood() {
	local n line words seen=0
	manifest <<<'spec: {}'
	for n in $(blocks '(sh|console)'); do
		while IFS= read -r line; do
			eval "words=($line)"
			# shellcheck disable=SC2068
			set -- ${words[@]+"${words[@]}"}
			while [[ ${1:-} == -* ]]; do
				case $1 in -C | -f | -e) set -- "${@:3}" ;; *) set -- "${@:2}" ;; esac
			done
			case ${1:-} in
			'') continue ;;
			config | audit) set -- "$1" "${2:-}" --help "${@:3}" ;;
			*) set -- "$1" --help "${@:2}" ;;
			esac
			devenv "$@"
			((STATUS == 0)) || fail "$(head -n 1 "blocks/$n"): devenv $line"
			seen=$((seen + 1))
		done < <(sed -nE 's/^(\$ )?(.*[ (&;])?devenv ([^|&;<>)#]*).*$/\3/p' "blocks/$n" | sed '/^ *$/d')
	done
	((seen > 50)) || fail "only $seen command lines were found"
}

test_the_transcript_of_the_readme_is_what_the_program_prints() {
	"$HARNESS_SOURCE/tests/tools/transcript" | without_times >"$TRASH/out"
	awk '/^```console$/ { inside = 1; next } /^```$/ { inside = 0 } inside' \
		"$HARNESS_SOURCE/README.md" | without_times >written
	same out <written # else: tests/tools/transcript --write
}

without_times() { sed -E 's/[0-9]+\.[0-9]s/0.1s/g; s/[0-9]+s ago/0s ago/g'; }

test_every_link_between_the_documents_leads_somewhere() {
	local file link target
	while IFS=: read -r file link; do
		target=${link%%#*}
		case $link in http*) continue ;; esac
		[[ -z $target || -e $HARNESS_SOURCE/$(dirname "$file")/$target ]] || fail "$file: $link"
		[[ $link != *'#'* ]] || anchors "$(dirname "$file")/${target:-$(basename "$file")}" |
			grep -qxF "${link#*#}" || fail "$file: no heading for $link"
	done < <(cd "$HARNESS_SOURCE" && grep -oE '\]\([^) ]+\)' README.md docs/*.md docs/adr/*.md |
		sed -E 's/\]\((.*)\)$/\1/')
}

anchors() { # FILE: of its headings, as a forge makes them
	sed -nE 's/^#+ //p' "$HARNESS_SOURCE/$1" | tr '[:upper:]' '[:lower:]' |
		sed -E 's/[^a-z0-9 _-]//g; s/ /-/g'
}

run_tests "$@"
