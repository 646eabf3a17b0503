// A recipient in a process of its own, for tests that stop it: prints "ready", then what every message begins with, up
// to the first space, one a line, before it acknowledges it.
//
//   onehop-raw-recipient ADDRESS NAME RECEIVE_BUFFER_BYTES
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "confirmed_peer.h"

int main(int count, char** arguments) {
  if (count != 4) return 2;
  try {
    onehop::test::ConfirmedPeer::Options options;
    options.receive_buffer_bytes = std::atoi(arguments[3]);
    onehop::test::ConfirmedPeer peer(arguments[1], arguments[2], options);
    peer.on_message = [](const onehop::v1::Message& message) {
      std::puts(message.payload().substr(0, message.payload().find(' ')).c_str());
      std::fflush(stdout);
    };
    std::puts("ready");
    std::fflush(stdout);
    while (peer.problems().empty()) onehop::test::take_turn({&peer}, -1);
    std::fprintf(stderr, "%s\n", peer.problems().front().c_str());
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
  }
  return 1;
}
