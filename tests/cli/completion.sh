#!/bin/bash
# Completion in the shells themselves: each loads its script and is asked as if somebody pressed TAB.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

an_environment() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_value, name: greeting, input: hello }
    - { type: generated_secret, name: token }
	    - { type: local_file, name: part, forEach: [eu, us], path: "${each.key}", content: x }
	    - { type: local_process, name: web, command: [sleep, "1000"] }
	  outputs: { greeting: { value: "${local_value.greeting.output}" } }
	YML
	mkdir -p .devenv/environments folder
	echo 'metadata: { labels: { at: staging } }' >.devenv/environments/staging.yml
	: >saved.plan
	expect 0 apply --yes
	mkdir bin
	ln -s "$DEVENV" bin/devenv
	PATH=$PWD/bin:$PATH
}

# Each line of stdin is what stands before the cursor; prints "LINE|" and the candidates, sorted.
in_bash() {
	bash --norc --noprofile -c '
		source <(devenv completion bash)
		compopt() { :; } # it works only while readline asks
		while IFS= read -r COMP_LINE; do
			COMP_POINT=${#COMP_LINE}
			IFS=" " read -ra COMP_WORDS <<<"$COMP_LINE"
			[[ $COMP_LINE == *" " ]] && COMP_WORDS+=("")
			COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
			_devenv
			printf "%s|%s\n" "$COMP_LINE" "$(printf "%s\n" "${COMPREPLY[@]}" | sort | paste -sd" ")"
		done'
}

in_fish() {
	fish --no-config -c '
		devenv completion fish | source
		while read -l line
			printf "%s|%s\n" "$line" (complete -C "$line" | cut -f1 | LC_ALL=C sort | string join " ")
		end'
}

# zsh completes only in its line editor: here its builtins say what they were given.
in_zsh() {
	zsh -f -c '
		_files() { :; }
		compdef() { :; }
		_describe() { local v=$4; typed=${words[CURRENT]}
			for v in ${(P)v}; do v=${${v%%:*}}; [[ $v == $typed* ]] && offered+=($v); done }
		source <(devenv completion zsh)
		while IFS= read -r line; do
			words=(${=line}) offered=()
			[[ $line == *" " ]] && words+=("")
			CURRENT=$#words
			_devenv
			print -r -- "$line|${(j: :)${(@o)offered}}"
		done'
}

LINES_TYPED='devenv ref
devenv plan --targ
devenv plan --target local_v
devenv plan --format 
devenv graph --format 
devenv -e 
devenv stop 
devenv logs w
devenv show local_p
devenv outputs 
devenv secret 
devenv secret rotate 
devenv audit 
devenv sync s
devenv sync now --time
devenv sync --onc'

EXPECTED='devenv ref|refresh
devenv plan --targ|--target
devenv plan --target local_v|local_value.greeting
devenv plan --format |
devenv graph --format |dot json mermaid svg tree
devenv -e |staging
devenv stop |local_process.web web
devenv logs w|web
devenv show local_p|local_process.web
devenv outputs |greeting
devenv secret |list rotate
devenv secret rotate |token
devenv audit |verify
devenv sync s|status suspend
devenv sync now --time|--timeout
devenv sync --onc|--once'

offers() { # SHELL: what it offers for each line is what is expected
	need "$1"
	an_environment
	"in_$1" <<<"$LINES_TYPED" >"$TRASH/out" 2>"$TRASH/err"
	same out <<<"$EXPECTED"
}

test_bash_offers_commands_options_addresses_environments_and_names() { offers bash; }
test_fish_offers_the_same() { offers fish; }
test_zsh_offers_the_same() { offers zsh; }

test_zsh_finds_the_function_that_an_installation_puts_into_fpath() {
	need zsh
	mkdir functions
	"$DEVENV" completion zsh >functions/_devenv
	# shellcheck disable=SC2016
	zsh -f -c 'fpath=($PWD/functions $fpath); autoload -Uz compinit; compinit -u -D; print ${_comps[devenv]}' \
		>"$TRASH/out"
	same out <<<_devenv
}

test_what_bash_inserts_reads_back_as_the_address() {
	an_environment
	in_bash <<<'devenv show local_file.p' >"$TRASH/out"
	same out <<<'devenv show local_file.p|local_file.part\[\"eu\"\] local_file.part\[\"us\"\]'
	expect 0 show "$(bash -c 'printf %s local_file.part\[\"eu\"\]')"
}

test_files_and_folders_are_offered_by_the_shell() {
	an_environment
	in_bash <<<'devenv apply sav
devenv -C fo' >"$TRASH/out"
	same out <<-'TEXT'
	devenv apply sav|saved.plan
	devenv -C fo|folder
	TEXT
}

test_a_broken_manifest_offers_what_is_recorded_and_says_nothing() {
	an_environment
	echo 'nonsense' >.devenv/config.yml
	in_bash <<<'devenv taint local_v' >"$TRASH/out" 2>"$TRASH/err"
	same out <<<'devenv taint local_v|local_value.greeting'
	same err </dev/null
}

run_tests "$@"
