// Accepting messages and getting them into the stream; what comes back is in sender_outcomes.cc.
#include "client/sender.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace onehop::client {
namespace {

// What a held message costs beyond its body, for the limits.
constexpr uint64_t kHeldOverheadBytes = 64;
// Messages that one destination sends before the next ready one has its turn.
constexpr int kTurnMessages = 32;

uint64_t held_cost(const std::string& body) {
  return body.size() + kHeldOverheadBytes;
}

}  // namespace

SendStatus Sender::send(core::Bytes to, core::Bytes payload, const SendOptions& options, uint64_t* ticket) {
  if (!accepting_) return SendStatus::kClosed;
  const BodyWriter body(to, payload, options);
  if (!body.valid()) return SendStatus::kInvalid;
  if (body.size() > kBodyBytesMax) return SendStatus::kTooLarge;
  const bool confirmed = options.confirm != Confirm::kRefusals;
  const Address address{to, options.destination};
  Hold* hold = find_hold(address);
  const uint64_t frame_bytes = FrameSize(log_.next_id(), body.size()).frame_bytes;
  if (open_ && too_large(frame_bytes, confirmed)) return SendStatus::kTooLarge;
  if (hold == nullptr && open_ && !has_to_prove(address)) {
    if (!stream_has_room(frame_bytes, confirmed)) return SendStatus::kWouldBlock;
    body.write(append_new(body.size(), confirmed, options.unknown_patience_ms));
  } else {
    if (!hold_has_room(hold)) {
      wanted_room_in_hold_ = true;
      return SendStatus::kWouldBlock;
    }
    std::string bytes(body.size(), '\0');
    body.write(bytes.data());
    wait_in(hold_for(address), {.ticket = ++last_ticket_,
                                .body = std::move(bytes),
                                .patience_ms = options.unknown_patience_ms,
                                .confirmed = confirmed});
  }
  ++unsettled_;
  if (ticket != nullptr) *ticket = last_ticket_;
  return SendStatus::kAccepted;
}

SendStatus Sender::send_encoded(core::Bytes body, bool may_refuse, uint32_t unknown_patience_ms, uint64_t* ticket) {
  if (!accepting_) return SendStatus::kClosed;
  if (body.empty()) return SendStatus::kInvalid;
  if (body.size() > kBodyBytesMax) return SendStatus::kTooLarge;
  const Address to = destination_of(body);
  const bool confirmed = is_confirmed(body);
  const uint64_t frame_bytes = FrameSize(log_.next_id(), body.size()).frame_bytes;
  const bool waits = !may_refuse || !open_ || find_hold(to) != nullptr || has_to_prove(to);
  if (!waits && !too_large(frame_bytes, confirmed)) {
    if (!stream_has_room(frame_bytes, confirmed)) return SendStatus::kWouldBlock;
    std::copy_n(body.data(), body.size(), append_new(body.size(), confirmed, unknown_patience_ms));
  } else {
    // The pump moves it on at once if nothing is in its way.
    wait_in(hold_for(to), {.ticket = ++last_ticket_,
                           .body = std::string(body),
                           .patience_ms = unknown_patience_ms,
                           .confirmed = confirmed});
  }
  ++unsettled_;
  if (ticket != nullptr) *ticket = last_ticket_;
  return SendStatus::kAccepted;
}

// Whether a message that nothing of its destination waits before may go into the stream; notes that it wants to if not.
bool Sender::stream_has_room(uint64_t frame_bytes, bool confirmed) {
  if (!log_has_room()) {
    wanted_room_in_log_ = true;
    return false;
  }
  if (!confirmed || (window_waiters_.empty() && window_has_room(frame_bytes))) return true;
  wanted_window_bytes_ = wanted_room_in_window_ ? std::min(wanted_window_bytes_, frame_bytes) : frame_bytes;
  wanted_room_in_window_ = true;
  return false;
}

// The next message of the stream; returns where its body goes.
char* Sender::append_new(size_t body_bytes, bool confirmed, uint32_t patience_ms) {
  if (!confirmed) last_unconfirmed_id_ = log_.next_id();
  return log_.append_message(++last_ticket_, body_bytes, {patience_ms, confirmed, false});
}

bool Sender::log_has_room() const {
  return log_.unsent_bytes() < options_.unsent_bytes_max && log_.kept_bytes() < options_.in_flight_bytes_max &&
         log_.messages() < options_.in_flight_messages_max;
}

bool Sender::window_has_room(uint64_t frame_bytes) const {
  return log_.confirmed() + unacked_outcomes_ < terms_.send_window &&
         log_.confirmed_bytes() + frame_bytes <= terms_.send_window_bytes;
}

bool Sender::too_large(uint64_t frame_bytes, bool confirmed) const {
  return frame_bytes > terms_.frame_bytes_max || (confirmed && frame_bytes > terms_.send_window_bytes);
}

bool Sender::hold_has_room(const Hold* hold) const {
  return (hold == nullptr || hold->waiting_bytes < options_.waiting_bytes_max) &&
         waiting_bytes_ < options_.waiting_bytes_total_max;
}

Sender::Hold* Sender::find_hold(const Address& to) {
  if (holds_.empty()) return nullptr;
  const auto found = holds_.find(to);
  return found == holds_.end() ? nullptr : &found->second;
}

Sender::Hold& Sender::hold_for(const Address& to) {
  if (Hold* hold = find_hold(to)) return *hold;
  const auto [place, inserted] = holds_.try_emplace(HoldKey{std::string(to.name), to.kind});
  place->second.key = &place->first;
  place->second.proof.wanted = place->second.probe = has_to_prove(to);
  make_ready(place->second);
  return place->second;
}

void Sender::wait_in(Hold& hold, Held held) {
  const uint64_t cost = held_cost(held.body);
  hold.waiting_bytes += cost;
  waiting_bytes_ += cost;
  note_patience(hold, held.patience_ms);
  hold.waiting.push_back(std::move(held));
}

void Sender::leave(Hold& hold, const Held& held) {
  hold.waiting_bytes -= held_cost(held.body);
  waiting_bytes_ -= held_cost(held.body);
  hold_made_room_ = true;
}

void Sender::close_hold(Hold& hold, uint32_t retry_after_ms, core::Instant now) {
  hold.phase = Hold::Phase::kClosed;
  hold.resumed = false;
  hold.until = std::max(hold.until, now + retry_after_ms);
  due_ = std::min(due_, hold.until);
}

void Sender::try_to_open(Hold& hold, core::Instant now) {
  if (hold.phase == Hold::Phase::kReady || hold.barrier > passed_nonce_) return;
  if (hold.phase == Hold::Phase::kClosed) {
    if (!hold.resumed && now < hold.until) return;
    // After a lease without RESUME the recipient may well be as full as before: one message finds out.
    hold.probe = !hold.resumed || hold.proof.wanted;
  } else if (hold.proof.wanted) {
    if (hold.proof.probe_id != 0) {
      prove(hold);
    } else {
      hold.probe = true;
    }
  }
  take_back_refused(hold);
  make_ready(hold);
}

void Sender::make_ready(Hold& hold) {
  hold.phase = Hold::Phase::kReady;
  if (hold.listed) return;
  hold.listed = true;
  ready_.push_back(&hold);
}

void Sender::take_back_refused(Hold& hold) {
  if (hold.refused.empty()) return;
  const auto earlier = [](const Held& a, const Held& b) { return a.ticket < b.ticket; };
  std::sort(hold.refused.begin(), hold.refused.end(), earlier);
  for (const Held& held : hold.refused) {
    hold.waiting_bytes += held_cost(held.body);
    waiting_bytes_ += held_cost(held.body);
  }
  const bool all_earlier = hold.waiting.empty() || earlier(hold.refused.back(), hold.waiting.front());
  const auto refused = static_cast<std::ptrdiff_t>(hold.refused.size());
  hold.waiting.insert(hold.waiting.begin(), std::make_move_iterator(hold.refused.begin()),
                      std::make_move_iterator(hold.refused.end()));
  hold.refused.clear();
  // What waits to be repeated since a resume may have been accepted before what a lost session brings back.
  if (!all_earlier) {
    std::inplace_merge(hold.waiting.begin(), hold.waiting.begin() + refused, hold.waiting.end(), earlier);
  }
}

// Whether the first message of a ready hold is none that the send window stops.
bool Sender::fits_window(const Hold& hold) const {
  if (hold.phase != Hold::Phase::kReady || !hold.next_is_confirmed()) return true;
  const uint64_t frame_bytes = FrameSize(log_.next_id(), hold.waiting.front().body.size()).frame_bytes;
  return too_large(frame_bytes, true) || window_has_room(frame_bytes);
}

// Takes the hold whose turn it is out of its list; nullptr: there is none that could send now.
Sender::Hold* Sender::next_ready() {
  while (!window_waiters_.empty() && fits_window(*window_waiters_.front())) {
    Hold* hold = window_waiters_.front();
    window_waiters_.pop_front();
    hold->listed = false;
    if (hold->phase == Hold::Phase::kReady) return hold;
  }
  while (!ready_.empty()) {
    Hold* hold = ready_.front();
    ready_.pop_front();
    hold->listed = false;
    if (hold->phase != Hold::Phase::kReady) continue;
    if (fits_window(*hold) && (window_waiters_.empty() || !hold->next_is_confirmed())) return hold;
    hold->listed = true;
    window_waiters_.push_back(hold);
  }
  return nullptr;
}

void Sender::pump() {
  while (open_ && log_has_room()) {
    Hold* hold = next_ready();
    if (hold == nullptr) return;
    send_from(*hold);
  }
}

void Sender::send_from(Hold& hold) {
  if (std::exchange(hold.gate_closed, false)) append_resume(hold.key->name);
  const bool probing = std::exchange(hold.probe, false) && !hold.waiting.empty();
  const int turn = probing ? 1 : kTurnMessages;
  int sent = 0;
  while (sent != turn && !hold.waiting.empty() && log_has_room() && fits_window(hold)) {
    // Where others wait for the window, each has one message at a time.
    if (sent != 0 && hold.next_is_confirmed() && !window_waiters_.empty()) break;
    const Held held = std::move(hold.waiting.front());
    hold.waiting.pop_front();
    leave(hold, held);
    if (append_held(held)) ++sent;
  }
  if (probing && sent != 0) {
    hold.phase = Hold::Phase::kProbing;
    hold.proof.probe_id = log_.next_id() - 1;
    hold.barrier = wanted_barrier_ = last_nonce_ + 1;
    next_barrier_ = std::min(next_barrier_, hold.barrier);
  } else if (!hold.waiting.empty()) {
    hold.probe = probing;
    make_ready(hold);
  } else {
    holds_.erase(holds_.find(*hold.key));
  }
}

bool Sender::append_held(const Held& held) {
  if (too_large(FrameSize(log_.next_id(), held.body.size()).frame_bytes, held.confirmed)) {
    settle_held(held, Outcome::kRejected, Reason::kTooLarge);
    return false;
  }
  if (!held.confirmed) last_unconfirmed_id_ = log_.next_id();
  const SendLog::Traits traits{held.patience_ms, held.confirmed, held.maybe_repeated};
  std::copy_n(held.body.data(), held.body.size(), log_.append_message(held.ticket, held.body.size(), traits));
  return true;
}

void Sender::append_resume(const std::string& name) {
  v1::Frame frame;
  frame.mutable_flow()->set_client(name);
  frame.mutable_flow()->set_state(v1::STATE_RESUME);
  append_frame(frame);
}

void Sender::append_frame(const v1::Frame& frame) {
  const size_t size = frame.ByteSizeLong();
  char* out = core::write_varint(log_.append(core::varint_size(size) + size), size);
  frame.SerializeToArray(out, static_cast<int>(size));
}

uint64_t Sender::append_ping() {
  v1::Frame frame;
  frame.mutable_ping()->set_nonce(++last_nonce_);
  append_frame(frame);
  last_barrier_id_ = log_.next_id() - 1;
  barriers_.push_back({last_nonce_, last_barrier_id_});
  return last_nonce_;
}

bool Sender::wants_barrier() const {
  if (!barriers_.empty()) return false;
  return wanted_barrier_ > last_nonce_ ||
         (log_.messages() != log_.confirmed() && last_unconfirmed_id_ > last_barrier_id_);
}

size_t Sender::output(std::span<std::string_view> pieces) {
  if (streaming_) {
    pump();
    if (wants_barrier()) append_ping();
  }
  return log_.gather(pieces);
}

void Sender::on_written(size_t size) {
  log_.on_written(size);
  log_.tidy();
}

void Sender::receipts_acked() {
  owes_receipts_ack_ = false;
  unacked_outcomes_ = 0;
}

void Sender::tell_room() {
  // What waits comes before what has not been accepted yet.
  pump();
  const bool in_log = wanted_room_in_log_ && log_has_room();
  const bool in_window = wanted_room_in_window_ && window_waiters_.empty() && window_has_room(wanted_window_bytes_);
  const bool in_hold = wanted_room_in_hold_ && hold_made_room_;
  hold_made_room_ = false;
  if (!in_log && !in_window && !in_hold) return;
  wanted_room_in_log_ = wanted_room_in_window_ = wanted_room_in_hold_ = false;
  events_.on_room();
}

}  // namespace onehop::client
