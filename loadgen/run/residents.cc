// See the header.
#include "loadgen/run/residents.h"

#include <algorithm>

#include "loadgen/measure/quantity.h"
#include "loadgen/run/beats.h"
#include "loadgen/run/clock.h"

namespace onehop::loadgen {
namespace {

// Connecting faster than this only fills the listener's queue.
constexpr size_t kConnectsAtOnce = 256;

}  // namespace

Residents::Residents(ClientHost& host, const Plan& plan, uint32_t thread) : plan_(plan), by_index_(plan.stays()) {
  for (uint32_t index = 0; index < plan.stays(); ++index) {
    if (plan.thread_of(index) != thread) continue;
    clients_.push_back(std::make_unique<Client>(host, index, plan.receives(index), plan.is_slow(index)));
    Client* const client = clients_.back().get();
    by_index_[index] = client;
    if (plan.sends(index)) senders_.push_back(client);
    if (plan.only_rests(index)) resting_.push_back(client);
    if (plan.sends(index) || plan.is_echo()) speakers_.push_back(client);
  }
}

Client& Residents::next_sender(Random& random) {
  size_t turn = next_sender_++ % senders_.size();
  if (plan_.settings().arrivals == ArrivalKind::kPoisson) turn = random.below(static_cast<uint32_t>(senders_.size()));
  return *senders_[turn];
}

void Residents::connect_more(uint64_t now_ns) {
  // A system without names joins connections in their order, so they are made one after the other.
  const size_t at_once = plan_.driver().routes_by_name() ? kConnectsAtOnce : 1;
  size_t begun_max = clients_.size();
  if (const uint64_t rate = plan_.settings().connect_rate; rate != 0) {
    if (connecting_since_ns_ == 0) connecting_since_ns_ = now_ns;
    const double passed_s = static_cast<double>(now_ns - connecting_since_ns_) * 1e-9;
    begun_max = static_cast<size_t>(passed_s * static_cast<double>(rate) / plan_.settings().threads) + 1;
  }
  while (connects_begun_ < std::min(clients_.size(), begun_max) && connects_begun_ - ready_ < at_once) {
    connect_next(loadgen::now_ns());
  }
}

void Residents::keep_some_alive(uint64_t now_ns) {
  const uint64_t ticks = std::max<uint64_t>(plan_.settings().keepalive_ms * kMs / 8 / Beats::kTickNs, 1);
  for (uint64_t count = clients_.size() / ticks + 1; count != 0 && !clients_.empty(); --count) {
    clients_[next_kept_alive_++ % clients_.size()]->keep_alive(now_ns);
  }
}

void Residents::ask_what_was_taken() {
  for (Client* speaker : speakers_) speaker->ask_what_was_taken();
}

size_t Residents::untold() const {
  size_t untold = 0;
  for (const Client* speaker : speakers_) untold += speaker->sender().untold();
  return untold;
}

void Residents::read_freely() {
  for (const auto& client : clients_) client->read_freely();
}

void Residents::ask_for_life(uint64_t now_ns) {
  for (Client* client : resting_) client->ask_for_life(now_ns);
}

size_t Residents::silent() const {
  const auto is_silent = [](const Client* client) { return client->is_silent(); };
  return static_cast<size_t>(std::count_if(resting_.begin(), resting_.end(), is_silent));
}

void Residents::give_up_waiting() {
  for (const auto& client : clients_) client->give_up_waiting();
}

void Residents::leave(uint64_t now_ns) {
  for (const auto& client : clients_) client->leave(now_ns);
}

}  // namespace onehop::loadgen
