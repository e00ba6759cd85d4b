#!/bin/bash
# search.sh TARGET CORPUS SECONDS: lets libFuzzer look for something new. What it finds goes beside the
# corpus as found-*, to be looked at, repaired and then kept in the corpus.
target=$1 corpus=$2 seconds=$3
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
	-artifact_prefix="$new/found-" "$new" "$corpus" >"$new/.log" 2>&1; then
	echo "# $(grep -c . <(ls "$new")) new inputs; $(tail -n 1 "$new/.log")"
	echo "ok 1 - ${target##*/} finds nothing in ${seconds}s"
else
	tail -n 40 "$new/.log" | sed 's/^/# /'
	for found in "$new"/found-*; do
		[[ -f $found ]] && cp "$found" "$corpus/../" && echo "# kept: $corpus/../${found##*/}"
	done
	echo "not ok 1 - ${target##*/} found something"
	exit 1
fi
