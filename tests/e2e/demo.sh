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
  exec 2>/dev/null  # The shell would tell of each that is killed.
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
  for ((tries = 0; tries < 3000; ++tries)); do
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
begin broker 'onehopd --listen tcp://127.0.0.1:0 --admin none --shards 2 --frame-bytes-max 65536 --queue-bytes-max 262144'
wait_for '^listening on ' broker.out
print_file "$work/broker.out"
ONEHOP_SERVER=$(sed -n 's/^listening on //p' "$work/broker.out")
export ONEHOP_SERVER
command_line "export ONEHOP_SERVER=$ONEHOP_SERVER"

section 'Bob listens; Alice sends to him, by name'
begin bob "onehop listen bob --count 1 --format '%f says: %p\\n'"
wait_for '^listening as bob' bob.err
print_file "$work/bob.err"
run 0 "^DELIVERED to=bob id=1\$" "onehop send bob 'Hello Bob, are you there?' --name alice"
ended 0 bob
grep -qx 'alice says: Hello Bob, are you there?' "$work/bob.out" || fail 'bob did not get it'
note 'Bob prints:'
print_file "$work/bob.out"

section 'And the other way round'
begin alice "onehop listen alice --count 1 --output json"
wait_for 'listening' alice.err
run 0 "^DELIVERED to=alice id=1\$" "onehop send alice 'Here I am.' --name bob --header mood:good"
ended 0 alice
grep -q '"from":"bob".*"payload":"Here I am."' "$work/alice.out" || fail 'alice did not get it'
note 'Alice prints:'
print_file "$work/alice.out"

section 'A large file, line by line, through a pipe'
cd "$work"
for ((i = 0; i < 40; ++i)); do cat /usr/share/common-licenses/*; done >texts
head -n 120000 texts >licences.txt
run 0 '^ *120000 ' 'wc -lc licences.txt'
begin copy 'onehop listen bob --count 120000 >copy.txt'
wait_for '^listening as bob' copy.err
run 0 '^120000 delivered' 'onehop send bob <licences.txt'
ended 0 copy
run 0 'the same' 'cmp licences.txt copy.txt && echo the same, byte for byte'

section 'What is not taken comes with a reason'
run 1 '^REJECTED to=nobody id=1 reason=UNKNOWN_CLIENT$' "onehop send nobody 'Is anybody there?'"
run 2 'is not a name that a client can have' "onehop send 'two words' 'A name has no spaces.'"
begin carol 'onehop listen carol'
wait_for '^listening as carol' carol.err
run 4 'NAME_IN_USE' 'onehop listen carol'

section 'DELIVERED means that the program took it; nothing else is called so'
begin judge 'onehop listen judge --ack refuse --refuse-text "not in this court"'
wait_for '^listening as judge' judge.err
run 1 '^REJECTED to=judge .* reason=REFUSED_BY_RECIPIENT text="not in this court"$' "onehop send judge 'Objection!'"
note 'This one never acknowledges.'
begin silent 'onehop listen silent --ack manual'
wait_for '^listening as silent' silent.err
run 1 '^EXPIRED to=silent id=1 attempted=yes$' "onehop send silent 'Are you there?' --ttl 0.5"
# It still holds the message, and the broker's stop would wait for it until its deadline.
# shellcheck disable=SC2154 # begin sets it.
kill -TERM "$pid_silent"

section 'A listener is killed; another process goes on with its session'
begin erin 'onehop listen erin --state erin.session --ack manual'
wait_for '^listening as erin' erin.err
begin letter "onehop send erin 'Keep this for me.'"
wait_for 'Keep this' erin.out
# shellcheck disable=SC2154 # begin sets it.
{ kill -KILL "$pid_erin" && wait "$pid_erin"; } 2>/dev/null || true  # Or the shell would tell of it.
note 'It had the message, had not acknowledged it, and was killed. Now its session is resumed:'
run 0 'Keep this for me' "onehop listen erin --state erin.session --count 1 --format 'once more: %p\\n'"
ended 0 letter
note 'And the sender, who knew nothing of all that, prints:'
print_file "$work/letter.err"
grep -qx 'DELIVERED to=erin id=1' "$work/letter.err" || fail 'the sender was told otherwise'

section 'A client that does not read: its senders pause, and lose nothing'
note 'After its first byte nobody reads for a second what this one prints.'
begin sleepy 'onehop listen sleepy --count 120000 | (head -c 1; sleep 1; cat) >slowly.txt'
wait_for '^listening as sleepy' sleepy.err
run 0 '^120000 delivered \(paused [1-9][0-9]* times, repeated [1-9][0-9]* refused for the moment\)$' \
  'onehop send sleepy <licences.txt'
ended 0 sleepy
run 0 'the same' 'cmp licences.txt slowly.txt && echo the same, byte for byte'

section 'Somebody else takes a name over'
begin newcomer 'onehop listen carol --take-over --count 1'
wait_for '^listening as carol' newcomer.err
ended 4 carol
note 'The elder Carol is told, and ends:'
tail -n 1 "$work/carol.err" | sed 's/^/    /'
grep -q 'SESSION_TAKEN_OVER' "$work/carol.err" || fail 'the elder was not told'
run 0 "^DELIVERED to=carol id=1\$" "onehop send carol 'Which Carol gets this?'"
ended 0 newcomer
note 'The newcomer prints:'
print_file "$work/newcomer.out"
grep -qx 'Which Carol gets this?' "$work/newcomer.out" || fail 'the newcomer did not get it'

section 'How far away is the broker?'
run 0 '^3 sent, 3 answered' 'onehop ping --count 3 --interval 0.1'

section 'The end: the broker stops in good order, and says what it served'
# shellcheck disable=SC2154 # begin sets it.
kill -TERM "$pid_broker"
ended 0 broker
command_line 'kill -TERM %1; wait %1'
sed -n 's/.*"event":"served",\(.*\)}$/\1/p' "$work/broker.err" | tr ',' '\n' | sed 's/^/    /; s/"//g; s/:/: /'
grep -q '"event":"served".*"messages_admitted":240006,.*"messages_dropped":0[,}]' "$work/broker.err" ||
  fail "the broker counted otherwise: $(grep served "$work/broker.err")"
printf '\n%sAll as it should be.%s\n' "$bold" "$plain"
