// What every transport promises (broker/transport/transport.h), checked with two of them joined in memory: what one has
// as output the other gets as input, in pieces of any size.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>

#include "transport/transport.h"

namespace onehop::transport {

// One side, with what its owner wants to send and has received.
struct End {
  std::unique_ptr<Transport> transport;
  std::string to_send;
  std::string received;

  // Offers what is left to send, in a few pieces.
  void write(size_t most) {
    const core::Bytes next = core::Bytes(to_send).substr(0, most);
    const size_t half = next.size() / 2;
    const core::Iov pieces[] = {{next.data(), half}, {next.data() + half, next.size() - half}};
    const size_t before = transport->output().size();
    const bool open = transport->state() == Transport::State::kOpen;
    const size_t taken = transport->write(pieces);
    ASSERT_LE(taken, next.size());
    if (transport->state() == Transport::State::kHandshake) {
      ASSERT_EQ(0u, taken) << "before the handshake";
    }
    if (open && before == 0 && !next.empty()) {
      ASSERT_GT(taken, 0u) << "with nothing to be written it takes something";
    }
    to_send.erase(0, taken);
  }
  void read_all(size_t space) {
    std::string into(space, '\0');
    for (size_t size; (size = transport->read(into)) != 0;) {
      ASSERT_LE(size, space);
      received.append(into, 0, size);
    }
  }
};

// Gives `to` at most `most` bytes of what `from` has as output.
inline void carry(End& from, End& to, size_t most, size_t space) {
  const std::string bytes(from.transport->output().substr(0, most));
  if (bytes.empty()) return;
  from.transport->output_written(bytes.size());
  to.transport->take_input(bytes);
  if (to.transport->has_work()) to.transport->do_work();
  to.read_all(space);
}

struct Pair {
  End client, server;
};

// Both send `size` bytes at the same time; then the client ends, then the server. `make` returns a new Pair.
template <typename Make>
void check_streams(Make make, uint32_t seed, size_t size) {
  std::mt19937 random(seed);
  const auto below = [&](size_t most) { return std::uniform_int_distribution<size_t>(1, most)(random); };
  Pair pair = make();
  std::string up, down;
  for (size_t i = 0; i < size; ++i) up.push_back(static_cast<char>(random()));
  for (size_t i = 0; i < size; ++i) down.push_back(static_cast<char>(random()));
  pair.client.to_send = up;
  pair.server.to_send = down;
  uint64_t turns = 0;
  while (pair.client.received.size() < size || pair.server.received.size() < size) {
    ASSERT_LT(++turns, 20 * size + 1'000) << "no progress with seed " << seed;
    // Which of the four happens is drawn, so that output piles up now and then.
    const size_t step = below(4);
    if (step == 1) pair.client.write(below(3'000));
    if (step == 2) pair.server.write(below(3'000));
    const size_t most = below(2'000);
    const size_t space = below(700);
    if (step == 3) carry(pair.client, pair.server, most, space);
    if (step == 4) carry(pair.server, pair.client, most, space);
    if (testing::Test::HasFatalFailure()) return;
  }
  ASSERT_TRUE(pair.server.received == up && pair.client.received == down) << "seed " << seed;
  pair.client.transport->end();
  while (!pair.client.transport->output().empty()) carry(pair.client, pair.server, 7, 100);
  pair.server.transport->end_input();
  EXPECT_EQ(Transport::State::kEnded, pair.server.transport->state());
  EXPECT_TRUE(pair.server.transport->error().empty());
  // Ours goes on.
  pair.server.to_send = "last words";
  while (!pair.server.to_send.empty()) pair.server.write(100);
  pair.server.transport->end();
  while (!pair.server.transport->output().empty()) carry(pair.server, pair.client, 7, 100);
  EXPECT_TRUE(pair.client.received.ends_with("last words"));
  pair.client.transport->end_input();
  EXPECT_EQ(Transport::State::kEnded, pair.client.transport->state());
}

// A peer that does not read: what is held stays bounded, and is counted. At rest it holds at most `resting_max`.
template <typename Make>
void check_back_pressure(Make make, size_t resting_max = 1'024) {
  Pair pair = make();
  const auto exchange = [&] {
    carry(pair.client, pair.server, SIZE_MAX, 100);
    carry(pair.server, pair.client, SIZE_MAX, 100);
  };
  while (pair.server.transport->state() == Transport::State::kHandshake) exchange();
  while (!pair.client.transport->output().empty() || !pair.server.transport->output().empty()) exchange();
  const size_t resting = pair.server.transport->held_bytes();
  const size_t client_resting = pair.client.transport->held_bytes();
  EXPECT_LE(resting, resting_max);
  const std::string much(1 << 20, 'x');
  const core::Iov piece{much.data(), much.size()};
  size_t taken = 0;
  for (size_t last; (last = pair.server.transport->write({&piece, 1})) != 0;) taken += last;
  EXPECT_GE(taken, Transport::kOutputBytesMax / 2);
  EXPECT_LE(taken, Transport::kOutputBytesMax);
  EXPECT_GE(pair.server.transport->held_bytes(), taken);
  while (!pair.server.transport->output().empty()) exchange();
  EXPECT_EQ(taken, pair.client.received.size());
  EXPECT_LE(pair.server.transport->held_bytes(), resting);
  EXPECT_LE(pair.client.transport->held_bytes(), client_resting);
}

}  // namespace onehop::transport
