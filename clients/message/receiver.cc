// See the header.
#include "message/receiver.h"

#include <algorithm>
#include <utility>

#include "core/base/limits.h"
#include "core/base/utf8.h"

namespace onehop::client {
namespace {

// Of an Ack frame, for what is not refusals and ranges: the frame's own bytes, up_to, receipts_up_to and session.
constexpr size_t kAckOverheadBytes = 64;
constexpr size_t kAckBytesMax = core::kControlFrameBytesMax - kAckOverheadBytes;
// The most that one of them may take, besides a refusal's text.
constexpr size_t kRangeBytesMax = 24;
constexpr size_t kRefusalBytesMax = 40;

}  // namespace

void Receiver::begin(uint64_t session) {
  *this = Receiver();
  session_ = session;
}

bool Receiver::receive(uint64_t tag, core::Instant expired_at) {
  if (tag <= received_up_to_) return false;
  received_up_to_ = tag;
  open_.push_back({tag, expired_at, false});
  return true;
}

core::Instant Receiver::open_until() const {
  core::Instant until;
  for (size_t i = first_; i < open_.size(); ++i) {
    if (!open_[i].settled) until = std::max(until, open_[i].expired_at);
  }
  return until;
}

Receiver::Delivery* Receiver::find_open(uint64_t tag) {
  if (first_ == open_.size() || tag > open_.back().tag) return nullptr;
  Delivery* found = &open_.back();
  if (tag == open_[first_].tag) {
    found = &open_[first_];
  } else if (tag != found->tag) {
    found = &*std::lower_bound(open_.begin() + static_cast<ptrdiff_t>(first_), open_.end(), tag,
                               [](const Delivery& delivery, uint64_t wanted) { return delivery.tag < wanted; });
  }
  return found->tag == tag && !found->settled ? found : nullptr;
}

void Receiver::settle(Delivery& delivery) {
  delivery.settled = true;
  ++settled_;
  drop_settled();
}

// Those in front; and those between open ones when they are many, so that memory is bounded by what is open.
void Receiver::drop_settled() {
  const size_t before = first_;
  while (first_ != open_.size() && open_[first_].settled) ++first_;
  if (first_ != before) {
    settled_ -= first_ - before;
    settled_up_to_ = first_ == open_.size() ? received_up_to_ : open_[first_].tag - 1;
  }
  constexpr size_t kFew = 64;
  if (first_ == open_.size()) {
    open_.clear();
    first_ = 0;
  } else if (first_ + settled_ > std::max(kFew, open_.size() / 2)) {
    open_.erase(open_.begin(), open_.begin() + static_cast<ptrdiff_t>(first_));
    std::erase_if(open_, [](const Delivery& delivery) { return delivery.settled; });
    first_ = settled_ = 0;
  }
}

void Receiver::take(DeliveryTag tag) {
  if (!is_about_this_session(tag)) return;
  Delivery* delivery = find_open(tag.tag);
  if (delivery == nullptr) return;
  if (delivery != &open_[first_]) taken_.push_back(tag.tag);
  settle(*delivery);
}

void Receiver::take_up_to(DeliveryTag tag) {
  if (!is_about_this_session(tag)) return;
  for (size_t i = first_; i < open_.size() && open_[i].tag <= tag.tag; ++i) {
    if (!std::exchange(open_[i].settled, true)) ++settled_;
  }
  drop_settled();
}

void Receiver::refuse(DeliveryTag tag, const Refusal& refusal) {
  if (!is_about_this_session(tag)) return;
  Delivery* delivery = find_open(tag.tag);
  if (delivery == nullptr) return;
  // What is not UTF-8 would make the whole frame unreadable.
  const bool readable = core::is_valid_utf8(refusal.text);
  const core::Bytes text = readable ? core::cut_utf8(refusal.text, core::kRefusalTextBytesMax) : core::Bytes();
  refusals_.push_back({tag.tag, std::string(text), refusal.code, refusal.retry_after_ms});
  settle(*delivery);
}

bool Receiver::has_news() const {
  return told_ != refusals_.size() || settled_up_to_ > told_up_to_ || !taken_.empty() || next_range_ != ranges_.size();
}

void Receiver::tell(v1::Ack& ack) {
  tell(ack, kAckBytesMax);
}

void Receiver::tell(v1::Ack& ack, size_t bytes_max) {
  size_t bytes = 0;
  for (; told_ != refusals_.size(); ++told_) {
    const KeptRefusal& refusal = refusals_[told_];
    bytes += kRefusalBytesMax + refusal.text.size();
    if (bytes > bytes_max) return;
    v1::Refusal& out = *ack.add_refused();
    out.set_delivery_tag(refusal.tag);
    out.set_text(refusal.text);
    out.set_code(refusal.code);
    out.set_retry_after_ms(refusal.retry_after_ms);
  }
  told_up_to_ = settled_up_to_;
  ack.set_up_to(told_up_to_);
  gather_ranges();
  for (; next_range_ != ranges_.size(); ++next_range_) {
    const Range& range = ranges_[next_range_];
    if (range.last <= told_up_to_) continue;
    bytes += kRangeBytesMax;
    if (bytes > bytes_max) return;
    v1::Range& out = *ack.add_taken();
    out.set_first(range.first);
    out.set_last(range.last);
  }
  ranges_.clear();
  next_range_ = 0;
}

// Puts what was taken out of order together: a range may run over everything that is not open.
void Receiver::gather_ranges() {
  std::sort(taken_.begin(), taken_.end());
  size_t next_open = first_;
  for (const uint64_t tag : taken_) {
    if (tag <= told_up_to_) continue;
    const bool goes_on = next_range_ != ranges_.size() && tag > ranges_.back().last &&
                         (next_open == open_.size() || open_[next_open].tag > tag);
    if (goes_on) {
      ranges_.back().last = tag;
      continue;
    }
    ranges_.push_back({tag, tag});
    // The first open delivery above it.
    const auto above =
        std::upper_bound(open_.begin() + static_cast<ptrdiff_t>(first_), open_.end(), tag,
                         [](uint64_t wanted, const Delivery& delivery) { return wanted < delivery.tag; });
    next_open = static_cast<size_t>(above - open_.begin());
    while (next_open != open_.size() && open_[next_open].settled) ++next_open;
  }
  taken_.clear();
}

// Everything that was taken above the first open delivery.
void Receiver::list_all_ranges() {
  taken_.clear();
  ranges_.clear();
  next_range_ = 0;
  uint64_t before = 0;
  for (size_t i = first_; i != open_.size(); ++i) {
    if (open_[i].settled) continue;
    if (before != 0 && open_[i].tag - before > 1) ranges_.push_back({before + 1, open_[i].tag - 1});
    before = open_[i].tag;
  }
  if (before != 0 && before != received_up_to_) ranges_.push_back({before + 1, received_up_to_});
}

void Receiver::tell_in(v1::Connect& connect) {
  told_ = pinged_ = 0;
  ping_ = told_up_to_ = 0;
  list_all_ranges();
  connect.set_received_up_to(received_up_to_);
  if (!has_news()) return;
  v1::Ack& ack = *connect.mutable_ack();
  ack.set_session(session_);
  const size_t used = connect.ByteSizeLong() + kAckOverheadBytes;
  tell(ack, used < core::kControlFrameBytesMax ? core::kControlFrameBytesMax - used : 0);
}

void Receiver::resumed() {
  // All that was told since the connection began stood in its connect.
  forget_refusals(told_);
}

void Receiver::on_pong(uint64_t nonce) {
  if (ping_ == 0 || nonce < ping_) return;
  ping_ = 0;
  forget_refusals(pinged_);
}

void Receiver::forget_refusals(size_t count) {
  refusals_.erase(refusals_.begin(), refusals_.begin() + static_cast<ptrdiff_t>(count));
  told_ -= count;
  pinged_ = 0;
}

}  // namespace onehop::client
