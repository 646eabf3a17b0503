// What one recipient's session still owes an end to: messages that want an acknowledgement, from their admission until
// they are settled, and whatever has to wait behind them or for the client to come back. One order for all of it.
//
//   entries   | settled … open, sent | unsent …            |
//             first                   next_unsent           end
//
// Invariant: tags rise from entry to entry; every entry before `next_unsent` was written to a connection's queue, or is
// settled; that entry, and every one behind it that is not settled, waits for the window, for room or for the client.
// Settled entries are holes, which are closed when they are many. A walk never visits them one by one: each hole knows
// the entry behind it, and what a walk has found is kept (as in union-find), so that a client cannot have the same
// holes walked again and again.
//
// Deadlines mostly rise with the tags. Entries for which that holds are expired by one walk along them; the others are
// `early`, and in a heap beside. So a round of expiry costs what it expires, not what waits.
//
// What waits, what is open and what memory is held beyond that is counted in the shard's totals as well
// (Counters::queued_bytes, open_bytes and spare_bytes).
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/buffer.h"
#include "core/base/counters.h"
#include "core/base/deadline_heap.h"
#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/wire/routed_message.h"

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
    // It holds the sender's stamp, then its body. Small messages of this backlog share a block. A large message of a
    // topic may share its block with the backlogs of other recipients.
    BufferRef block;
    union {
      uint32_t begin = 0;    // Where in the block.
      uint32_t after_holes;  // Of a settled entry: a position behind it; all entries in between are settled.
    };
    uint32_t body_size = 0;
    uint32_t frame_bytes = 0;  // Of the sender's frame: what both windows count.
    uint16_t stamp_size = 0;
    State state = State::kUnsent;
    bool confirmed = false;  // Wants an ack. Others are forgotten once they are sent.
    bool attempted = false;  // Written to a connection's queue at least once.
    bool early = false;      // Its deadline is in the heap.
    bool owns_block = false;

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

  explicit Backlog(Counters& totals) : totals_(totals) { count_spare(); }
  Backlog(const Backlog&) = delete;
  Backlog& operator=(const Backlog&) = delete;
  ~Backlog();

  // The next entry, unsent. It stays where it is until the next call that adds or settles.
  Entry& add(const RoutedMessage& message, Instant deadline);

  bool has_unsent() const { return next_unsent_ != entries_.size(); }
  size_t unsent_bytes() const { return unsent_bytes_; }
  // At most; some of them may have been settled meanwhile.
  size_t unsent() const { return entries_.size() - next_unsent_; }
  Entry& next_unsent() { return entries_[next_unsent_]; }
  // The first unsent entry was written to the connection's queue. Unconfirmed, it is forgotten.
  void mark_sent();

  // What its recipient has not settled, and what waits.
  size_t unsettled() const { return entries_.size() - settled_; }

  // Tags that are open, and the sum of their senders' frames: what the receive window counts.
  uint32_t open() const { return open_; }
  size_t open_bytes() const { return open_bytes_; }
  // What they take of the broker's memory.
  size_t open_weight() const { return open_weight_; }
  // The memory it holds beside what is open and unsent: room for what comes, holes, blocks that are partly used.
  size_t spare_bytes() const { return spare_bytes_; }
  // The highest tag that was ever sent.
  uint64_t highest_sent() const { return highest_sent_; }
  // Nothing open and nothing unsent.
  bool empty() const { return open_ == 0 && !has_unsent(); }
  // The earliest deadline of all that can still expire; perhaps earlier than the truth.
  Instant earliest_deadline() const { return earliest_deadline_; }

  // Visits the open entries with tags from `first` to `last`, in order; `visit` may settle what it visits.
  template <typename Visit>
  void for_each_open(uint64_t first, uint64_t last, Visit visit) {
    for (size_t i = past_holes(position_of(first)); i < entries_.size() && entries_[i].tag <= last;
         i = past_holes(i + 1)) {
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
  // Drops settled entries when they are many, and gives back memory that is much more than the rest needs.
  void close_holes();
  // Since when the receive window is full and nothing was settled: kept here for the shard, which alone sets it.
  Instant window_full_since = Instant::never();
  // When what earlier resumes had to look at and to send again will have been paid for. Kept for the shard.
  Instant resumes_paid{};

  // Gives back all memory that is not needed now; tags go on rising.
  void free_memory();

  // The client has come back, having received everything up to this tag: the rest is unsent again.
  void rewind(uint64_t received_up_to);

  // Visits every entry that is not settled, in order; `visit` may settle or expire what it visits.
  template <typename Visit>
  void for_each(Visit visit) {
    for (size_t i = past_holes(first_); i < entries_.size(); i = past_holes(i + 1)) visit(entries_[i]);
  }
  // Visits every entry whose deadline has come, unless it is settled or expired already; `visit` may settle or expire
  // it. None is visited twice.
  template <typename Visit>
  void for_each_due(Instant now, Visit visit) {
    while (!early_.empty() && early_.earliest() <= now) {
      const uint64_t tag = early_.pop();
      const size_t at = position_of(tag);
      if (at < entries_.size() && entries_[at].tag == tag && waits(entries_[at])) visit(entries_[at]);
    }
    for (find_next_to_expire(); next_to_expire_ < entries_.size(); find_next_to_expire()) {
      Entry& entry = entries_[next_to_expire_];
      if (entry.deadline > now) break;
      ++next_to_expire_;
      visit(entry);
    }
    find_earliest_deadline();
  }

 private:
  static bool waits(const Entry& entry) { return entry.state != State::kSettled && entry.state != State::kExpired; }
  // The first entry from `at` on that is not settled.
  size_t past_holes(size_t at) {
    return at < entries_.size() && entries_[at].state == State::kSettled ? past_known_holes(at) : at;
  }
  size_t past_known_holes(size_t at);
  char* take_room(Entry& entry, const RoutedMessage& m);
  void release_block(Entry& entry);
  void unshare(Entry& entry);
  void drop_holes();
  void count_spare();
  void count_unsent(const Entry& entry);
  void uncount_unsent(const Entry& entry);
  void count_open(const Entry& entry);
  void uncount_open(const Entry& entry);
  void find_next_unsent();
  void find_next_to_expire();
  void find_earliest_deadline();
  void move_to_open(Entry& entry);
  // Of the first entry with this tag or a higher one.
  size_t position_of(uint64_t tag) const;

  Counters& totals_;
  std::vector<Entry> entries_;
  BufferRef block_;  // Where small messages are put now.
  size_t block_used_ = 0;
  size_t block_bytes_ = 0;  // Of all blocks: those of entries, and the one in use.
  size_t spare_bytes_ = 0;  // As it is in the totals.
  size_t first_ = 0;
  size_t next_unsent_ = 0;
  size_t next_to_expire_ = 0;  // Every entry before it is settled, expired or early.
  size_t settled_ = 0;
  size_t unsent_bytes_ = 0;
  size_t open_bytes_ = 0;
  size_t open_weight_ = 0;
  uint32_t open_ = 0;
  uint64_t last_tag_ = 0;
  uint64_t highest_sent_ = 0;
  DeadlineHeap early_;
  Instant latest_deadline_;  // Of entries that are not early.
  Instant earliest_deadline_ = Instant::never();
};

}  // namespace onehop::core
