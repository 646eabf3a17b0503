// What tests of the backlog do with it.
#pragma once

#include <cstdint>
#include <vector>

#include "core/queue/backlog.h"

namespace onehop::core::test {

inline constexpr Instant kNow{1'000};

inline constexpr uint32_t kFrameBytes = 30;

inline RoutedMessage routed(uint64_t id, bool confirmed = true) {
  RoutedMessage message;
  message.sender = {Origin::Kind::kSession, 0, 0, 0, {3, 4}};
  message.from_session = 17;
  message.from_stamp = "stamp";
  message.body = "the body";
  message.frame_bytes = kFrameBytes;
  message.scanned.id = id;
  message.scanned.confirm = confirmed ? kConfirmDelivered : 0;
  return message;
}

inline uint64_t add(Backlog& backlog, bool confirmed = true, Instant deadline = kNow + 1'000) {
  return backlog.add(routed(7, confirmed), deadline).tag;
}

// Adds and sends `count` confirmed ones.
inline void send(Backlog& backlog, uint64_t count) {
  for (; count != 0; --count) {
    add(backlog);
    backlog.mark_sent();
  }
}

inline std::vector<uint64_t> unsent_tags(Backlog& backlog) {
  std::vector<uint64_t> tags;
  for (; backlog.has_unsent(); backlog.mark_sent()) tags.push_back(backlog.next_unsent().tag);
  return tags;
}

inline std::vector<uint64_t> take(Backlog& backlog, uint64_t first, uint64_t last) {
  std::vector<uint64_t> tags;
  backlog.for_each_open(first, last, [&](Backlog::Entry& entry) {
    tags.push_back(entry.tag);
    backlog.settle(entry);
  });
  return tags;
}

}  // namespace onehop::core::test
