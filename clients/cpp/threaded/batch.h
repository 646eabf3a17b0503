// What other threads hand to a client's thread at one time: bodies of messages one behind the other, and beside them
// what is known of each; verdicts; calls to be made when messages are settled; what is wanted of topics and services;
// the wish to end.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "onehop/client_types.h"
#include "onehop/send_completion.h"
#include "onehop/topics.h"

namespace onehop::client {

// What one destination has of the account; a client, a topic and a service of the same name share one. See outbox.h for
// who may touch what.
struct DestinationAccount {
  // Accepted and without an outcome, as far as the account knows.
  uint64_t bytes = 0;
  // Somebody was told that there is no room for it.
  bool wanted = false;
  // What has got its outcome, and is not taken off `bytes` yet.
  uint64_t settled_bytes = 0;
};

// An accepted message, from send() to its outcome.
struct OpenSend {
  uint64_t ticket = 0;
  DestinationAccount* destination = nullptr;
  uint32_t body_bytes = 0;
  uint32_t unknown_patience_ms = 0;
  SendCompletion completion;

  // What it counts for in the account.
  uint64_t cost() const { return body_bytes + kOverheadBytes; }
  static constexpr uint64_t kOverheadBytes = 100;
};

// What a verdict says about a delivery.
struct Verdict {
  enum class Kind : uint8_t { kTaken, kTakenUpTo, kRefused };
  Kind kind;
  DeliveryTag tag;
  std::string text = {};
  uint32_t code = 0;
  uint32_t retry_after_ms = 0;
};

// What is wanted of topics, or of a service.
struct Wish {
  Destination kind = Destination::kTopic;
  // The filter, or the service.
  std::string name;
  bool wanted;
  SubscribeOptions options = {};
};

// How a client is to end.
struct EndOrder {
  enum class Kind : uint8_t { kClose, kDetach, kAbort };
  Kind kind;
  uint64_t deadline_ms = 0;
};

// Bytes that are appended and thrown away together. Its memory is used again unless it has grown large.
class Bodies {
 public:
  // Room for `size` bytes at the end.
  char* append(size_t size) {
    if (capacity_ - size_ < size) grow(size);
    char* at = data_.get() + size_;
    size_ += size;
    return at;
  }
  const char* data() const { return data_.get(); }
  void clear() {
    size_ = 0;
    if (capacity_ <= kKeptBytesMax) return;
    data_.reset();
    capacity_ = 0;
  }

 private:
  static constexpr size_t kKeptBytesMax = 1 << 20;
  static constexpr size_t kBytesMin = 4 << 10;

  void grow(size_t size);

  std::unique_ptr<char[]> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

struct Batch {
  Bodies bodies;
  std::vector<OpenSend> sends;
  // Whether one of them is unconfirmed.
  bool has_unconfirmed = false;
  std::vector<Verdict> verdicts;
  std::vector<std::function<void()>> flushes;
  // New credentials, the latest.
  std::optional<std::string> renewal;
  std::vector<Wish> wishes;
  std::optional<EndOrder> end;

  bool is_empty() const {
    return sends.empty() && verdicts.empty() && flushes.empty() && !renewal && wishes.empty() && !end;
  }
  // Keeps its memory.
  void clear();
};

}  // namespace onehop::client
