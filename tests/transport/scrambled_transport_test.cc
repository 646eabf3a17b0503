// The transport of the tests keeps the contract itself, and finds what it is there to find.
#include "scrambled_transport.h"

#include <gtest/gtest.h>

#include "contract.h"

namespace onehop::transport {
namespace {

using Side = ScrambledTransport::Side;

Pair scrambled_pair() {
  return {{std::make_unique<ScrambledTransport>(Side::kClient, 17), {}, {}},
          {std::make_unique<ScrambledTransport>(Side::kServer, 4), {}, {}}};
}

TEST(ScrambledTransport, KeepsTheContract) {
  for (uint32_t seed = 0; seed < 20; ++seed) check_streams(scrambled_pair, seed, 20'000);
  check_back_pressure(scrambled_pair);
}

TEST(ScrambledTransport, FindsEveryByteThatIsChangedOrLost) {
  for (size_t at = 0; at < 64; ++at) {
    for (const bool lost : {false, true}) {
      Pair pair = scrambled_pair();
      while (pair.server.transport->state() == Transport::State::kHandshake) {
        carry(pair.client, pair.server, SIZE_MAX, 100);
        carry(pair.server, pair.client, SIZE_MAX, 100);
      }
      pair.client.to_send = std::string(1'000, 'x');
      while (!pair.client.to_send.empty()) pair.client.write(1'000);
      pair.client.transport->end();
      std::string wire;
      for (core::Bytes next; !(next = pair.client.transport->output()).empty();) {
        wire.append(next);
        pair.client.transport->output_written(next.size());
      }
      if (lost) {
        wire.erase(at, 1);
      } else {
        wire[at] = static_cast<char>(wire[at] ^ 0x20);
      }
      pair.server.transport->take_input(wire);
      pair.server.read_all(100);
      pair.server.transport->end_input();
      EXPECT_EQ(Transport::State::kBroken, pair.server.transport->state()) << at << lost;
      EXPECT_FALSE(pair.server.transport->error().empty());
      EXPECT_FALSE(pair.server.transport->output().empty()) << "an alert";
    }
  }
}

}  // namespace
}  // namespace onehop::transport
