// What `onehop help` says about the commands that are a client, apart from their options.
#pragma once

namespace onehop::cli {

constexpr const char* kDescription =
    "onehop: send messages to named clients through a onehop broker, and receive them.\n";
constexpr const char* kFooter = R"(
'onehop help COMMAND' says more. 'onehop version' prints the version.
Messages that arrive, answers, and with -o json every result go to standard output. Notes, errors, and the reports of
'send' as text go to standard error; with -o json an error is one line there: {"event":"error","text":"..."}.

Exit codes:
  0  every message was delivered, or without confirmation admitted; 'listen' reached --count, or without --count its
     --timeout, or was ended by SIGINT or SIGTERM
  1  some message was not delivered; the time was up, for 'listen' before it reached --count; an operator's command
     (clients, top, trace, kick, drain, undrain, health) did not do what it says
  2  the command line is wrong
  3  the broker or its admin port cannot be reached
  4  the broker ended the connection, or it was lost and did not come back in time

Examples:
  onehop listen bob
  onehop send bob 'Hello, Bob.'
  onehop top
)";
constexpr const char* kSendFooter = R"(
TO is a name, or several names with commas between them; each gets every message. With --topic there is no TO: the
messages go to all who have subscribed to the topic, and are REJECTED with NOBODY_THERE if nobody has.
Without TEXT, or with -, each line of standard input is one message; the newline is not part of it. With -0 a zero byte
ends each message instead. With --whole all of standard input is one message, with --file the file is.
Each message ends in one outcome. Messages that were not DELIVERED are reported, and the sum at the end. Consecutive
messages to one recipient that fail alike are reported in one line: id=5..9 stands for messages 5 to 9.
Reports go to standard error. With -o json they go to standard output: an object with "event":"outcome" for each report,
where "n" and "id" belong to the first message, "last_n" and "last_id" to the last one, and "count" is their number; and
an object with "event":"summary" at the end. On a terminal a line shows the progress of a long send.
  DELIVERED  the recipient's program has acknowledged it
  REJECTED   it was not taken; the reason says why (REFUSED_BY_RECIPIENT: the recipient's program refused it)
  EXPIRED    --ttl ran out before the acknowledgement
  LOST       the recipient's session ended before the acknowledgement
  UNKNOWN    the broker was replaced, or the time was up: it may have arrived
  NOT_SENT   the broker has not taken it, and nothing of it arrived
  ADMITTED   with --confirm refusals (or --no-confirm): the broker has taken it, and reports nothing more
A broken connection is resumed within --session-expiry; nothing is lost or repeated because of that.
What is refused because the recipient's queue is full is repeated, in order, until it is taken.
If no client has the name TO, the messages are REJECTED at once, with two exceptions. With --wait they wait for that
time. Without it they wait for --patience where the recipient may be on its way back: after this command has lost its
session (default: 5 seconds), and right after the broker's start (default: not at all).
A --name that is in use is tried again for --patience, too (default: 5 seconds).

Examples:
  onehop send bob 'Hello, Bob.' --name alice
  onehop send bob,carol --wait 10 <lines.txt
  onehop send bob --file photo.jpg -o json | jq .outcome
  onehop send --topic news/de 'Good morning.'
)";
constexpr const char* kListenFooter = R"(
FORMAT, for -o text (default '%p\n'; with --topic '%o %p\n'; with --ack manual '%t %p\n'):
  %f  the sender's name          %p  the payload, as it is
  %o  the topic; -: the message was sent to NAME itself
  %i  the message's id           %l  the payload's length in bytes
  %s  the sender's session       %H  the headers, as key=value, separated by commas
  %t  the delivery tag; 0: no acknowledgement is wanted
  %r  'again' if an earlier process of this session may have seen the message, otherwise nothing
  %T  when it arrived, in UTC: 2026-11-23T01:29:59.042Z
  %%  a percent sign             \n \t \r \0 \\  newline, tab, carriage return, NUL, backslash
With -o json each message is one object on one line: "payload" if it is valid UTF-8, else "payload_base64".
On a terminal, control characters of a message are shown as \x1b and the like; --raw writes them as they are. A pipe or
a file always gets the bytes as they are.
Messages go to standard output. The line that says "listening" goes to standard error.

With --topic the messages of a topic are printed, too. In a topic, + stands for one level and # at the end for the level
before it and all below: --topic 'news/+' prints news/de, and --topic 'news/#' also news and news/de/berlin. Messages
that were missed because there was no room for them at the broker are counted on standard error.

--ack says how messages are acknowledged:
  auto    a message is acknowledged when standard output has taken it
  manual  you decide, with lines of standard input: 'ack TAG', 'upto TAG' (all up to TAG), 'refuse TAG [CODE [TEXT]]'
  refuse  every message is printed, and refused with --refuse-text
--state FILE keeps the session in FILE. Another 'onehop listen' with that file goes on with it, however this one ended,
if it starts within --session-expiry. Messages that were not acknowledged arrive again. Keep the file secret; it is a
key.
While NAME is in use, it is tried again once a second for --patience. The client that had it may have lost power; then
the broker frees the name after 3 seconds. With --session-expiry 0 it is not tried again.
Without NAME, or with '', the broker makes a name, which is shown. After a session is lost it makes another one.
At the end of --timeout the exit code is 1 if --count was given and not reached, else 0.

Examples:
  onehop listen bob
  onehop listen bob -f '%T %f: %p\n' --count 10
  onehop listen bob -o json | jq -r .payload
  onehop listen bob --topic 'news/#'
)";
constexpr const char* kChatFooter = R"(
Each line of standard input is sent to all others in the room; an empty line is not. What they say is printed as
'name: text'. At the end of standard input the command ends. The room is a topic, so 'onehop listen' and 'onehop send'
with --topic can take part in it. What the others say before one is in the room, or while the broker is replaced, is
missed. A message that was sent to NAME itself is printed as 'name (to you): text'.
Exit code 1: some line was heard by nobody, or the room cannot be entered.

Examples:
  onehop chat alice
  onehop chat alice --room kitchen
  date | onehop chat clock
)";

constexpr const char* kCompletionFooter = R"text(
Examples:
  eval "$(onehop completion bash)"            in ~/.bashrc
  eval "$(onehop completion zsh)"             in ~/.zshrc, after compinit
)text";
constexpr const char* kManFooter = R"(
Examples:
  onehop man | man -l -
)";
constexpr const char* kPingFooter = R"(
Examples:
  onehop ping --count 3
  onehop ping --server tcp://broker.example:7411 -o json
)";

}  // namespace onehop::cli
