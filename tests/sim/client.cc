// Client: its life from wake to wake.
#include "sim/client.h"

#include <algorithm>

#include "sim/wire.h"
#include "sim/world.h"

namespace onehop::sim {
namespace {

constexpr size_t kOutboxBytesMax = 96 << 10;
constexpr uint64_t kGiveUpUs = 8'000'000;

}  // namespace

Client::Client(World& world, uint32_t number)
    : world_(world), number_(number), random_(world.random.fork()), wake_at_us_(0) {
  wake_at_us_ = UINT64_MAX;
  sleep_until(random_.between(1, 5'000));
}

void Client::sleep_until(uint64_t at_us) {
  at_us = std::max(at_us, world_.now_us() + 1);
  if (at_us >= wake_at_us_) return;
  wake_at_us_ = at_us;
  world_.events.add(at_us, Event::Kind::kClient, number_);
}

void Client::poke(uint32_t link) {
  if (link != connection_ || state_ == State::kAway) return;
  const uint64_t soon = world_.now_us() + random_.between(1, world_.scenario.client_delay_us_max);
  sleep_until(std::max({soon, frozen_until_us_}));
}

void Client::wake() {
  if (world_.now_us() != wake_at_us_) return;
  wake_at_us_ = UINT64_MAX;
  const uint64_t now_us = world_.now_us();
  if (now_us < frozen_until_us_) return sleep_until(frozen_until_us_);
  if (state_ == State::kAway) {
    if (world_.ending && !comes_back_) return;
    if (now_us < next_at_us_) return sleep_until(next_at_us_);
    return connect();
  }
  if (stuck_since_us_ != UINT64_MAX &&
      now_us - stuck_since_us_ + 10'000 >= world_.scenario.limits.frame_deadline_ms * 1000ull) {
    world_.oracle.connection(connection_).deserve(v1::CODE_PROTOCOL_ERROR);
  }
  if (now_us >= deaf_until_us_) read();
  if (state_ == State::kAway) return;
  if (now_us >= give_up_at_us_) return break_off();
  if (now_us >= next_at_us_) {
    step();
    if (state_ == State::kAway) return;
    next_at_us_ = now_us + random_.between(1, world_.scenario.step_us_max);
  }
  push();
  plan_sleep();
}

void Client::plan_sleep() {
  if (state_ == State::kAway) return;
  uint64_t at_us = next_at_us_;
  if (state_ == State::kMute) at_us = UINT64_MAX;
  const core::Bytes readable = world_.network.readable(connection_);
  if (!readable.empty() || world_.network.at_end(connection_)) {
    at_us = std::min(at_us, std::max(deaf_until_us_, world_.now_us() + 1'000));
  }
  at_us = std::max(std::min(at_us, give_up_at_us_), frozen_until_us_);
  if (at_us != UINT64_MAX) sleep_until(at_us);
}

void Client::push() {
  if (outbox_.empty()) return;
  const size_t size = world_.network.send(connection_, outbox_);
  world_.oracle.connection(connection_).sent_bytes += size;
  outbox_.erase(0, size);
  if (outbox_.empty()) {
    stuck_since_us_ = UINT64_MAX;
  } else if (stuck_since_us_ == UINT64_MAX) {
    stuck_since_us_ = world_.now_us();
  }
}

// No connection any more; the next one after a while.
void Client::away(uint32_t wait_us_max) {
  state_ = State::kAway;
  frozen_until_us_ = 0;
  deaf_until_us_ = 0;
  give_up_at_us_ = UINT64_MAX;
  // Who is quick may be back before the broker knows that he was gone; who is slow comes too late for his session.
  if (random_.chance(memory_.has_session ? 600 : 300)) wait_us_max = 3'000;
  if (memory_.has_session && random_.chance(50)) wait_us_max = 2'000'000;
  // So long that nobody waits for an instance.
  if (memory_.has_session && world_.scenario.service_permille != 0 && random_.chance(100)) wait_us_max = 5'000'000;
  next_at_us_ = world_.now_us() + random_.between(1, wait_us_max);
  sleep_until(next_at_us_);
}

void Client::end_of_stream() {
  const bool cut = world_.network.link(connection_).cut;
  world_.oracle.stream_ended(connection_, cut, !inbox_.empty());
  if (!outbox_.empty() || !world_.network.link(connection_).to_broker.empty())
    world_.coverage.add(Provoked::kCutToBroker);
  if (!cut && world_.oracle.connection(connection_).half_closed) world_.coverage.add(Provoked::kHalfCloseAnswered);
  if (!world_.network.link(connection_).failed) world_.network.leave(connection_, true);
  away(world_.scenario.storm ? 30'000 : 200'000);
}

// Goes without a word.
void Client::break_off() {
  if (!outbox_.empty()) world_.coverage.add(Provoked::kCutToBroker);
  const bool orderly = random_.chance(400);
  world_.network.leave(connection_, orderly);
  away(200'000);
}

void Client::lose_connection() {
  const uint32_t how = random_.below(3);
  if (how == 0) {
    // Gone without a sign: the broker has to find out.
    world_.network.abandon(connection_, random_.chance(500));
    world_.coverage.add(Provoked::kVanished);
    return away(500'000);
  }
  push();
  // Either the network breaks, and both sides find out; or the client goes.
  if (how == 1) return world_.network.cut(connection_);
  break_off();
}

void Client::freeze() {
  const uint64_t until = world_.now_us() + 1000 * random_.between(1, world_.scenario.freeze_ms_max);
  world_.oracle.session_of(connection_).lazy = true;
  // Either the program stands still, or it only does not read.
  if (random_.chance(500)) {
    frozen_until_us_ = until;
  } else {
    deaf_until_us_ = until;
  }
}

void Client::ping() {
  out_.mutable_ping()->set_nonce(world_.oracle.ping_sent(connection_));
  append_frame(outbox_, out_);
  if (!world_.verbose) return;
  std::printf("             connection %u sends ping %llu\n", connection_,
              static_cast<unsigned long long>(out_.ping().nonce()));
}

// Or, now and then, twice at once.
void Client::renew() {
  Connection& connection = world_.oracle.connection(connection_);
  const bool may = world_.oracle.session_of(connection_).may_renew;
  const bool too_early = awaits_renewed_ || random_.chance(30);
  for (int i = 0; i < (too_early ? 2 : 1); ++i) {
    out_.mutable_renew()->set_token(world_.oracle.renews(connection_));
    append_frame(outbox_, out_);
  }
  awaits_renewed_ = true;
  if (may && !too_early) return;
  world_.coverage.add(Provoked::kRenewedTooEarly);
  connection.deserve(v1::CODE_PROTOCOL_ERROR);
  if (!may) connection.misdeed_end = connection.sent_bytes + outbox_.size();
  state_ = State::kMute;
}

void Client::say_goodbye() {
  v1::Goodbye& goodbye = *out_.mutable_goodbye();
  goodbye.Clear();
  const bool other = random_.chance(200);
  if (other) {
    goodbye.set_code(v1::CODE_ADMINISTRATIVE);
  } else if (random_.chance(500)) {
    goodbye.set_code(v1::CODE_NORMAL);
  }
  append_frame(outbox_, out_);
  world_.coverage.add(other ? Provoked::kGoodbyeOther : Provoked::kGoodbye);
  world_.oracle.connection(connection_).said_goodbye = true;
  world_.oracle.connection(connection_).said_for_good = !other;
  if (!other && random_.chance(800)) memory_.has_session = false;
  state_ = State::kMute;
  push();
  give_up_at_us_ = world_.now_us() + kGiveUpUs;
}

void Client::half_close() {
  push();
  if (!outbox_.empty()) return;  // Not while a part of it waits.
  world_.network.half_close(connection_);
  world_.coverage.add(Provoked::kHalfClose);
  state_ = State::kMute;
  give_up_at_us_ = world_.now_us() + kGiveUpUs;
}

void Client::step() {
  // Impatient: it goes before it has an answer.
  if (state_ == State::kConnecting && random_.chance(world_.scenario.cut_permille)) return break_off();
  if (state_ != State::kOpen) return;
  tend_gates();
  answer_requests();
  settle_deliveries();
  if (answers_drain_ && outbox_.empty()) {
    const Session& session = world_.oracle.session_of(connection_);
    const bool has_open = session.outcomes != session.confirmed || !memory_.open.empty();
    if (!has_open || random_.chance(100)) {
      answers_drain_ = false;
      world_.coverage.add(Provoked::kDrainAnswered);
      return say_goodbye();
    }
  }
  if (world_.ending) {
    if (!last_ping_sent_ && outbox_.empty()) {
      ping();
      last_ping_sent_ = true;
    }
    return;
  }
  const Scenario& scenario = world_.scenario;
  if (misdeed_ != Misdeed::kNothing && steps_to_misdeed_-- == 0) return misbehave();
  if (random_.chance(scenario.freeze_permille)) return freeze();
  if (random_.chance(scenario.cut_permille)) return lose_connection();
  if (random_.chance(scenario.leave_permille)) {
    const bool says = random_.chance(600);
    return says ? say_goodbye() : half_close();
  }
  if (scenario.renew_permille != 0 && random_.chance(scenario.renew_permille)) {
    const bool waits = awaits_renewed_ || !world_.oracle.session_of(connection_).may_renew;
    if (!waits || random_.chance(30)) return renew();
  }
  if (uses_topics() && random_.chance(scenario.subscribe_permille)) change_subscription();
  if (scenario.service_permille != 0 && random_.chance(scenario.serve_permille)) change_service();
  if (scenario.request_permille != 0 && random_.chance(20)) answer_what_was_not_asked();
  if (uses_presence() && random_.chance(scenario.watch_permille)) change_watch();
  if (random_.chance(100)) ping();
  if (random_.chance(30)) send_stray();
  if (random_.chance(20)) send_stale_ack();
  if (outbox_.size() < kOutboxBytesMax) send_burst();
}

void Client::begin_rest() {
  frozen_until_us_ = 0;
  deaf_until_us_ = 0;
  read_bytes_max_ = UINT32_MAX;
  acks_receipts_ = true;
  if (!settles_ && random_.chance(700)) settles_ = true;
  // Some of those who are away come back to what waits for them.
  comes_back_ = state_ == State::kAway && memory_.has_session && random_.chance(500);
  if (state_ != State::kAway) sleep_until(world_.now_us() + random_.between(1, 1'000));
}

bool Client::at_rest() const {
  if (state_ == State::kAway) return !comes_back_;
  if (state_ == State::kMute) return true;
  if (state_ != State::kOpen || !last_ping_sent_ || !outbox_.empty()) return false;
  const Connection& connection = world_.oracle.connection(connection_);
  if (connection.pongs != connection.pings.size()) return false;
  const Session& session = world_.oracle.session_of(connection_);
  if (session.outcomes != session.confirmed) return false;
  return std::all_of(outgoing_.begin(), outgoing_.end(),
                     [this](const Outgoing& to) { return to.gate == GateState::kOpen || !opens_gates_; });
}

void Client::finish() {
  if (state_ == State::kAway || (world_.scenario.stops && random_.chance(800))) return;
  if (state_ != State::kOpen) return break_off();
  const uint32_t how = random_.below(5);
  if (how == 0) return half_close();
  if (how == 1) return break_off();
  if (how == 2) {
    world_.network.abandon(connection_, false);
    return away(1);
  }
  say_goodbye();
}

}  // namespace onehop::sim
