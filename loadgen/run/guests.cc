// See the header.
#include "loadgen/run/guests.h"

#include <algorithm>
#include <utility>

#include "loadgen/run/clock.h"
#include "loadgen/run/host.h"
#include "reactor/descriptor_limit.h"

namespace onehop::loadgen {
namespace {

size_t room_for_guests(const Plan& plan) {
  const uint64_t taken = plan.stays() + kDescriptorsElse;
  const uint64_t limit = reactor::descriptor_limit();
  return limit <= taken ? 1 : static_cast<size_t>(limit - taken) / plan.settings().threads;
}

size_t wanted_guests(const Plan& plan, uint32_t thread) {
  if (!plan.counts_connects()) return 0;
  const uint32_t threads = plan.settings().threads;
  return plan.settings().window / threads + (thread < plan.settings().window % threads ? 1 : 0);
}

}  // namespace

Guests::Guests(ClientHost& host, const Plan& plan, uint32_t thread, ThreadSchedule& schedule, Random& random)
    : host_(host),
      plan_(plan),
      schedule_(schedule),
      random_(random),
      next_index_(plan.stays() + thread),
      room_(room_for_guests(plan)),
      at_once_(wanted_guests(plan, thread)) {}

void Guests::invite(uint64_t intended_ns) {
  schedule_.take_one();
  waiting_.push_back(intended_ns);
  admit();
}

void Guests::keep_connecting(uint64_t now_ns) {
  for (size_t missing = at_once_ - std::min(at_once_, present_.size()); missing != 0 && schedule_.has_left();
       --missing) {
    invite(now_ns);
  }
}

void Guests::admit() {
  while (!waiting_.empty() && present_.size() < room_) {
    const bool sends = !plan_.counts_connects();
    auto guest = std::make_unique<Client>(host_, next_index_, !sends, false);
    Client* const client = guest.get();
    present_.emplace(client, std::move(guest));
    const uint64_t intended_ns = waiting_.front();
    waiting_.pop_front();
    if (sends) {
      Wanted wanted;
      wanted.recipient = plan_.recipient_of(next_index_, 0, random_);
      wanted.intended_ns = intended_ns;
      wanted.payload_bytes = static_cast<uint32_t>(plan_.settings().sizes->draw(random_));
      host_.recorder().note_wanted(intended_ns, plan_.is_slow(wanted.recipient), true);
      client->want(wanted, now_ns());
    }
    next_index_ += plan_.settings().threads;
    client->connect(intended_ns);
  }
}

void Guests::on_ready(Client& guest) {
  if (plan_.counts_connects()) return guest.leave_at_once(now_ns());
  guest.pump(now_ns());
  if (plan_.driver().tells()) return guest.ask_what_was_taken();
  guest.leave(now_ns());
}

void Guests::on_down(Client& guest, bool was_ready) {
  if (plan_.counts_connects() && !was_ready && guest.was_never_open()) host_.recorder().note_unopened();
  guest.give_up_waiting();
  guest.drop();
}

void Guests::on_gone(Client& guest) {
  auto owner = present_.extract(&guest);
  gone_.push_back(std::move(owner.mapped()));
}

void Guests::dismiss(uint64_t now_ns) {
  for (; !waiting_.empty(); waiting_.pop_front()) {
    if (plan_.counts_connects()) {
      host_.recorder().note_unopened();
      continue;
    }
    const uint32_t recipient = plan_.recipient_of(next_index_, 0, random_);
    const Stream stream = stream_of(next_index_, recipient);
    host_.recorder().note_wanted(waiting_.front(), plan_.is_slow(recipient), true);
    host_.ledger().told(stream, host_.ledger().next_number(stream), Outcome::kNotSent);
    next_index_ += plan_.settings().threads;
  }
  // Leaving may take a guest out of the map.
  std::vector<Client*> all;
  for (const auto& [client, owner] : present_) all.push_back(client);
  for (Client* client : all) {
    if (plan_.counts_connects() && client->was_never_open()) host_.recorder().note_unopened();
    client->give_up_waiting();
    client->leave(now_ns);
  }
}

}  // namespace onehop::loadgen
