// ServiceOracle: when senders are told to pause, and what must hold when everything has come to rest.
#include <algorithm>

#include "sim/oracle.h"

namespace onehop::sim {
namespace {

// Until another shard knows how an instance is.
constexpr uint64_t kStateToldUsMax = 300'000;

}  // namespace

ServiceOracle::Sender* ServiceOracle::find_sender(uint32_t session, uint32_t service) {
  for (Sender& sender : senders_) {
    if (sender.session == session && sender.service == service) return &sender;
  }
  return nullptr;
}

void ServiceOracle::sent(const SentMessage& sent) {
  Sender* sender = find_sender(sent.sender, sent.service);
  if (sender == nullptr) sender = &senders_.emplace_back(Sender{sent.sender, sent.service});
  sender->largest_frame_bytes = std::max(sender->largest_frame_bytes, sent.frame_bytes);
}

// Whether there may have been no instance with a queue below the mark, as the sender's shard knew when it routed what
// was sent after the last pong.
bool ServiceOracle::all_may_be_over(uint32_t service, const Connection& sender, uint32_t frame_bytes) const {
  uint32_t pong = sender.pongs;
  while (pong != 0 && sender.pings[pong - 1].at_us + kStateToldUsMax > sender.pings[sender.pongs - 1].at_us) --pong;
  if (pong == 0) return true;
  const Ping& ping = sender.pings[pong - 1];
  const std::vector<uint32_t>& all = instances(service);
  return std::none_of(all.begin(), all.end(), [&](uint32_t index) {
    const Session& session = oracle_.session(index);
    const bool was_there = surely_serves(index, service, ping.at_us) && is_quick(session);
    return was_there && oracle_.queued_peak_since(session.name, ping.at) + frame_bytes + kStampBytesMax <
                            oracle_.scenario_.limits.low_mark();
  });
}

void ServiceOracle::flow(uint32_t number, uint32_t service, const v1::Flow& flow, uint64_t written_us,
                         bool was_unblocked) {
  oracle_.step();
  const Session& session = oracle_.session_of(number);
  const std::string name = "service " + services()[service];
  Sender* const sender = find_sender(session.index, service);
  if (sender == nullptr) return oracle_.fail(number, "was told Flow for " + name + ", to which it never sent");
  if (flow.state() == v1::STATE_RESUME) {
    coverage_.add(Provoked::kServiceResume);
    if (sender->pauses == 0 && session.connections.size() == 1) {
      return oracle_.fail(number, "was told RESUME for " + name + " without PAUSE before");
    }
    if (sender->pauses != 0) --sender->pauses;
    sender->paused = false;
    return;
  }
  coverage_.add(Provoked::kServicePause);
  if (flow.state() != v1::STATE_PAUSE || flow.retry_after_ms() == 0)
    return oracle_.fail(number, "a Flow for " + name + " makes no sense");
  if (!all_may_be_over(service, oracle_.connection(number), sender->largest_frame_bytes)) {
    return oracle_.fail(number, "was told PAUSE for " + name + ", of which an instance had little to do");
  }
  const uint64_t lease_us = uint64_t{sender->pause_lease_ms} * kUsPerMs;
  // A RESUME is lost with its connection.
  if (sender->paused && sender->pause_connection == number && sender->pause_was_unblocked &&
      written_us + kEarlySlackUs < sender->pause_written_us + lease_us) {
    return oracle_.fail(number, "was told PAUSE for " + name + " twice within one lease");
  }
  ++sender->pauses;
  sender->paused = true;
  sender->pause_was_unblocked = was_unblocked;
  sender->pause_connection = number;
  sender->pause_written_us = written_us;
  sender->pause_lease_ms = flow.retry_after_ms();
}

void ServiceOracle::check_lost(const SentMessage& sent) {
  const Session& sender = oracle_.session(sent.sender);
  const std::string what = oracle_.describe(sent) + " to " + oracle_.where(sent);
  bool had_instance = false;
  for (const uint32_t index : instances(sent.service)) {
    const Session& session = oracle_.session(index);
    const bool may_have_moved = may_have_left(index, sent);
    if (!may_have_moved && !may_serve(index, sent.service, sent.sent_at)) continue;
    had_instance = true;
    const bool waited = sent.ttl_ms < 2'000 || session.lazy;
    const bool is_expired = waited && sent.sent_us + sent.ttl_ms * kUsPerMs <= oracle_.now_us();
    if (!may_have_moved && !oracle_.is_broken(session) && !is_expired) continue;
    coverage_.add(Provoked::kLost);
    return;
  }
  oracle_.fail(sender,
               what + (had_instance ? " was admitted and has vanished" : ", which nobody serves, was not refused"));
}

// Whoever is there has been told that all shards know what it serves.
void ServiceOracle::check_answers() {
  for (const Request& request : requests_) {
    const Session& session = oracle_.session(request.session);
    if (request.answered_at != kNever || session.connection != request.connection || oracle_.is_broken(session))
      continue;
    return oracle_.fail(session, "has no answer about service " + services()[request.service]);
  }
}

void ServiceOracle::check_released() {
  for (const Sender& sender : senders_) {
    const Session& session = oracle_.session(sender.session);
    if (!sender.paused || oracle_.is_broken(session)) continue;
    const auto senders = std::count_if(senders_.begin(), senders_.end(),
                                       [&sender](const Sender& other) { return other.service == sender.service; });
    if (senders > oracle_.scenario_.limits.senders_max) continue;
    const std::vector<uint32_t>& all = instances(sender.service);
    const bool is_served = std::any_of(all.begin(), all.end(), [this, &sender](uint32_t index) {
      return surely_serves(index, sender.service, oracle_.now_us()) && !oracle_.is_broken(oracle_.session(index));
    });
    if (is_served) {
      return oracle_.fail(session, "was told PAUSE for service " + services()[sender.service] + ", and never RESUME");
    }
  }
}

void ServiceOracle::check_at_rest() {
  if (oracle_.going_down()) return;
  check_answers();
  check_released();
}

}  // namespace onehop::sim
