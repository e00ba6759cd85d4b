# shellcheck shell=bash
# For tests of `devenv watch`: it runs beside the test, what it says goes to the file `watch`. Every
# step waits until something is said or done, never for a time. After harness.sh.

WATCH=

# start_watch ARGUMENT...: returns when it follows its files.
start_watch() {
	: >"$TRASH/watch" # what the one before said must not be taken for its words
	"$DEVENV" watch "$@" </dev/null >"$TRASH/watch" 2>&1 &
	WATCH=$!
	wait_until 30 said 'Following'
}

# Ends it politely; its exit status must be STATUS (0).
stop_watch() { # [STATUS]
	local status=0
	kill -TERM "$WATCH"
	wait "$WATCH" || status=$?
	[[ $status == "${1:-0}" ]] || fail "devenv watch ended with $status: $(tail -n 20 "$TRASH/watch")"
	WATCH=
}

said() { grep -qF -- "$1" "$TRASH/watch" 2>/dev/null; }
# times TEXT: how often it was said
times() { grep -cF -- "$1" "$TRASH/watch" || true; }
said_times() { [[ $(times "$2") -ge $1 ]]; } # N TEXT
holds() { [[ -f $1 && $(cat "$1") == "$2" ]]; } # FILE CONTENT
absent() { [[ ! -e $1 ]]; }
runs() { state_query 'SELECT count(*) FROM run'; }
alive() { kill -0 "$WATCH" 2>/dev/null || fail "devenv watch ended: $(tail -n 20 "$TRASH/watch")"; }

# A save that changes nothing but proves, by what is said of it, that everything before it was seen.
# It needs `variables: { beat: { default: "0" } }` in the manifest.
BEAT=0
beat() {
	local before i
	before=$(times 'Changed:')
	for ((i = 0; i < 3; i++)); do # what falls into the end of a run is seen, but not told
		BEAT=$((BEAT + 1))
		sed -i "s/beat: { default: \"[0-9]*\" }/beat: { default: \"$BEAT\" }/" .devenv/config.yml
		! (wait_until 3 said_times $((before + 1)) 'Changed:') 2>/dev/null || return 0
	done
	fail 'a save is not told'
}
