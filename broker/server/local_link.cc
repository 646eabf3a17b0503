// LocalLink: see the header.
#include "server/local_link.h"

#include <algorithm>
#include <utility>

namespace onehop::server {

using client::Outcome;
using client::SendStatus;
using core::Instant;

namespace {

// A time that is too far away is never.
Instant later(Instant now, uint64_t ms) {
  return ms < Instant::never() - now ? now + ms : Instant::never();
}

}  // namespace

LocalLink::LocalLink(LocalHost& host, core::ShardInputs& shard, uint32_t frame_bytes_max, LocalClientOptions options,
                     LocalClientEvents& events)
    : host_(&host),
      home_(host.index()),
      batch_bytes_max_(std::max(options.batch_bytes_max, 1u)),
      frame_bytes_max_(frame_bytes_max),
      endpoint_(shard, std::move(options), events) {}

SendStatus LocalLink::send(std::string_view to, std::string_view payload, const client::SendOptions& options,
                           uint64_t* ticket) {
  if (in_event()) return send_in_event(to, payload, options, ticket);
  const std::lock_guard lock(mutex_);
  if (closed_) return SendStatus::kClosed;
  if (ordered_.bodies.size() >= batch_bytes_max_) {
    met_full_orders_ = true;
    return SendStatus::kWouldBlock;
  }
  const bool to_client = options.destination == client::Destination::kClient;
  if (to_client && !pauses_.empty() && pauses_.contains(to)) {
    met_pause_ = true;
    return SendStatus::kWouldBlock;
  }
  has_messages_.store(true, std::memory_order_release);
  const uint64_t number = last_ticket_.fetch_add(1, std::memory_order_acq_rel) + 1;
  const SendStatus status = put_into_orders(number, to, payload, options);
  if (status == SendStatus::kAccepted && ticket != nullptr) *ticket = number;
  // Also if it was not accepted, because the shard may have seen has_messages_, and waits for the message.
  if (!std::exchange(woken_, true)) host_->wake(shared_from_this());
  return status;
}

SendStatus LocalLink::put_into_orders(uint64_t number, std::string_view to, std::string_view payload,
                                      const client::SendOptions& options) {
  const size_t before = ordered_.bodies.size();
  if (!local::Endpoint::append_message(number, to, payload, options, ordered_.bodies)) return SendStatus::kInvalid;
  const size_t size = ordered_.bodies.size() - before;
  if (local::Endpoint::frame_bytes(size) > frame_bytes_max_) {
    ordered_.bodies.resize(before);
    return SendStatus::kTooLarge;
  }
  ordered_.list.push_back({number, size});
  return SendStatus::kAccepted;
}

SendStatus LocalLink::send_in_event(std::string_view to, std::string_view payload, const client::SendOptions& options,
                                    uint64_t* ticket) {
  if (closed_ || !endpoint_.accepts()) return SendStatus::kClosed;
  const uint64_t number = last_ticket_.fetch_add(1, std::memory_order_acq_rel) + 1;
  if (has_messages_.load(std::memory_order_acquire)) submit_until(number);
  host_->turn_again(*this);
  const bool overtakes = !all_submitted() && taken_.list[next_message_].ticket < number;
  const SendStatus status =
      overtakes ? SendStatus::kWouldBlock : endpoint_.send(number, to, payload, options, host_->now());
  if (status == SendStatus::kWouldBlock) met_block_ = true;
  if (status == SendStatus::kAccepted && ticket != nullptr) *ticket = number;
  return status;
}

void LocalLink::acknowledge(client::DeliveryTag tag, bool up_to) {
  give({.tag = tag, .up_to = up_to});
}

void LocalLink::refuse(client::DeliveryTag tag, const client::Refusal& refusal) {
  give({.tag = tag,
        .refused = std::string(refusal.text),
        .code = refusal.code,
        .retry_after_ms = refusal.retry_after_ms});
}

void LocalLink::give(Verdict verdict) {
  if (in_event()) {
    // The host no longer knows one that has ended.
    if (ended_here_) return;
    carry_out(verdict);
    return host_->turn_again(*this);
  }
  order([&] { verdicts_.push_back(std::move(verdict)); });
}

// In an event it holds for the next message already.
void LocalLink::set_reading(bool reading) {
  const bool at_once = in_event() && !ended_here_;
  if (at_once) endpoint_.set_reading(reading);
  order([&] { reading_ = reading; });
}

void LocalLink::close(uint64_t deadline_ms) {
  order([&] {
    closed_ = true;
    close_ms_ = deadline_ms;
  });
}

void LocalLink::detach() {
  const std::lock_guard no_event(events_mutex_);
  endpoint_.mute();
  order([&] { closed_ = detached_ = true; });
}

// Notes what the program wants, and wakes the shard for it.
template <typename Change>
void LocalLink::order(Change change) {
  const std::lock_guard lock(mutex_);
  if (ended_) return;
  change();
  if (!std::exchange(woken_, true)) host_->wake(shared_from_this());
}

void LocalLink::start() {
  order([] {});
}

void LocalLink::turn() {
  const std::lock_guard telling(events_mutex_);
  if (!std::exchange(begun_, true)) endpoint_.begin({reinterpret_cast<uint64_t>(this) | 1}, host_->now());
  take_orders();
  const bool room = endpoint_.deliver(host_->now());
  if (endpoint_.is_over()) return end();
  submit_until(UINT64_MAX);
  if (has_room_again(room)) endpoint_.tell_room();
  const bool all_sent = all_submitted() && !has_messages_.load(std::memory_order_relaxed);
  endpoint_.say(all_sent, host_->now());
  if (endpoint_.waits_for_turn()) host_->turn_again(*this);
}

void LocalLink::take_orders() {
  std::vector<Verdict> verdicts;
  bool detached;
  {
    const std::lock_guard lock(mutex_);
    woken_ = false;
    verdicts.swap(verdicts_);
    if (reading_) endpoint_.set_reading(*std::exchange(reading_, {}));
    if (close_ms_) endpoint_.close(*close_ms_ == 0 ? Instant::never() : later(host_->now(), *close_ms_));
    close_ms_.reset();
    detached = detached_;
    if (!endpoint_.accepts()) closed_ = true;
  }
  for (const Verdict& verdict : verdicts) carry_out(verdict);
  if (detached) endpoint_.abandon(host_->now());
}

void LocalLink::carry_out(const Verdict& verdict) {
  if (verdict.refused) {
    return endpoint_.refuse(verdict.tag, {*verdict.refused, verdict.code, verdict.retry_after_ms});
  }
  if (verdict.up_to) return endpoint_.acknowledge_up_to(verdict.tag);
  endpoint_.acknowledge(verdict.tag);
}

// Submits what was sent outside of events, up to this ticket, as far as there is room.
void LocalLink::submit_until(uint64_t ticket) {
  for (;;) {
    if (all_submitted()) {
      if (!has_messages_.load(std::memory_order_acquire)) return;
      taken_.list.clear();
      taken_.bodies.clear();
      next_message_ = next_body_ = 0;
      const std::lock_guard lock(mutex_);
      std::swap(taken_, ordered_);
      has_messages_ = false;
      if (taken_.list.empty()) return;
    }
    const Message& message = taken_.list[next_message_];
    if (message.ticket > ticket) return;
    const core::Bytes body(taken_.bodies.data() + next_body_, message.size);
    const SendStatus status = endpoint_.submit(message.ticket, body, host_->now());
    if (status != SendStatus::kAccepted) return;
    ++next_message_;
    next_body_ += message.size;
  }
}

// Whether somebody who was told kWouldBlock may try again.
bool LocalLink::has_room_again(bool endpoint_has_room) {
  bool again = endpoint_has_room && std::exchange(met_block_, false);
  if (all_submitted() && met_full_orders_.exchange(false)) again = true;
  if (pauses_version_ == endpoint_.pauses_version()) return again;
  pauses_version_ = endpoint_.pauses_version();
  const std::lock_guard lock(mutex_);
  pauses_ = endpoint_.pauses();
  return met_pause_.exchange(false) || again;
}

void LocalLink::cut() {
  const std::lock_guard telling(events_mutex_);
  {
    const std::lock_guard lock(mutex_);
    closed_ = ended_ = true;
  }
  endpoint_.link_closed();
  if (begun_ && !ended_here_) endpoint_.deliver(host_->now());
  end();
}

void LocalLink::end() {
  if (std::exchange(ended_here_, true)) return;
  {
    const std::lock_guard lock(mutex_);
    closed_ = ended_ = true;
  }
  submit_until(0);
  do {
    for (; !all_submitted(); ++next_message_) {
      endpoint_.tell_outcome({.ticket = taken_.list[next_message_].ticket, .outcome = Outcome::kNotSent});
    }
    submit_until(0);
  } while (!all_submitted());
  endpoint_.end();
}

}  // namespace onehop::server
