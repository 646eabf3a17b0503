// What something that waits to be told puts into a connection's queue, read back frame by frame.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/wire/output_queue.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::core::test {

// `teller` is a PendingControl or a ReceiptLog.
template <typename Teller>
std::vector<v1::Frame> read_back(Teller& teller) {
  SegmentPool pool;
  OutputQueue queue;
  v1::Frame scratch;
  const size_t size = teller.encode(queue, pool, scratch);
  EXPECT_EQ(size, queue.bytes());
  std::vector<Iov> pieces(1'000);
  std::string bytes;
  const size_t count = queue.gather(pieces);
  for (size_t i = 0; i < count; ++i) bytes.append(pieces[i].data, pieces[i].size);
  queue.clear(pool);
  std::vector<v1::Frame> frames;
  for (Bytes rest = bytes; !rest.empty();) {
    uint64_t length = 0;
    const char* body = read_varint(rest.data(), rest.data() + rest.size(), 5, length);
    rest.remove_prefix(static_cast<size_t>(body - rest.data()) + length);
    EXPECT_TRUE(frames.emplace_back().ParseFromArray(body, static_cast<int>(length)));
    EXPECT_LE(length, 16u << 10) << "within a client's smallest frame limit";
  }
  return frames;
}

}  // namespace onehop::core::test
