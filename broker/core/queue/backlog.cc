// Backlog: see the header.
#include "core/queue/backlog.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace onehop::core {
namespace {

// Messages up to this size share blocks: an allocation for each took a sixth of what confirmed delivery costs.
constexpr size_t kSharedBytesMax = 1 << 10;
// Blocks grow from what a few messages need to what makes an allocation rare.
constexpr size_t kBlockBytesMin = 1 << 10;
constexpr size_t kBlockBytesMax = 16 << 10;
// A block may hold so many times the bytes that are still wanted of it, before those are copied out of it.
constexpr size_t kPinnedTimesMax = 4;
// Room for so many entries is kept while the client is there; what is beyond is given back once a quarter is enough.
constexpr size_t kEntriesKept = 1'024;

// Whether a block holds the message's stamp and its body, and nothing else: one copy for all subscribers of a topic.
bool has_own_block(const RoutedMessage& m) {
  return m.owner != nullptr && m.from_stamp.data() == m.owner->data() &&
         m.body.data() == m.from_stamp.data() + m.from_stamp.size() &&
         m.owner->capacity() == m.from_stamp.size() + m.body.size();
}

}  // namespace

Backlog::~Backlog() {
  totals_.spare_bytes -= spare_bytes_;
}

Backlog::Entry& Backlog::add(const RoutedMessage& m, Instant deadline) {
  const size_t capacity = entries_.capacity();
  const size_t block_bytes = block_bytes_;
  Entry& entry = entries_.emplace_back();
  entry.tag = ++last_tag_;
  entry.sender = m.sender;
  entry.id = m.scanned.id;
  entry.from_session = m.from_session;
  entry.deadline = deadline;
  entry.stamp_size = static_cast<uint16_t>(m.from_stamp.size());
  entry.body_size = static_cast<uint32_t>(m.body.size());
  entry.frame_bytes = m.frame_bytes;
  entry.confirmed = m.confirmed();
  if (char* bytes = take_room(entry, m)) {
    std::memcpy(bytes, m.from_stamp.data(), m.from_stamp.size());
    std::memcpy(bytes + m.from_stamp.size(), m.body.data(), m.body.size());
  }
  count_unsent(entry);
  if (deadline >= latest_deadline_) {
    latest_deadline_ = deadline;
  } else {
    entry.early = true;
    early_.push(deadline, entry.tag);
  }
  earliest_deadline_ = std::min(earliest_deadline_, deadline);
  if (capacity != entries_.capacity() || block_bytes != block_bytes_) count_spare();
  return entry;
}

// Returns where to copy the message to. Null: there is nothing to copy, because a large message lies in a block of its
// own, to which the entry now refers.
char* Backlog::take_room(Entry& entry, const RoutedMessage& m) {
  if (entry.size() > kSharedBytesMax && has_own_block(m)) {
    entry.block = BufferRef(m.owner);
    entry.owns_block = true;
    block_bytes_ += entry.size();
    return nullptr;
  }
  if (entry.size() > kSharedBytesMax) {
    entry.block = Buffer::allocate(entry.size());
    entry.owns_block = true;
    block_bytes_ += entry.size();
    return entry.block->data();
  }
  const bool unused = block_ && block_->references() == 1;
  if (unused) block_used_ = 0;
  if (!block_ || block_->capacity() - block_used_ < entry.size()) {
    const size_t capacity = block_ ? std::min(2 * block_->capacity(), kBlockBytesMax) : kBlockBytesMin;
    if (unused) block_bytes_ -= block_->capacity();
    block_ = Buffer::allocate(capacity);
    block_bytes_ += capacity;
    block_used_ = 0;
  }
  entry.block = block_;
  entry.begin = static_cast<uint32_t>(block_used_);
  block_used_ += entry.size();
  return block_->data() + entry.begin;
}

// A block of its own may be referred to by a connection's queue, which counts it too.
void Backlog::release_block(Entry& entry) {
  if (!entry.block) return;
  if (entry.owns_block || entry.block->references() == 1) block_bytes_ -= entry.block->capacity();
  entry.block.reset();
}

// A few that stay open long must not keep the blocks of all that came with them.
void Backlog::unshare(Entry& entry) {
  if (!entry.block || entry.block.get() == block_.get()) return;
  if (entry.block->capacity() <= kPinnedTimesMax * entry.size() * entry.block->references()) return;
  BufferRef own = Buffer::allocate(entry.size());
  std::memcpy(own->data(), entry.stamp().data(), entry.size());
  release_block(entry);
  entry.block = std::move(own);
  entry.owns_block = true;
  entry.begin = 0;
  block_bytes_ += entry.size();
}

void Backlog::free_memory() {
  drop_holes();
  entries_.shrink_to_fit();
  if (entries_.empty() && block_) {
    block_bytes_ -= block_->capacity();
    block_.reset();
  }
  if (early_.empty()) early_.free_memory();
  find_next_unsent();
  count_spare();
}

void Backlog::count_spare() {
  const size_t held = sizeof *this + entries_.capacity() * sizeof(Entry) + block_bytes_ + early_.held_bytes();
  const size_t spare = held - unsent_bytes_ - open_weight_;
  totals_.spare_bytes += spare - spare_bytes_;
  spare_bytes_ = spare;
}

void Backlog::count_unsent(const Entry& entry) {
  unsent_bytes_ += entry.weight();
  totals_.queued_bytes += entry.weight();
  totals_.waiting_bytes += entry.weight();
}

void Backlog::uncount_unsent(const Entry& entry) {
  unsent_bytes_ -= entry.weight();
  totals_.queued_bytes -= entry.weight();
  totals_.waiting_bytes -= entry.weight();
}

void Backlog::count_open(const Entry& entry) {
  ++open_;
  open_bytes_ += entry.frame_bytes;
  open_weight_ += entry.weight();
  totals_.open_bytes += entry.weight();
}

void Backlog::uncount_open(const Entry& entry) {
  --open_;
  open_bytes_ -= entry.frame_bytes;
  open_weight_ -= entry.weight();
  totals_.open_bytes -= entry.weight();
}

void Backlog::move_to_open(Entry& entry) {
  uncount_unsent(entry);
  entry.state = State::kSent;
  count_open(entry);
}

void Backlog::mark_sent() {
  Entry& entry = next_unsent();
  move_to_open(entry);
  entry.attempted = true;
  highest_sent_ = std::max(highest_sent_, entry.tag);
  if (!entry.confirmed) settle(entry);
  find_next_unsent();
}

size_t Backlog::position_of(uint64_t tag) const {
  if (first_ == entries_.size() || tag <= entries_[first_].tag) return first_;
  // Until holes are closed, tags are dense.
  const uint64_t ahead = tag - entries_[first_].tag;
  if (ahead < entries_.size() - first_ && entries_[first_ + ahead].tag == tag) return first_ + ahead;
  const auto begin = entries_.begin() + static_cast<ptrdiff_t>(first_);
  const auto found = std::lower_bound(begin, entries_.end(), tag,
                                      [](const Entry& entry, uint64_t wanted) { return entry.tag < wanted; });
  return static_cast<size_t>(found - entries_.begin());
}

Backlog::Entry* Backlog::find_open(uint64_t tag) {
  const size_t at = position_of(tag);
  return at < entries_.size() && entries_[at].tag == tag && entries_[at].open() ? &entries_[at] : nullptr;
}

void Backlog::settle(Entry& entry) {
  assert(entry.state != State::kSettled);
  if (entry.state == State::kUnsent) {
    uncount_unsent(entry);
  } else {
    uncount_open(entry);
  }
  entry.state = State::kSettled;
  entry.after_holes = static_cast<uint32_t>(&entry - entries_.data()) + 1;
  release_block(entry);
  ++settled_;
}

void Backlog::expire(Entry& entry) {
  // What was sent once and waits to be sent again need not be: nobody is left who wants it.
  if (entry.state == State::kUnsent) return settle(entry);
  open_weight_ -= entry.size();
  totals_.open_bytes -= entry.size();
  entry.state = State::kExpired;
  release_block(entry);
}

// Each hole on the way learns where the walk ended.
size_t Backlog::past_known_holes(size_t at) {
  size_t end = at;
  while (end < entries_.size() && entries_[end].state == State::kSettled) end = entries_[end].after_holes;
  while (at < end) at = std::exchange(entries_[at].after_holes, static_cast<uint32_t>(end));
  return end;
}

void Backlog::close_holes() {
  first_ = past_holes(first_);
  constexpr size_t kFewEntries = 32;
  if (settled_ == entries_.size() || (settled_ >= kFewEntries && settled_ >= entries_.size() / 2)) drop_holes();
  find_next_unsent();
  count_spare();
}

void Backlog::drop_holes() {
  if (settled_ != 0) std::erase_if(entries_, [](const Entry& entry) { return entry.state == State::kSettled; });
  first_ = settled_ = next_unsent_ = next_to_expire_ = 0;
  early_.clear();
  if (entries_.capacity() > kEntriesKept && entries_.size() < entries_.capacity() / 4) {
    entries_.shrink_to_fit();
    early_.free_memory();
  }
  latest_deadline_ = {};
  for (Entry& entry : entries_) {
    unshare(entry);
    if (!waits(entry)) continue;
    entry.early = entry.deadline < latest_deadline_;
    if (entry.early) early_.push(entry.deadline, entry.tag);
    latest_deadline_ = std::max(latest_deadline_, entry.deadline);
  }
}

void Backlog::find_next_unsent() {
  next_unsent_ = past_holes(next_unsent_);
  while (next_unsent_ < entries_.size() && entries_[next_unsent_].state != State::kUnsent) {
    next_unsent_ = past_holes(next_unsent_ + 1);
  }
}

void Backlog::find_next_to_expire() {
  next_to_expire_ = past_holes(next_to_expire_);
  while (next_to_expire_ < entries_.size() && (entries_[next_to_expire_].early || !waits(entries_[next_to_expire_]))) {
    next_to_expire_ = past_holes(next_to_expire_ + 1);
  }
}

void Backlog::find_earliest_deadline() {
  earliest_deadline_ = next_to_expire_ < entries_.size() ? entries_[next_to_expire_].deadline : Instant::never();
  if (!early_.empty()) earliest_deadline_ = std::min(earliest_deadline_, early_.earliest());
}

void Backlog::rewind(uint64_t received_up_to) {
  for (size_t i = past_holes(first_); i < entries_.size(); i = past_holes(i + 1)) {
    Entry& entry = entries_[i];
    if (entry.tag <= received_up_to) {
      // Waited to be sent again to another process, which did not say that it had received it.
      if (entry.state == State::kUnsent && entry.attempted) move_to_open(entry);
      continue;
    }
    if (entry.state != State::kSent && entry.state != State::kExpired) continue;
    // Nobody who lives has received it, so nobody will settle an expired one.
    if (entry.state == State::kExpired) {
      settle(entry);
      continue;
    }
    uncount_open(entry);
    entry.state = State::kUnsent;
    count_unsent(entry);
    next_unsent_ = std::min(next_unsent_, i);
  }
  close_holes();
}

}  // namespace onehop::core
