// What one recipient's session still owes an end to: messages that want an acknowledgement, from their admission until
// they are settled, and whatever has to wait behind them or for the client to come back. One order for all of it.
//
//   entries   | settled … open, sent | unsent …            |
//             first                   next_unsent           end
//
// Invariant: tags rise from entry to entry; every entry before `next_unsent` was written to a connection's queue, or is
// settled; that entry, and every one behind it that is not settled, waits for the window, for room or for the client.
// Settled entries are holes, which are closed when they are many. What waits and what is open is counted in the shard's
// totals as well (Counters::queued_bytes and open_bytes).
#pragma once

#include <cstdint>
#include <vector>

#include "core/buffer.h"
#include "core/counters.h"
#include "core/ids.h"
#include "core/instant.h"
#include "core/routed_message.h"

namespace onehop::core {

class Backlog {
 public:
  enum class State : uint8_t {
    kUnsent,
    kSent,     // Its tag is open.
    kExpired,  // Sent, and its sender was told EXPIRED; the tag keeps its place in the window until it is settled.
    kSettled,
  };
  struct Entry {
    uint64_t tag = 0;
    Origin sender;
    uint64_t id = 0;
    uint64_t from_session = 0;
    Instant deadline;
    BufferRef block;     // It holds the sender's stamp, then its body; small ones share it.
    uint32_t begin = 0;  // Where in the block.
    uint32_t body_size = 0;
    uint32_t frame_bytes = 0;  // Of the sender's frame: what both windows count.
    uint16_t stamp_size = 0;
    State state = State::kUnsent;
    bool confirmed = false;  // Wants an ack. Others are forgotten once they are sent.
    bool attempted = false;  // Written to a connection's queue at least once.

    Bytes stamp() const { return {block->data() + begin, stamp_size}; }
    Bytes body() const { return {block->data() + begin + stamp_size, body_size}; }
    size_t size() const { return stamp_size + body_size; }
    // As it came, as far as its recipient gets to see it; holds as long as the block.
    RoutedMessage message() const {
      RoutedMessage as_it_came;
      as_it_came.sender = sender;
      as_it_came.from_session = from_session;
      as_it_came.frame_bytes = frame_bytes;
      as_it_came.from_stamp = stamp();
      as_it_came.scanned.id = id;
      as_it_came.body = body();
      as_it_came.owner = block.get();
      return as_it_came;
    }
    // What it takes of the broker's memory.
    size_t weight() const { return (state == State::kExpired ? 0 : size()) + sizeof(Entry); }
    // Whether a verdict on its tag means something: it was sent, on this connection or on one before.
    bool open() const {
      return state == State::kSent || state == State::kExpired || (state == State::kUnsent && attempted);
    }
  };

  explicit Backlog(Counters& totals) : totals_(totals) {}
  Backlog(const Backlog&) = delete;
  Backlog& operator=(const Backlog&) = delete;

  // The next entry, unsent. It stays where it is until the next call that adds or settles.
  Entry& add(const RoutedMessage& message, Instant deadline);

  bool has_unsent() const { return next_unsent_ != entries_.size(); }
  size_t unsent_bytes() const { return unsent_bytes_; }
  // At most; some of them may have been settled meanwhile.
  size_t unsent() const { return entries_.size() - next_unsent_; }
  Entry& next_unsent() { return entries_[next_unsent_]; }
  // The first unsent entry was written to the connection's queue. Unconfirmed, it is forgotten.
  void mark_sent();

  // Tags that are open, and the sum of their senders' frames: what the receive window counts.
  uint32_t open() const { return open_; }
  size_t open_bytes() const { return open_bytes_; }
  // What they take of the broker's memory.
  size_t open_weight() const { return open_weight_; }
  // The highest tag that was ever sent.
  uint64_t highest_sent() const { return highest_sent_; }
  // Nothing open and nothing unsent.
  bool empty() const { return open_ == 0 && !has_unsent(); }
  // The earliest deadline of all that can still expire; perhaps earlier than the truth.
  Instant earliest_deadline() const { return earliest_deadline_; }

  // Visits the open entries with tags from `first` to `last`, in order; `visit` may settle what it visits.
  template <typename Visit>
  void for_each_open(uint64_t first, uint64_t last, Visit visit) {
    for (size_t i = position_of(first); i < entries_.size() && entries_[i].tag <= last; ++i) {
      if (entries_[i].open()) visit(entries_[i]);
    }
  }
  // The open entry with this tag, or nullptr.
  Entry* find_open(uint64_t tag);
  // Frees what the entry holds. Holes are closed by the caller, afterwards. Pointers to entries hold until add or
  // close_holes.
  void settle(Entry& entry);
  // The sender was told; only the tag stays open. An unsent entry is settled at once.
  void expire(Entry& entry);
  // Drops settled entries when they are many.
  void close_holes();
  // Since when the receive window is full and nothing was settled: kept here for the shard, which alone sets it.
  Instant window_full_since = Instant::never();

  // When empty: gives all memory back; tags go on rising.
  void free_memory();

  // The client has come back, having received everything up to this tag: the rest is unsent again.
  void rewind(uint64_t received_up_to);

  // Visits every entry that is not settled, in order; `visit` may settle or expire what it visits.
  template <typename Visit>
  void for_each(Visit visit) {
    for (size_t i = first_; i < entries_.size(); ++i) {
      if (entries_[i].state != State::kSettled) visit(entries_[i]);
    }
  }
  // After a round of expiry: what is left.
  void set_earliest_deadline(Instant deadline) { earliest_deadline_ = deadline; }

 private:
  char* take_room(Entry& entry);
  void unshare(Entry& entry);
  void count_unsent(const Entry& entry);
  void uncount_unsent(const Entry& entry);
  void count_open(const Entry& entry);
  void uncount_open(const Entry& entry);
  void find_next_unsent();
  void move_to_open(Entry& entry);
  // Of the first entry with this tag or a higher one.
  size_t position_of(uint64_t tag) const;

  Counters& totals_;
  std::vector<Entry> entries_;
  BufferRef block_;  // Where small messages are put now.
  size_t block_used_ = 0;
  size_t first_ = 0;
  size_t next_unsent_ = 0;
  size_t settled_ = 0;  // Holes from first_ on.
  size_t unsent_bytes_ = 0;
  size_t open_bytes_ = 0;
  size_t open_weight_ = 0;
  uint32_t open_ = 0;
  uint64_t last_tag_ = 0;
  uint64_t highest_sent_ = 0;
  Instant earliest_deadline_ = Instant::never();
};

}  // namespace onehop::core
