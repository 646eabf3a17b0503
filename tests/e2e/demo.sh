#!/usr/bin/env bash
# What `./dev demo` runs: a broker, named clients, real messages, refusals with their reasons. Every line shown behind a
# dollar sign is run, and what follows is what it printed. Ends with 1 if anything is not as it should be.
#
#   tests/e2e/demo.sh BIN_FOLDER
set -euo pipefail

if [[ $# != 1 || ! -x $1/onehopd || ! -x $1/onehop ]]; then
  echo 'usage: demo.sh BIN_FOLDER (where onehopd and onehop are)' >&2
  exit 2
fi
PATH=$(cd "$1" && pwd):$PATH
for variable in ${!ONEHOP_@}; do unset "$variable"; done
work=$(mktemp -d)
started=()

finish() {
  local status=$? pid
  for pid in "${started[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT

# --- How it looks -----------------------------------------------------------------------------------------------------
bold='' dim='' green='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' plain=$'\e[0m'
fi

section() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
note() { printf '  %s# %s%s\n' "$dim" "$1" "$plain"; }
command_line() { printf '  %s$ %s%s\n' "$green" "$1" "$plain"; }
print_file() { sed 's/^/    /' "$1"; }

fail() {
  printf 'demo: %s\n' "$1" >&2
  exit 1
}

# --- How it runs ------------------------------------------------------------------------------------------------------
# run STATUS PATTERN COMMAND-LINE: shows the command line, runs it, shows all it printed; fails unless it ends with that
# status and one line of what it printed matches the pattern.
run() {
  local status=0
  command_line "$3"
  bash -c "$3" >"$work/printed" 2>&1 </dev/null || status=$?
  print_file "$work/printed"
  [[ $status == 0 ]] || printf '    %s(exit status %s)%s\n' "$dim" "$status" "$plain"
  [[ $status == "$1" ]] || fail "the exit status is $status, not $1"
  grep -qE -- "$2" "$work/printed" || fail "no line matches '$2'"
}

# begin NAME COMMAND-LINE: shows the command line and leaves it running; what it prints goes to files of that name.
begin() {
  command_line "$2 &"
  bash -c "exec $2" >"$work/$1.out" 2>"$work/$1.err" </dev/null &
  started+=($!)
  printf -v "pid_$1" '%s' $!
}

# wait_for PATTERN FILE: until a line matches; the time is only what ends a failure.
wait_for() {
  local tries
  for ((tries = 0; tries < 1000; ++tries)); do
    if grep -qsE -- "$1" "$work/$2"; then return; fi
    read -r -t 0.01 <> <(:) || true
  done
  fail "no line of $2 matches '$1'; what it has: $(tail -n 5 "$work/$2")"
}

# ended STATUS PID-OF-NAME: waits for a program begun.
ended() {
  local status=0 pid=pid_$2
  wait "${!pid}" || status=$?
  [[ $status == "$1" ]] || fail "$2 ended with $status, not $1: $(tail -n 5 "$work/$2.err")"
}

# --- The demo ---------------------------------------------------------------------------------------------------------
section 'A broker, on a port that is free, with two threads'
note 'The limits are small, so that a client can be filled up further down.'
begin broker 'onehopd --listen tcp://127.0.0.1:0 --shards 2 --frame-bytes-max 65536 --queue-bytes-max 262144'
wait_for '^listening on ' broker.out
print_file "$work/broker.out"
ONEHOP_SERVER=$(sed -n 's/^listening on //p' "$work/broker.out")
export ONEHOP_SERVER
command_line "export ONEHOP_SERVER=$ONEHOP_SERVER"

section 'Bob listens; Alice sends to him, by name'
begin bob "onehop listen bob --count 1 --format '%f says: %p\\n'"
wait_for '^listening as bob' bob.err
print_file "$work/bob.err"
run 0 '^admitted: to=bob id=1$' "onehop send bob 'Hello Bob, are you there?' --name alice"
ended 0 bob
grep -qx 'alice says: Hello Bob, are you there?' "$work/bob.out" || fail 'bob did not get it'
note 'Bob prints:'
print_file "$work/bob.out"

section 'And the other way round'
begin alice "onehop listen alice --count 1 --output json"
wait_for 'listening' alice.err
run 0 '^admitted: to=alice id=1$' "onehop send alice 'Here I am.' --name bob --header mood:good"
ended 0 alice
grep -q '"from":"bob".*"payload":"Here I am."' "$work/alice.out" || fail 'alice did not get it'
note 'Alice prints:'
print_file "$work/alice.out"

section 'A large file, line by line, through a pipe'
for ((i = 0; i < 40; ++i)); do cat /usr/share/common-licenses/*; done >"$work/texts"
head -n 120000 "$work/texts" >"$work/licences.txt"
(($(wc -l <"$work/licences.txt") >= 100000)) || fail 'too few licence texts are installed here'
cd "$work"
run 0 '^120000 ' 'wc -lc licences.txt'
begin copy 'onehop listen bob --count 120000 --quiet'
wait_for_name() {
  local tries
  for ((tries = 0; tries < 1000; ++tries)); do
    if onehop send bob --quiet </dev/null && onehop send "$1" probe --quiet; then return; fi
  done
  fail "$1 does not come up"
}
