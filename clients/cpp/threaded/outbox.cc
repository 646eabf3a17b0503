// See the header.
#include "client/threaded/outbox.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "client/threaded/once.h"

namespace onehop::client {
namespace {

// Destinations that are remembered although nothing is open for them: most are used again.
constexpr size_t kDestinationsKept = 1'024;
// What may be settled before senders are told, within one turn.
constexpr uint64_t kMuchBytes = 256 << 10;

}  // namespace

void Bodies::grow(size_t size) {
  const size_t capacity = std::max({kBytesMin, 2 * capacity_, size_ + size});
  std::unique_ptr<char[]> grown(new char[capacity]);
  std::copy_n(data_.get(), size_, grown.get());
  data_ = std::move(grown);
  capacity_ = capacity;
}

void Batch::clear() {
  bodies.clear();
  sends.clear();
  has_unconfirmed = false;
  verdicts.clear();
  flushes.clear();
  renewal.reset();
  wishes.clear();
  end.reset();
}

Outbox::Outbox(Client::Limits limits)
    : limits_{std::max<uint64_t>(limits.destination_bytes_max, 1), std::max<uint64_t>(limits.total_bytes_max, 1)},
      much_(std::min({kMuchBytes, limits.destination_bytes_max / 4, limits.total_bytes_max / 4})),
      forget_at_(kDestinationsKept) {}

SendStatus Outbox::enter(std::string_view to, const BodyWriter& body, const SendOptions& options, uint64_t wait_ms,
                         SendCompletion& completion, bool& call) {
  std::unique_lock lock(mutex_);
  if (closed_) return SendStatus::kClosed;
  DestinationAccount* destination = &find(to);
  if (!has_room(*destination)) {
    const SendStatus status = wait_for_room(lock, to, wait_ms);
    if (status != SendStatus::kAccepted) return status;
    destination = &find(to);
  }
  OpenSend& send = batch_.sends.emplace_back();
  send.destination = destination;
  send.body_bytes = static_cast<uint32_t>(body.size());
  send.unknown_patience_ms = options.unknown_patience_ms;
  send.completion = std::move(completion);
  if (options.confirm == Confirm::kRefusals) batch_.has_unconfirmed = true;
  body.write(batch_.bodies.append(body.size()));
  destination->bytes += send.cost();
  total_ += send.cost();
  accepted_.store(accepted_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  call = rouse();
  return SendStatus::kAccepted;
}

SendStatus Outbox::wait_for_room(std::unique_lock<std::mutex>& lock, std::string_view to, uint64_t wait_ms) {
  const auto may_go_on = [&] { return closed_ || has_room(find(to)); };
  if (wait_ms != 0) {
    ++waiting_;
    if (wait_ms >= kLongestWaitMs) {
      room_.wait(lock, may_go_on);
    } else {
      room_.wait_for(lock, std::chrono::milliseconds(wait_ms), may_go_on);
    }
    --waiting_;
  }
  if (closed_) return SendStatus::kClosed;
  DestinationAccount& destination = find(to);
  if (has_room(destination)) return SendStatus::kAccepted;
  want_room(destination);
  return SendStatus::kWouldBlock;
}

void Outbox::want_room(DestinationAccount& destination) {
  if (destination.bytes >= limits_.destination_bytes_max) destination.wanted = true;
  if (total_ >= limits_.total_bytes_max) total_wanted_ = true;
}

DestinationAccount& Outbox::find(std::string_view to) {
  if (last_ != nullptr && last_->first == to) return last_->second;
  auto found = destinations_.find(to);
  if (found == destinations_.end()) {
    if (destinations_.size() >= forget_at_) forget_idle_destinations();
    found = destinations_.try_emplace(std::string(to)).first;
  }
  last_ = &*found;
  return last_->second;
}

void Outbox::forget_idle_destinations() {
  last_ = nullptr;
  std::erase_if(destinations_, [](const auto& entry) { return entry.second.bytes == 0; });
  forget_at_ = std::max(kDestinationsKept, 2 * destinations_.size());
}

size_t Outbox::destinations() {
  const std::lock_guard lock(mutex_);
  return destinations_.size();
}

void Outbox::end(const EndOrder& order, bool& call) {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  if (!std::exchange(ending_, true)) {
    batch_.end = order;
    call = rouse();
  }
  room_.notify_all();
}

uint64_t Outbox::unsettled() const {
  const uint64_t settled = settled_.load(std::memory_order_acquire);
  return accepted_.load(std::memory_order_relaxed) - settled;
}

void Outbox::close(Batch& rest) {
  const std::lock_guard lock(mutex_);
  closed_ = ending_ = over_ = true;
  std::swap(rest, batch_);
  room_.notify_all();
}

bool Outbox::take(Batch& batch) {
  const std::lock_guard lock(mutex_);
  awake_ = !batch_.is_empty();
  if (awake_) std::swap(batch, batch_);
  return awake_;
}

bool Outbox::rouse_self() {
  const std::lock_guard lock(mutex_);
  return rouse();
}

void Outbox::settle(const OpenSend& send) {
  if (send.destination->settled_bytes == 0) touched_.push_back(send.destination);
  send.destination->settled_bytes += send.cost();
  settled_bytes_ += send.cost();
  settled_.store(settled_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

bool Outbox::settle_up() {
  if (touched_.empty()) return false;
  const std::lock_guard lock(mutex_);
  total_ -= std::exchange(settled_bytes_, 0);
  bool told = false;
  for (DestinationAccount* destination : touched_) {
    destination->bytes -= std::exchange(destination->settled_bytes, 0);
    if (destination->wanted && has_room(*destination)) told = true, destination->wanted = false;
  }
  touched_.clear();
  if (total_wanted_ && total_ < limits_.total_bytes_max) told = true, total_wanted_ = false;
  if (waiting_ != 0) room_.notify_all();
  return told;
}

}  // namespace onehop::client
