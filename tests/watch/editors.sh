#!/bin/bash
# How editors save: each leaves the files of its saving in the folder for a while, and what is made is what
# the file says in the end. vim and emacs are the true ones; of the others stand the system calls that
# they make.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/watch.sh
. "${BASH_SOURCE%/*}/../lib/watch.sh"

a_text() {
	mkdir -p src
	echo one >src/a
	manifest <<-'YML'
	spec:
	  variables: { beat: { default: "0" } }
	  resources:
	    - { type: local_file, name: a, path: out/a, source: src/a }
	YML
}

edited() { # WORD RUNS: what was made, by how many runs
	wait_until 20 holds out/a "$1"
	beat
	equal runs "$2" "$(runs)"
	! said 'Nothing was touched' || fail 'a save on its way was taken for the end'
}
now() { echo $(($(date +%s%N) / 1000000)); }

with_vim() { # OPTION WORD
	vim -Nu NONE -i NONE -es -c "set backup writebackup backupskip= $1" -c "%s/.*/$2/" -c 'wq' src/a </dev/null >/dev/null 2>&1 ||
		fail "vim ended with $?"
}

test_vim_saves() {
	local runs
	need vim
	a_text
	start_watch
	runs=$(runs)
	with_vim backupcopy=no two # renames the old one away, tries with a file 4913, writes anew
	edited two $((runs + 1))
	with_vim backupcopy=yes three # writes in place, beside a copy
	edited three $((runs + 2))
	with_vim backupcopy=auto four
	edited four $((runs + 3))
	there src/a~
	stop_watch
	no_changes
}

with_emacs() { # WORD EXPRESSION: a lock of it, a file of its autosave, the save
	emacs -Q --batch --eval '(setq create-lockfiles t)' --eval "$2" --eval '(find-file "src/a")' \
		--eval '(erase-buffer)' --eval "(insert \"$1\n\")" --eval '(lock-buffer)' --eval '(do-auto-save t)' \
		--eval '(sleep-for 0.3)' --eval '(save-buffer)' >"$TRASH/emacs" 2>&1 || fail "emacs: $(cat "$TRASH/emacs")"
}

test_emacs_saves() {
	local runs
	need emacs
	a_text
	start_watch
	runs=$(runs)
	with_emacs two '(setq make-backup-files t)' # renames the old one to a~
	edited two $((runs + 1))
	with_emacs three '(setq backup-by-copying t)'
	edited three $((runs + 2))
	with_emacs four '(setq file-precious-flag t)' # writes beside it, then renames
	edited four $((runs + 3))
	stop_watch
	no_changes
}

test_vs_code_saves() { # opens it for writing, empties it, writes
	local runs
	a_text
	start_watch
	runs=$(runs)
	python3 - src/a two <<-'PY'
	import os, sys, time
	fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
	os.ftruncate(fd, 0)
	time.sleep(0.3)  # between the two it is empty, and nobody may take it so
	os.write(fd, sys.argv[2].encode() + b"\n")
	os.fsync(fd)
	os.close(fd)
	PY
	edited two $((runs + 1))
	stop_watch
	no_changes
}

test_jetbrains_saves() { # "safe write": beside it, the old one away, the new one in its place
	local runs try away
	a_text
	start_watch
	for try in 1 2 3 4 5 6 7 8 9 10; do
		runs=$(runs)
		: >"$TRASH/watch"
		echo "two $try" >src/a___jb_tmp___
		away=$(now)
		mv src/a src/a___jb_old___
		sleep 0.3 # it is missing meanwhile, and nobody may say so
		mv src/a___jb_tmp___ src/a
		away=$(($(now) - away))
		rm src/a___jb_old___
		((away >= 700)) || break # who was stopped meanwhile was no editor
		wait_until 20 holds out/a "two $try"
		beat
	done
	edited "two $try" $((runs + 1))
	stop_watch
	no_changes
}

test_gnome_and_kde_save() { # a file of a name made up, then renamed
	local runs
	a_text
	start_watch
	runs=$(runs)
	echo two >src/.goutputstream-X1Y2Z3 && mv src/.goutputstream-X1Y2Z3 src/a
	edited two $((runs + 1))
	echo three >src/a.Xq12Zt && mv src/a.Xq12Zt src/a
	edited three $((runs + 2))
	stop_watch
	no_changes
}

# A build context counts its names; those that are there only while somebody saves are none.
test_files_of_saving_are_no_files_of_a_folder() {
	local name
	export DOCKER_HOST=unix:///nobody/listens.sock # nothing is built here
	mkdir src
	printf 'FROM scratch\nCOPY . /\n' >src/Dockerfile
	manifest <<-'YML'
	spec:
	  variables: { beat: { default: "0" } }
	  resources:
	    - { type: docker_image, name: app, build: { context: src } }
	YML
	start_watch --plan-only
	for name in .a.swp .a.swx a~ '#a#' 4913 a___jb_tmp___ a___jb_old___ .goutputstream-X1Y2Z3; do
		: >"src/$name"
	done
	ln -s nobody@nowhere.1 'src/.#a'
	beat
	equal 'changes seen' 1 "$(times Changed:)"
	: >src/b
	wait_until 20 said 'Changed: src'
	stop_watch
}

run_tests "$@"
