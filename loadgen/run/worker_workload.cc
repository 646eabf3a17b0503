// What a worker has its clients do: messages by the schedule or by the window, answers, guests; and what it makes of
// messages that arrive.
#include <algorithm>
#include <utility>

#include "loadgen/run/worker.h"

namespace onehop::loadgen {
namespace {

// After so many the sockets have their turn again: a schedule that lags must not keep the generator from reading.
constexpr size_t kIssuedInATurn = 4096;
// The clock is read anew after so many.
constexpr size_t kIssuedBetweenClocks = 32;
// What was issued is sent after so many, so that the last of a batch does not wait for the first.
constexpr size_t kIssuedBetweenFlushes = 256;

}  // namespace

bool Worker::has_arrivals() const {
  if (left_ == 0) return false;
  switch (plan_.settings().workload) {
    case Workload::kIdle:
      return false;
    case Workload::kStorm:
      return connects_begun_ < clients_.size();
    case Workload::kChurn:
      return true;
    case Workload::kConnects:
      return plan_.settings().window == 0;
    default:
      return plan_.settings().window == 0 && !senders_.empty();
  }
}

void Worker::issue_due(uint64_t now) {
  const uint64_t until = std::min(now, end_ns_ - 1) - start_ns_;
  const bool at_once = plan_.settings().workload == Workload::kStorm && plan_.settings().rate == 0;
  for (size_t issued = 0; issued < kIssuedInATurn && has_arrivals(); ++issued) {
    const uint64_t due = at_once ? 0 : arrivals_.due_ns();
    if (due > until) return;
    if (at_once || issued % kIssuedBetweenClocks == kIssuedBetweenClocks - 1) now = now_ns();
    if (issued % kIssuedBetweenFlushes == kIssuedBetweenFlushes - 1) flush_all(now);
    // All at once is as fast as this thread can: each is due when it is taken up.
    const uint64_t intended_ns = at_once ? now : start_ns_ + due;
    recorder_.note_lag(intended_ns, now);
    issue(intended_ns, now);
    arrivals_.advance();
  }
}

void Worker::issue(uint64_t intended_ns, uint64_t now) {
  switch (plan_.settings().workload) {
    case Workload::kStorm:
      return clients_[connects_begun_++]->connect(intended_ns);
    case Workload::kChurn:
      ++wanted_;
      ++counted_wanted_;
      return invite_guest(intended_ns);
    case Workload::kConnects:
      return invite_guest(intended_ns);
    default:
      break;
  }
  size_t turn = next_sender_++ % senders_.size();
  if (plan_.settings().arrivals == ArrivalKind::kPoisson) turn = random_.below(static_cast<uint32_t>(senders_.size()));
  send_one(*senders_[turn], intended_ns, now);
}

void Worker::send_one(Client& sender, uint64_t intended_ns, uint64_t now) {
  --left_;
  Wanted wanted;
  wanted.recipient = plan_.recipient_of(sender.index(), recipients_chosen_++, random_);
  wanted.intended_ns = intended_ns;
  wanted.payload_bytes = static_cast<uint32_t>(plan_.settings().sizes->draw(random_));
  ++wanted_;
  ++counted_wanted_;
  recorder_.note_wanted(intended_ns, plan_.is_slow(plan_.is_echo() ? sender.index() : wanted.recipient), true);
  const bool has_room = sender.sender().waiting_bytes() <= waiting_bytes_max_;
  if (has_room || !under_way_.empty()) return sender.want(wanted, now);
  const Stream stream = stream_of(sender.index(), wanted.recipient);
  ledger_.told(stream, ledger_.next_number(stream), Outcome::kNotSent);
  recorder_.note_reason("NOT_SENT", "GENERATOR_QUEUE_FULL", 1);
}

void Worker::fill_window(Client& sender, uint64_t now) {
  if (phase_ != Phase::kRunning || now >= end_ns_) return;
  for (uint32_t& under_way = under_way_[sender.index()]; under_way < plan_.settings().window && left_ != 0;
       ++under_way) {
    send_one(sender, now, now);
  }
}

// So many of the sender's messages are under way no more. Others take their place when all that was read with them has
// been looked at: they are one batch, and timed from when it is written.
void Worker::free_window(Client& sender, uint64_t messages) {
  uint32_t& under_way = under_way_[sender.index()];
  under_way -= static_cast<uint32_t>(std::min<uint64_t>(messages, under_way));
  sender.ask_for_flush();
}

void Worker::before_flush(Client& client) {
  if (under_way_.empty() || is_guest(client) || under_way_[client.index()] >= plan_.settings().window) return;
  if (plan_.sends(client.index())) fill_window(client, now_ns());
}

Bytes Worker::payload_of(const Wanted& wanted, uint32_t sender, uint32_t number, uint64_t now) {
  Stamp stamp;
  stamp.sender = sender;
  stamp.number = number;
  stamp.answers = wanted.answers;
  stamp.intended_ns = wanted.intended_ns;
  stamp.wait_us = wanted.wait_us;
  if (!wanted.answers && now > wanted.intended_ns) {
    stamp.wait_us = static_cast<uint32_t>(std::min<uint64_t>((now - wanted.intended_ns) / 1'000, UINT32_MAX));
  }
  stamper_.write(payload_.data(), wanted.payload_bytes, stamp, wanted.recipient);
  return {payload_.data(), wanted.payload_bytes};
}

void Worker::on_message(Client& client, Bytes payload, const Incoming& incoming, uint64_t arrived_ns) {
  if (phase_ == Phase::kLeaving) return;  // The accounts are closed.
  Stamp stamp;
  switch (stamper_.read(payload, client.index(), plan_.stays(), arrived_ns, stamp)) {
    case Stamper::Found::kCorrupted:
      return ledger_.count_corrupted();
    case Stamper::Found::kMisdirected:
      return ledger_.count_misdirected();
    case Stamper::Found::kGood:
      break;
  }
  const Ledger::Arrival arrival = ledger_.received(stream_of(stamp.sender, client.index()), stamp.number);
  if (arrival == Ledger::Arrival::kDuplicate) return recorder_.note_double(arrived_ns);
  if (plan_.is_echo() && !stamp.answers) return answer(client, stamp, payload.size(), incoming, arrived_ns);
  ++counted_delivered_;
  const uint64_t overdue_ns = arrived_ns > next_tick_ns_ ? arrived_ns - next_tick_ns_ : 0;
  recorder_.note_arrival(stamp.intended_ns, arrived_ns, overdue_ns, client.is_slow());
  const uint32_t asker = plan_.is_echo() ? client.index() : stamp.sender;
  if (under_way_.empty()) {
    if (!client.is_slow()) note_uncorrected(asker, stamp, arrived_ns);
    return;
  }
  const bool ended_by_arrival = plan_.is_echo() || plan_.settings().confirm != Confirm::kDelivered;
  if (ended_by_arrival && by_index_[asker] != nullptr) free_window(*by_index_[asker], 1);
}

// One who waits for each message before sending the next would not have sent this one while an earlier one was awaited.
void Worker::note_uncorrected(uint32_t sender, const Stamp& stamp, uint64_t arrived_ns) {
  if (sender < plan_.stays()) {
    std::atomic<uint64_t>& waits_until = plan_.waits_until(sender);
    if (stamp.written_ns() < waits_until.load(std::memory_order_relaxed)) return;
    waits_until.store(arrived_ns, std::memory_order_relaxed);
  }
  recorder_.note_uncorrected(stamp.intended_ns, stamp.written_ns(), arrived_ns);
}

// The answer carries the times of what it answers, so that they are counted from there.
void Worker::answer(Client& client, const Stamp& stamp, size_t payload_bytes, const Incoming& incoming,
                    uint64_t arrived_ns) {
  Wanted wanted;
  wanted.recipient = stamp.sender;
  wanted.intended_ns = stamp.intended_ns;
  wanted.payload_bytes = static_cast<uint32_t>(payload_bytes);
  wanted.answers = true;
  wanted.wait_us = stamp.wait_us;
  wanted.in_reply_to = incoming.id;
  wanted.in_reply_to_session = incoming.session;
  ++wanted_;
  recorder_.note_wanted(wanted.intended_ns, false, false);
  client.want(wanted, arrived_ns);
}

void Worker::on_settled(Client& client, uint64_t messages) {
  if (is_guest(client)) return client.leave(now_ns());
  const bool ended_by_outcome = plan_.settings().confirm == Confirm::kDelivered && !plan_.is_echo();
  if (!under_way_.empty() && ended_by_outcome) free_window(client, messages);
}

// --- Guests --------------------------------------------------------------------------------------
void Worker::invite_guest(uint64_t intended_ns) {
  --left_;
  guests_waiting_.push_back(intended_ns);
  admit_guests();
}

// As many as are missing now, and no more in this turn: where each fails at once, the sockets have their turn still.
void Worker::keep_connecting(uint64_t now) {
  for (size_t missing = guests_wanted_ - std::min(guests_wanted_, guests_.size()); missing != 0 && left_ != 0;
       --missing) {
    invite_guest(now);
  }
}

void Worker::admit_guests() {
  while (!guests_waiting_.empty() && guests_.size() < guests_max_) {
    const bool sends = !plan_.counts_connects();
    auto guest = std::make_unique<Client>(*this, next_guest_, !sends, false);
    Client* const client = guest.get();
    guests_.emplace(client, std::move(guest));
    const uint64_t intended_ns = guests_waiting_.front();
    guests_waiting_.pop_front();
    if (sends) {
      Wanted wanted;
      wanted.recipient = plan_.recipient_of(next_guest_, 0, random_);
      wanted.intended_ns = intended_ns;
      wanted.payload_bytes = static_cast<uint32_t>(plan_.settings().sizes->draw(random_));
      recorder_.note_wanted(intended_ns, plan_.is_slow(wanted.recipient), true);
      client->want(wanted, now_ns());
    }
    next_guest_ += plan_.settings().threads;
    client->connect(intended_ns);
  }
}

void Worker::on_guest_ready(Client& client) {
  if (plan_.counts_connects()) return client.leave_at_once(now_ns());
  client.pump(now_ns());
  if (plan_.driver().tells()) return client.ask_what_was_taken();
  client.leave(now_ns());
}

// The accounts are about to be closed: whoever has not sent its message never will.
void Worker::dismiss_guests(uint64_t now) {
  for (; !guests_waiting_.empty(); guests_waiting_.pop_front()) {
    if (plan_.counts_connects()) {
      ++recorder_.connections.unopened;
      recorder_.connect_latency.record_never(1);
      continue;
    }
    const uint32_t recipient = plan_.recipient_of(next_guest_, 0, random_);
    const Stream stream = stream_of(next_guest_, recipient);
    recorder_.note_wanted(guests_waiting_.front(), plan_.is_slow(recipient), true);
    ledger_.told(stream, ledger_.next_number(stream), Outcome::kNotSent);
    next_guest_ += plan_.settings().threads;
  }
  std::vector<Client*> all;
  for (const auto& [client, owner] : guests_) all.push_back(client);
  for (Client* client : all) {
    if (plan_.counts_connects()) count_unopened(*client);
    client->give_up_waiting();
    client->leave(now);
  }
}

}  // namespace onehop::loadgen
