// The output queue: any way of writing it gives the same bytes, and its frames' boundaries are found wherever the
// writing stands.
#include "core/wire/output_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

#include "core/wire/delivery.h"
#include "frames.h"

namespace onehop::core {
namespace {

using test::message_frame;
using test::ping_frame;
using test::wire;

struct Queue {
  SegmentPool pool;
  OutputQueue output;

  ~Queue() { output.clear(pool); }
  void add(const std::string& frame) { std::memcpy(output.append(pool, frame.size()), frame.data(), frame.size()); }
  // The frame's last `body_size` bytes by reference, in a block that goes on behind them.
  BufferRef add_with_body(const std::string& frame, size_t body_size, size_t block_size) {
    BufferRef block = Buffer::allocate(block_size);
    std::memset(block->data(), '#', block_size);
    const size_t head = frame.size() - body_size;
    std::memcpy(block->data() + 10, frame.data() + head, body_size);
    std::memcpy(output.append(pool, head), frame.data(), head);
    output.append_body(pool, block.get(), {block->data() + 10, body_size});
    return block;
  }
  std::string contents(size_t pieces_max = 1'000) const {
    std::vector<Iov> pieces(pieces_max);
    std::string all;
    const size_t count = output.gather(pieces);
    for (size_t i = 0; i < count; ++i) all.append(pieces[i].data, pieces[i].size);
    return all;
  }
};

std::string large_frame(size_t payload) {
  return wire(message_frame("bob", 1, std::string(payload, 'L')));
}

TEST(OutputQueue, GivesBackWhatWasAppended) {
  Queue queue;
  EXPECT_TRUE(queue.output.empty());
  std::string expected;
  for (uint64_t i = 0; i < 5'000; ++i) {
    const std::string frame = wire(message_frame("bob", i, std::string(i % 50, 'x')));
    queue.add(frame);
    expected += frame;
  }
  EXPECT_EQ(queue.contents(), expected);
  EXPECT_EQ(queue.output.bytes(), expected.size());
  EXPECT_EQ(queue.output.count_frames(is_unconfirmed_delivery), 5'000u);
}

TEST(OutputQueue, NothingIsAppendedToAReference) {
  Queue queue;
  const std::string large = large_frame(3'000);
  const BufferRef block = queue.add_with_body(large, 3'000, 10'000);
  const std::string small = wire(ping_frame(1));
  queue.add(small);
  EXPECT_EQ(queue.contents(), large + small);
  EXPECT_EQ(std::string(block->data() + 3'010, 6'990), std::string(6'990, '#'));
}

TEST(OutputQueue, AnyWayOfTakingItGivesTheSameBytes) {
  constexpr unsigned kSeed = 99;
  SCOPED_TRACE(kSeed);
  std::mt19937 random(kSeed);
  for (size_t step_max = 1; step_max < 20'000; step_max *= 3) {
    Queue queue;
    std::string expected;
    std::string taken;
    for (int i = 0; i < 200; ++i) {
      const std::string frame = large_frame(random() % 5'000);
      if (frame.size() > 2'100) {
        queue.add_with_body(frame, 2'000, 4'000);
      } else {
        queue.add(frame);
      }
      expected += frame;
      const size_t size = std::min(random() % step_max + 1, queue.output.bytes());
      taken += queue.contents().substr(0, size);
      queue.output.consume(queue.pool, size);
      if (i % 10 == 0) queue.output.own_bodies();
      EXPECT_EQ(queue.output.bytes(), expected.size() - taken.size());
    }
    taken += queue.contents();
    EXPECT_EQ(taken, expected);
  }
}

TEST(OutputQueue, BodiesAreReleasedWhenTheyAreTaken) {
  Queue queue;
  const std::string large = large_frame(3'000);
  const BufferRef block = queue.add_with_body(large, 3'000, 10'000);
  EXPECT_EQ(block->references(), 2u);
  queue.output.consume(queue.pool, large.size() - 1);
  EXPECT_EQ(block->references(), 2u);
  queue.output.consume(queue.pool, 1);
  EXPECT_EQ(block->references(), 1u);
  EXPECT_TRUE(queue.output.empty());
}

TEST(OutputQueue, OwnedBodiesDoNotPinALargeBlock) {
  Queue queue;
  const std::string large = large_frame(3'000);
  const BufferRef block = queue.add_with_body(large, 3'000, 65'536);
  const BufferRef snug = queue.add_with_body(large, 3'000, 3'500);
  queue.output.consume(queue.pool, large.size() - 1'500);
  const std::string before = queue.contents();
  queue.output.own_bodies();
  EXPECT_EQ(block->references(), 1u);
  EXPECT_EQ(snug->references(), 2u) << "a block of about the body's size is no waste";
  std::memset(block->data(), '?', block->capacity());
  EXPECT_EQ(queue.contents(), before);
}

// Takes `taken` bytes of frames, drops what has not begun, and appends a goodbye: what goes out in all is the frames
// begun, whole, and the goodbye.
void expect_drop(const std::vector<std::string>& frames, size_t taken, bool by_reference) {
  Queue queue;
  size_t begun_end = 0;
  size_t messages = 0;
  std::string all;
  for (const std::string& frame : frames) {
    if (by_reference && frame.size() > 2'100) {
      queue.add_with_body(frame, 2'000, 4'000);
    } else {
      queue.add(frame);
    }
    if (all.size() < taken) begun_end = all.size() + frame.size();
    if (all.size() < taken && begun_end > taken) messages = 1;
    all += frame;
  }
  std::string sent = queue.contents().substr(0, taken);
  queue.output.consume(queue.pool, taken);
  queue.output.drop_unbegun(queue.pool);
  EXPECT_EQ(queue.output.bytes(), begun_end - taken) << taken;
  EXPECT_EQ(queue.output.count_frames(is_unconfirmed_delivery), messages) << taken;
  const std::string goodbye = wire(test::goodbye_frame(v1::CODE_NORMAL));
  queue.add(goodbye);
  sent += queue.contents();
  EXPECT_EQ(sent, all.substr(0, begun_end) + goodbye) << taken;
}

TEST(OutputQueue, WhatHasNotBegunIsDroppedWhereverTheWritingStands) {
  const std::vector<std::string> small{large_frame(5), large_frame(200), large_frame(0), large_frame(40)};
  for (size_t taken = 0; taken <= 290; ++taken) expect_drop(small, taken, false);
  const std::vector<std::string> mixed{large_frame(5), large_frame(3'000), large_frame(7), large_frame(2'500)};
  for (size_t taken = 0; taken <= 5'560; ++taken) expect_drop(mixed, taken, true);
  const std::vector<std::string> chunks{large_frame(10'000), large_frame(10'000), large_frame(10'000)};
  for (size_t taken = 0; taken <= 30'000; taken += 500) expect_drop(chunks, taken, false);
}

TEST(OutputQueue, CountsMessagesAndNotControlFrames) {
  Queue queue;
  queue.add(wire(ping_frame(3)));
  queue.add(large_frame(10));
  queue.add(wire(test::goodbye_frame(v1::CODE_NORMAL)));
  queue.add_with_body(large_frame(3'000), 3'000, 4'000);
  EXPECT_EQ(queue.output.count_frames(is_unconfirmed_delivery), 2u);
  queue.output.consume(queue.pool, wire(ping_frame(3)).size());
  EXPECT_EQ(queue.output.count_frames(is_unconfirmed_delivery), 2u);
  queue.output.consume(queue.pool, large_frame(10).size() - 1);
  EXPECT_EQ(queue.output.count_frames(is_unconfirmed_delivery), 2u) << "the first is not all gone";
  queue.output.consume(queue.pool, 1);
  EXPECT_EQ(queue.output.count_frames(is_unconfirmed_delivery), 1u);
  queue.output.consume(queue.pool, queue.output.bytes() - 10);
  EXPECT_EQ(queue.output.count_frames(is_unconfirmed_delivery), 1u) << "a part of its body is left";
}

TEST(OutputQueue, GathersNoMoreThanThereIsRoomFor) {
  Queue queue;
  for (int i = 0; i < 40; ++i) queue.add_with_body(large_frame(3'000), 3'000, 4'000);
  std::array<Iov, 7> pieces;
  EXPECT_EQ(queue.output.gather(pieces), 7u);
}

TEST(SegmentPool, ReusesWhatComesBack) {
  SegmentPool pool;
  Segment* small = pool.chunk(100, true);
  Segment* large = pool.chunk(3'000, true);
  EXPECT_LT(small->capacity, large->capacity);
  EXPECT_GE(large->capacity, 3'000u);
  Segment* huge = pool.chunk(100'000, false);
  EXPECT_EQ(huge->capacity, 100'000u);
  pool.release(small);
  pool.release(large);
  pool.release(huge);
  EXPECT_EQ(pool.chunk(50, true), small);
  EXPECT_EQ(pool.chunk(50, false), large);
  pool.release(small);
  pool.release(large);
}

}  // namespace
}  // namespace onehop::core
