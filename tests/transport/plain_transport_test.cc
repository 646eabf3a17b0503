// PlainTransport keeps the contract, and changes no byte on the way.
#include "transport_test/plain_transport.h"

#include <gtest/gtest.h>

#include "contract.h"

namespace onehop::transport {
namespace {

Pair plain_pair() {
  return {{std::make_unique<PlainTransport>(), {}, {}}, {std::make_unique<PlainTransport>(), {}, {}}};
}

TEST(PlainTransport, KeepsTheContract) {
  for (uint32_t seed = 0; seed < 20; ++seed) check_streams(plain_pair, seed, 20'000);
  check_back_pressure(plain_pair);
}

TEST(PlainTransport, TheSocketsBytesAreTheStreams) {
  PlainTransport plain;
  const core::Iov pieces[] = {{"one", 3}, {"", 0}, {"two", 3}};
  EXPECT_EQ(6u, plain.write(pieces));
  EXPECT_EQ("onetwo", plain.output());
  plain.end();
  EXPECT_EQ("onetwo", plain.output());
  plain.take_input("three");
  plain.end_input();
  EXPECT_EQ(Transport::State::kOpen, plain.state());  // Until it has been read.
  char space[3];
  EXPECT_EQ(3u, plain.read(space));
  EXPECT_EQ("thr", core::Bytes(space, 3));
  EXPECT_EQ(2u, plain.read(space));
  EXPECT_EQ(0u, plain.read(space));
  EXPECT_EQ(Transport::State::kEnded, plain.state());
}

}  // namespace
}  // namespace onehop::transport
