// The accounts of one thread: what its clients sent and were told, and what they received. At the end of the run the
// ledgers of all threads are reconciled, message by message.
//
// A stream is all that one client sends to another; its messages are numbered from 0. The two ends of a stream may be
// in different ledgers. In a run without faults a stream costs some 200 bytes at each end, however long it is.
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
  // --- As a sender.
  // The number of the stream's next message, which counts as sent from here on.
  uint32_t next_number(Stream stream) {
    Sent& sent = sent_of(stream);
    assert(sent.count < uint32_t{1} << 31);
    ++sent_;
    return sent.count++;
  }
  // The outcome of one of them. kDelivered and kAdmitted are promises that reconcile() checks. False: it was told
  // before.
  bool told(Stream stream, uint32_t number, client::Outcome outcome);
  // The same of all numbers from first to last.
  void told_all(Stream stream, uint32_t first, uint32_t last, client::Outcome outcome);

  // --- As a recipient.
  enum class Arrival : uint8_t { kNext, kEarly, kLate, kDuplicate };
  // kEarly: something before it has not arrived (so far). kLate: it fills such a gap.
  Arrival received(Stream stream, uint32_t number) {
    Received& received = received_of(stream);
    if (number != received.next) return received_out_of_turn(received, number);
    ++received.next;
    ++delivered_;
    return Arrival::kNext;
  }
  void count_corrupted() { ++corrupted_; }
  void count_misdirected() { ++misdirected_; }

  // A client's connection broke: what is missing of its streams, either way, is unknown instead of unexplained.
  void broke(uint32_t client);

  // Running totals: messages sent, delivered (each once), and told rejected, expired, lost, unknown or not sent.
  uint64_t sent() const { return sent_; }
  uint64_t delivered() const { return delivered_; }
  uint64_t told_otherwise() const { return told_otherwise_; }
  uint64_t corrupted() const { return corrupted_; }
  uint64_t misdirected() const { return misdirected_; }

  // `promised`: the least that senders must have been told of each delivered message: kNotSent for nothing, kAdmitted
  // (either that or kDelivered), or kDelivered. `is_slow`: whether a client reads slowly; what is refused, expires or
  // waits on its way to one of those is provoked.
  static Account reconcile(const std::vector<const Ledger*>& ledgers, client::Outcome promised,
                           const std::function<bool(uint32_t)>& is_slow = nullptr);

 private:
  struct Otherwise {
    IntervalSet rejected, expired, lost, unknown, not_sent;  // Told so.
  };
  struct Sent {
    uint32_t count = 0;
    IntervalSet admitted, delivered;       // Told so.
    std::unique_ptr<Otherwise> otherwise;  // Apart, since most streams have none of these and there may be millions.
  };
  struct Received {
    uint32_t next = 0;    // One past the highest that came.
    IntervalSet missing;  // Below it.
    uint64_t duplicates = 0;
    uint64_t late = 0;
  };

  // The accounts of a stream; those of the last one are at hand, since messages come in batches.
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
  // An entry moves when another is added, which makes that one the last.
  Stream last_sent_stream_ = 0, last_received_stream_ = 0;
  Sent* last_sent_ = nullptr;
  Received* last_received_ = nullptr;
  std::vector<bool> broken_;  // By client.
  uint64_t sent_ = 0, delivered_ = 0, told_otherwise_ = 0;
  uint64_t corrupted_ = 0, misdirected_ = 0;
};

}  // namespace onehop::loadgen
