// Client: how it comes back to a session that has outlived its connection, as the same program or as another.
#include <algorithm>

#include "sim/client.h"
#include "sim/wire.h"
#include "sim/world.h"

namespace onehop::sim {
namespace {

// The first frame is at most 16 KiB.
constexpr size_t kVerdictBytesMax = 12 << 10;

}  // namespace

bool Client::wants_to_resume() {
  return memory_.has_session && random_.chance(world_.ending ? 1'000 : world_.scenario.resume_permille);
}

void Client::forget_session() {
  if (memory_.number != 0) stale_session_ = memory_.number;
  memory_ = {};
  outgoing_.clear();
  services_paused_until_us_.clear();
  opens_gates_ = !random_.chance(80);
}

void Client::write_resume(v1::Connect& connect) {
  Connection& connection = world_.oracle.connection(connection_);
  restarts_ = random_.chance(world_.scenario.restart_permille);
  connect.set_name(world_.oracle.name(memory_.name).text);
  connection.wanted_name = memory_.name;
  connection.wants_made_name_back = connect.name().front() == '~';
  connect.set_resume_token(memory_.token);
  connect.set_attempt(++memory_.attempt);
  connection.token_of = memory_.session;
  if (restarts_) {
    memory_.open.clear();
    memory_.given.clear();
    memory_.kept.clear();
    memory_.asked.clear();
    memory_.received_up_to = 0;
    // It may have kept what it knew of receipts, or not.
    if (random_.chance(500)) memory_.receipts_up_to = 0;
    outgoing_.clear();
    memory_.is_second = true;
    memory_.program = connection.program;
  } else {
    connection.program = memory_.program;
  }
  // It does not know how far the streams of the first had come, nor which gates are closed.
  if (memory_.is_second) opens_gates_ = false;
  connect.set_received_up_to(memory_.received_up_to);
  connect.set_receipts_up_to(memory_.receipts_up_to);
  if (random_.chance(world_.scenario.bad_resume_permille)) spoil_resume(connect);
  says_verdicts_ = !restarts_ && random_.chance(800);
  if (says_verdicts_) repeat_verdicts(connect);
  if (world_.verbose) {
    std::printf("             connection %u resumes session %llu, attempt %u, received up to %llu, receipts %llu%s\n",
                connection_, static_cast<unsigned long long>(memory_.number), connect.attempt(),
                static_cast<unsigned long long>(connect.received_up_to()),
                static_cast<unsigned long long>(connect.receipts_up_to()), restarts_ ? ", as another program" : "");
  }
  connection.attempt = connect.attempt();
  connection.receipts_up_to = connect.receipts_up_to();
}

void Client::spoil_resume(v1::Connect& connect) {
  Connection& connection = world_.oracle.connection(connection_);
  switch (random_.below(5)) {
    case 0:
      connect.mutable_resume_token()->back() ^= 1;
      connection.token_of = kNone;
      world_.coverage.add(Provoked::kTokenWrong);
      return;
    case 1:
      connect.set_attempt(0);
      return connection.deserve(v1::CODE_PROTOCOL_ERROR);
    case 2:
      return connect.set_attempt(random_.between(1, std::max(2u, memory_.attempt) - 1));
    case 3:
      connect.set_received_up_to(uint64_t{1} << 50);
      return connection.deserve(v1::CODE_PROTOCOL_ERROR);
    case 4:
      connect.mutable_ack()->set_receipts_up_to(uint64_t{1} << 50);
      return connection.deserve(v1::CODE_PROTOCOL_ERROR);
  }
}

// What it said of deliveries may have been lost with the elder connection.
void Client::repeat_verdicts(v1::Connect& connect) {
  v1::Ack& ack = *connect.mutable_ack();
  if (random_.chance(500)) ack.set_session(memory_.number);
  for (const Memory::Given& given : memory_.given) {
    if (ack.ByteSizeLong() > kVerdictBytesMax) break;
    if (given.taken) {
      v1::Range& range = *ack.add_taken();
      range.set_first(given.tag);
      range.set_last(given.tag);
    } else {
      *ack.add_refused() = given.refusal;
    }
  }
  if (!random_.chance(50)) return report(ack);
  // Of another session: it is ignored.
  ack.set_session(memory_.number + 4096);
  says_verdicts_ = false;
  world_.coverage.add(Provoked::kStaleAck);
}

void Client::take_connected(const v1::Connected& connected) {
  world_.oracle.connected(connection_, connected);
  if (world_.oracle.failed()) return;
  const Connection& connection = world_.oracle.connection(connection_);
  const Session& session = world_.oracle.session(connection.session);
  ordered_ = connection.ordered;
  if (state_ == State::kConnecting) state_ = State::kOpen;
  if (connected.resumed()) {
    if (restarts_) world_.coverage.add(Provoked::kRestarted);
    memory_.program = connection.program;
    if (says_verdicts_) memory_.given.clear();
    for (Memory::Given& given : memory_.given) given.ping = kNever;
    return go_on(connected.last_id());
  }
  if (resumes_) forget_session();
  memory_.has_session = true;
  memory_.token = connected.resume_token();
  memory_.name = session.name;
  memory_.session = session.index;
  memory_.number = session.number;
  memory_.program = connection.program;
  if (world_.scenario.service_permille != 0 && random_.chance(world_.scenario.serves_permille)) change_service();
}

// The session goes on with this connection.
void Client::go_on(uint64_t last_id) {
  if (restarts_) {
    memory_.last_id = last_id;
  } else {
    repeat_messages(last_id);
  }
  memory_.kept.erase(
      std::remove_if(memory_.kept.begin(), memory_.kept.end(),
                     [this](const Memory::Kept& kept) { return world_.oracle.message(kept.record).unprocessed; }),
      memory_.kept.end());
  for (Outgoing& to : outgoing_) {
    if (to.gate == GateState::kOpen) continue;
    // What was repeated just now is refused as well.
    to.gate = GateState::kAwaitPong;
    ping();
    to.barrier = world_.oracle.connection(connection_).pings.size();
  }
}

// In their order, before anything new: from the first that has not come in, or from an earlier one, which is skipped.
void Client::repeat_messages(uint64_t last_id) {
  const bool confirmed_only = random_.chance(200);
  const bool begins_early = random_.chance(300);
  for (const Memory::Kept& kept : memory_.kept) {
    if (kept.id <= last_id && !begins_early) continue;
    const SentMessage& sent = world_.oracle.message(kept.record);
    if (confirmed_only && !sent.confirmed) continue;
    outbox_ += kept.frame;
    world_.oracle.repeats(connection_, kept.record);
  }
}

}  // namespace onehop::sim
