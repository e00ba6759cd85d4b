#!/bin/bash
# What a compiler does not say: the walls between the rooms, the size of files, words that do not belong
# here. Prints TAP.
set -uo pipefail
cd "${BASH_SOURCE%/*}/.." || exit 1

n=0 failed=0
verdict() { # SENTENCE FINDINGS
	n=$((n + 1))
	if [[ -z $2 ]]; then
		echo "ok $n - $1"
	else
		printf '%s\n' "$2" | head -n 40 | sed 's/^/# /'
		echo "not ok $n - $1"
		failed=1
	fi
}

mapfile -t c_files < <(git ls-files -co --exclude-standard -- '*.c' '*.h')
mapfile -t product < <(git ls-files -co --exclude-standard -- 'src/*.[ch]' 'providers/*.[ch]')
mapfile -t headers < <(git ls-files -co --exclude-standard -- 'src/*.h' 'providers/*.h')
mapfile -t shell_files < <(git ls-files -co --exclude-standard | while read -r file; do
	[[ -f $file ]] || continue
	case $file in
	*.sh) echo "$file" ;;
	*) head -c 64 "$file" | head -n 1 | grep -qaE '^#!/bin/(ba)?sh' && echo "$file" ;;
	esac
done)

# --- the walls ----------------------------------------------------------------------------------

# What a room may include, beside itself.
allowed() {
	case $1 in
	src/base | src/git | src/listen) echo "base" ;;
	src/model) echo "base model" ;;
	src/manifest | src/manifest/*) echo "base model manifest" ;;
	src/provider) echo "base model provider" ;;
	src/state) echo "base model state" ;;
	src/engine/plan) echo "base model manifest provider engine/plan" ;; # pure: no state, no effects
	src/engine | src/engine/*) echo "base model manifest provider state engine" ;;
	src/loop | src/loop/*) echo "base model manifest provider state engine loop" ;;
	src/cli | src/cli/*) echo "base model manifest provider state engine loop cli" ;;
	esac
}

family() { # FILE: providers/docker of providers/docker/container/logs.c
	local path=${1%/*}
	[[ $path == providers/*/* ]] && path=providers/$(cut -d/ -f2 <<<"$path")
	echo "$path"
}

include_direction() {
	local file room included words
	for file in "${product[@]}"; do
		[[ -f $file ]] || continue
		case $file in
		providers/*) words="base model provider/provider.h" ;;
		src/*/*) room=${file%/*} words=$(allowed "$room") ;;
		*) continue ;; # main.c puts everything together
		esac
		while read -r included; do
			case $included in
			providers/*)
				room=$(family "$file")
				case $room:$(family "$included") in
				"$room:$room" | src/provider:* | providers/k3d:providers/docker | \
					providers/helm:providers/kubernetes) continue ;;
				esac
				;;
			provider/provider.h) [[ $words == *provider* ]] && continue ;;
			base/* | model/* | manifest/* | state/* | engine/* | loop/* | cli/* | provider/*)
				[[ " $words " == *" ${included%%/*} "* || " $words " == *" ${included%/*} "* ]] && continue ;;
			*) continue ;;
			esac
			echo "$file includes $included"
		done < <(sed -nE 's/^#include "([^"]+)".*/\1/p' "$file")
	done
}
verdict 'includes only point down' "$(include_direction)"

self_contained() {
	local header
	for header in "${headers[@]}"; do
		[[ -f $header ]] || continue
		gcc -std=gnu11 -D_GNU_SOURCE -DDEVENV_VERSION='""' -Isrc -I. -fsyntax-only -x c "$header" 2>&1 |
			grep -v 'pragma once' | head -n 3
	done
}
verdict 'every header compiles alone' "$(self_contained)"

guards() {
	local header name
	for header in "${headers[@]}"; do
		[[ -f $header ]] || continue
		name=${header##*/} name=$(tr 'a-z.-' 'A-Z__' <<<"$name")
		grep -qE "^#ifndef DEVENV_[A-Z_]*$name$" "$header" || echo "$header: no guard DEVENV_..._$name"
	done
	for header in "${headers[@]}"; do
		[[ -f $header ]] && sed -n 's/^#ifndef \(DEVENV_[A-Z_0-9]*_H\)$/\1/p' "$header"
	done | sort | uniq -d
}
verdict 'every header has a guard of its own name' "$(guards)"

outside() { # PATTERN ALLOWED-PATH-PATTERN
	grep -nE "$1" "${product[@]}" 2>/dev/null | grep -vE "^($2)"
}
verdict 'SQL stands in src/state only' \
	"$(outside 'sqlite3|"(SELECT|INSERT|UPDATE|DELETE FROM|CREATE TABLE|PRAGMA) ' 'src/state/')"
verdict 'only src/cli prints' \
	"$(outside '(^|[^a-z_])(printf|puts|putchar|perror)\(|f(printf|puts|putc|write)\([^;]*(stdout|stderr)' \
		'src/cli/|src/git/|src/base/alloc\.c|src/base/error\.c|src/main\.c|providers/local/shim\.c')"
verdict 'no shell is ever called' "$(outside '(^|[^a-z_])(system|popen|wordexp)\(' 'nowhere')"
verdict 'no function without a bound on what it writes' \
	"$(outside '(^|[^a-z_])(vsprintf|gets|strtok|tmpnam|tempnam|mktemp)\(' 'nowhere')"

# --- form ---------------------------------------------------------------------------------------

verdict 'no file has more than 700 lines, no test more than 1200' \
	"$(wc -l "${c_files[@]}" "${shell_files[@]}" 2>/dev/null |
		awk '$2 != "total" && $1 > ($2 ~ /^tests\// ? 1200 : 700)')"
verdict 'no struct hides behind a typedef' "$(grep -nE '^typedef (struct|union)' "${product[@]}" 2>/dev/null)"
verdict 'comments are /* */' "$(grep -nE '(^|[[:space:];{}])//' "${c_files[@]}" 2>/dev/null | grep -v '"[^"]*//')"
verdict 'no blanks at the end of a line' "$(grep -nE '[[:blank:]]+$' "${c_files[@]}" 2>/dev/null)"
first_comment() {
	local file
	for file in "${product[@]}"; do
		[[ -f $file && $(head -c 2 "$file") != '/*' ]] && echo "$file"
	done
}
verdict 'every file begins with what it is' "$(first_comment)"

# --- words --------------------------------------------------------------------------------------

verdict 'no path of a developer machine' \
	"$(git grep -nIE '(^|[^A-Za-z0-9_.}])/(work|root|home/[a-z]+)/' -- . ':!tests/lint.sh' ':!*.test' ':!docs' |
		grep -vE '/(home|root)/(user|me|ada|u)/|/root/\.docker' )"
verdict 'no host name of a package registry' \
	"$(git grep -nIE 'deb\.debian\.org|pypi\.org|proxy\.golang\.org|registry\.npmjs' -- . ':!tests/lint.sh')"

links() {
	local file target
	git ls-files -co --exclude-standard -- '*.md' | while read -r file; do
		[[ -f $file ]] || continue
		grep -oE '\]\([^)#: ]+' "$file" | sed 's/^](//' | while read -r target; do
			[[ -e $(dirname "$file")/$target ]] || echo "$file: no $target"
		done
	done
}
verdict 'links in documents lead somewhere' "$(links)"

# The table of rules names tests: each must be there.
rules() {
	local name file test
	grep -E '^\| ([0-9]|manifest |graph |plan |state )' docs/semantics.md | grep -oE '`[a-z]+/[^`]+`' | tr -d '\`' | sort -u |
		while read -r name; do
			file=${name%%:*} test=${name#*:}
			case $name in
			manifest/*:* | plan/*:*) false ;;
			manifest/* | plan/*) compgen -G "tests/$file.test" ;;
			fault/*) compgen -G "tests/$file.*" ;;
			cli/*:* | kubernetes/*:* | watch/*:* | sync/*:* | terraform/*:*) grep -qE "^test_${test//\*/.*}\\(" "tests/$file.sh" ;;
			docker/*:*)
				grep -qE "^static void ${test//\*/.*}\\(" "tests/docker/test_${file##*/}.c" ||
					grep -qE "^test_${test//\*/.*}\\(" "tests/$file.sh"
				;;
			unit/*:*) grep -qE "^static void ${test//\*/.*}\\(" "tests/${file%/*}/test_${file##*/}.c" ;;
			*) false ;;
			esac >/dev/null 2>&1 || echo "docs/semantics.md: no test $name"
		done
}
verdict 'every rule names tests that exist' "$(rules)"

# --- scripts ------------------------------------------------------------------------------------

if command -v shellcheck >/dev/null; then
	verdict 'shellcheck has nothing to say' \
		"$(shellcheck -x -S warning -e SC1090,SC1091,SC2164 "${shell_files[@]}" 2>&1)"
elif [[ ${AVAILABLE:-no} == yes ]]; then
	echo "ok $((++n)) - shellcheck # SKIP it is missing"
else
	verdict 'shellcheck is there' 'missing'
fi
executable() {
	local file
	for file in "${shell_files[@]}"; do
		[[ $file == *.sh || -x $file ]] || echo "$file is not executable"
	done
}
verdict 'scripts without an ending are executable' "$(executable)"
schemas() {
	local file
	git ls-files -co --exclude-standard -- 'schemas/*.json' | while read -r file; do
		jq -e . "$file" >/dev/null 2>&1 || echo "$file is no JSON"
	done
}
verdict 'schemas are JSON' "$(schemas)"
common_keys() {
	local line
	line=$(jq -c .patternProperties schemas/types/local_value.json | tr -d '{}' | sed 's/:/: /')
	grep -qF "$line" docs/schema-format.md || echo "docs/schema-format.md does not show: $line"
}
verdict 'the keys of every resource are documented as they are' "$(common_keys)"

echo "1..$n"
exit $failed
