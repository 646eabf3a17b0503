// The accounts of one thread: what its clients sent, which outcomes they were told, and what they received. At the end
// of the run the ledgers of all threads are reconciled, message by message.
//
// A stream is everything that one client sends to another client; its messages have numbers from 0. The two ends of a
// stream may be in different ledgers. In a run without faults each end of a stream costs some 200 bytes, however long
// the stream is.
#pragma once

#include <cassert>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "loadgen/measure/interval_set.h"
#include "loadgen/measure/result.h"
#include "onehop/client_types.h"

namespace onehop::loadgen {

using Stream = uint64_t;
constexpr Stream stream_of(uint32_t sender, uint32_t recipient) {
  return Stream{sender} << 32 | recipient;
}
constexpr uint32_t sender_of(Stream stream) {
  return static_cast<uint32_t>(stream >> 32);
}
constexpr uint32_t recipient_of(Stream stream) {
  return static_cast<uint32_t>(stream);
}

class Ledger {
 public:
  // --- As a sender. Returns the number of the stream's next message, which counts as sent from now on.
  uint32_t next_number(Stream stream) {
    Sent& sent = sent_of(stream);
    assert(sent.count < uint32_t{1} << 31);
    ++sent_;
    return sent.count++;
  }
  // Notes the outcome of one message. reconcile() checks that kDelivered and kAdmitted are true. Returns false if the
  // message already had an outcome.
  bool told(Stream stream, uint32_t number, client::Outcome outcome);
  // Does the same for all numbers from first to last.
  void told_all(Stream stream, uint32_t first, uint32_t last, client::Outcome outcome);

  // --- As a recipient.
  enum class Arrival : uint8_t { kNext, kEarly, kLate, kDuplicate };
  // kEarly: an earlier message has not arrived so far. kLate: the message fills such a gap.
  Arrival received(Stream stream, uint32_t number) {
    Received& received = received_of(stream);
    if (number != received.next) return received_out_of_turn(received, number);
    ++received.next;
    ++delivered_;
    return Arrival::kNext;
  }
  void count_corrupted() { ++corrupted_; }
  void count_misdirected() { ++misdirected_; }

  // The connection of a client broke. Missing messages from and to this client are unknown from now on, and not
  // unexplained.
  void broke(uint32_t client);

  // Running totals: messages sent; messages delivered, each once; messages whose senders were told rejected, expired,
  // lost, unknown or not sent.
  uint64_t sent() const { return sent_; }
  uint64_t delivered() const { return delivered_; }
  uint64_t told_otherwise() const { return told_otherwise_; }
  uint64_t corrupted() const { return corrupted_; }
  uint64_t misdirected() const { return misdirected_; }

  // `promised` is the least that a sender must have been told of each delivered message: kNotSent for nothing,
  // kAdmitted (which kDelivered satisfies too), or kDelivered. `is_slow` says whether a client reads slowly; messages
  // to such a client that are refused, expire or wait are provoked.
  static Account reconcile(const std::vector<const Ledger*>& ledgers, client::Outcome promised,
                           const std::function<bool(uint32_t)>& is_slow = nullptr);

 private:
  struct Otherwise {
    IntervalSet rejected, expired, lost, unknown, not_sent;  // As the sender was told.
  };
  struct Sent {
    uint32_t count = 0;
    IntervalSet admitted, delivered;       // As the sender was told.
    std::unique_ptr<Otherwise> otherwise;  // Most of the millions of streams have none of these.
  };
  struct Received {
    uint32_t next = 0;    // One past the highest number that arrived.
    IntervalSet missing;  // Numbers below `next` that did not arrive.
    uint64_t duplicates = 0;
    uint64_t late = 0;
  };

  // The accounts of a stream. The last one is remembered, since messages come in batches.
  Sent& sent_of(Stream stream) {
    if (stream != last_sent_stream_ || last_sent_ == nullptr) {
      last_sent_ = &sent_streams_[stream];
      last_sent_stream_ = stream;
    }
    return *last_sent_;
  }
  Received& received_of(Stream stream) {
    if (stream != last_received_stream_ || last_received_ == nullptr) {
      last_received_ = &received_streams_[stream];
      last_received_stream_ = stream;
    }
    return *last_received_;
  }
  Arrival received_out_of_turn(Received& received, uint32_t number);

  static void judge_stream(const Sent& sent, const Received& received, bool one_broke, client::Outcome promised,
                           Account& account);

  absl::flat_hash_map<Stream, Sent> sent_streams_;
  absl::flat_hash_map<Stream, Received> received_streams_;
  // Adding an entry moves the others, but then the added entry becomes the last one.
  Stream last_sent_stream_ = 0, last_received_stream_ = 0;
  Sent* last_sent_ = nullptr;
  Received* last_received_ = nullptr;
  std::vector<bool> broken_;  // By the index of the client.
  uint64_t sent_ = 0, delivered_ = 0, told_otherwise_ = 0;
  uint64_t corrupted_ = 0, misdirected_ = 0;
};

}  // namespace onehop::loadgen
