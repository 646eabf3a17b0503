// What `onehop help` says about the commands that are a client, apart from their options.
#pragma once

namespace onehop::cli {

constexpr const char* kDescription =
    "onehop: send messages to named clients through a onehop broker, and receive them.\n";
constexpr const char* kFooter = R"(
'onehop help COMMAND' says more. 'onehop version' prints the version.
What goes where: messages that arrive, answers, and with -o json every result go to standard output. Reports of 'send' as
text, notes and errors go to standard error; with -o json an error is {"event":"error","text":"..."} there.

Exit codes:
  0  every message was delivered, or with --no-confirm admitted; 'listen' reached --count, or without --count its
     --timeout, or was ended by SIGINT or SIGTERM
  1  some message was not delivered; the time was up, for 'listen' before --count; of the operator's commands: not done
  2  the command line is wrong
  3  cannot connect; cannot reach the admin port
  4  the broker ended the connection, or it was lost and did not come back in time

Examples:
  onehop listen bob
  onehop send bob 'Hello, Bob.'
  onehop top
)";
constexpr const char* kSendFooter = R"(
TO is a name, or several names with commas between them: each gets every message.
Without TEXT, or with -, each line of standard input is one message; the newline is not part of it. With -0 a zero byte
ends each message instead. With --whole all of standard input is one message, with --file the file is.
Each message ends in one outcome. Messages that are not DELIVERED are reported, and at the end the sum. Messages to one
recipient that fail alike, one behind the other, make one line: id=5..9 stands for those from 5 to 9.
Reports go to standard error. With -o json they are the result, on standard output: an object with "event":"outcome" for
each line, where "n", "id" and "last_n", "last_id" are those of the first and the last message and "count" says how many
there are; at the end one with "event":"summary". On a terminal a line shows the progress of a long send.
  DELIVERED  the recipient's program has acknowledged it
  REJECTED   it was not taken; the reason says why (REFUSED_BY_RECIPIENT: the recipient's program would not have it)
  EXPIRED    --ttl ran out before the acknowledgement
  LOST       the recipient's session ended before the acknowledgement
  UNKNOWN    the broker was replaced, or the time was up: it may have arrived
  NOT_SENT   the broker has not taken it, and nothing of it arrived
  ADMITTED   with --no-confirm: the broker has taken it for the recipient, and tells no more
A broken connection is resumed, as long as --session-expiry allows; nothing is lost or repeated by that.
What is refused because the recipient's queue is full is repeated, in order, until it is taken.
Where nobody has the name TO, the messages wait for --patience if the recipient may be on its way back: after this
command has lost its session (default: 5 seconds), and right after the broker's start (default: not at all). Otherwise
they are REJECTED at once. With --wait they wait in any case, for so many seconds. A --name that is in use is tried again for the same time (default: 5 seconds).

Examples:
  onehop send bob 'Hello, Bob.' --name alice
  onehop send bob,carol --wait 10 <lines.txt
  onehop send bob --file photo.jpg -o json | jq .outcome
)";
constexpr const char* kListenFooter = R"(
FORMAT, for -o text (default '%p\n'; with --ack manual '%t %p\n'):
  %f  the sender's name          %p  the payload, as it is
  %i  the message's id           %l  the payload's length in bytes
  %s  the sender's session       %H  the headers, as key=value, separated by commas
  %t  the delivery tag; 0: no acknowledgement is wanted
  %r  'again' where an earlier process of this session may have seen it, else nothing
  %T  when it arrived, in UTC: 2026-11-23T01:29:59.042Z
  %%  a percent sign             \n \t \r \0 \\  newline, tab, carriage return, NUL, backslash
With -o json each message is one object on one line: "payload" if it is valid UTF-8, else "payload_base64".
On a terminal, control characters of a message are shown as \x1b and the like; --raw writes them as they are. A pipe or
a file always gets the bytes as they are.
Messages go to standard output. The line that says "listening" goes to standard error.

--ack says who acknowledges:
  auto    a message is acknowledged when standard output has taken it
  manual  lines of standard input are the verdicts: 'ack TAG', 'upto TAG', 'refuse TAG [CODE [TEXT]]'
  refuse  nobody: each message is printed, and refused with --refuse-text
--state FILE keeps the session in FILE: another 'onehop listen' with that file goes on with it, however this one ended,
if it comes within --session-expiry. What was not acknowledged comes again. Keep the file secret: it is a key.
While NAME is in use it is tried again for --patience, once a second: whoever had it may have lost power, and then the
broker gives it away after 3 seconds. With --session-expiry 0 nothing is tried again.
Without NAME, or with '', the broker makes a name, which is shown. After a session is lost it makes another one.
At the end of --timeout the exit code is 1 if --count was given and not reached, else 0.

Examples:
  onehop listen bob
  onehop listen bob -f '%T %f: %p\n' --count 10
  onehop listen bob -o json | jq -r .payload
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
