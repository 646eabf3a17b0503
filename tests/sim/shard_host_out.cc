// ShardHost: what the shard asks of its host, and whether it may.
#include <cstring>
#include <string>
#include <utility>

#include "onehop/v1/onehop.pb.h"
#include "sim/shard_host.h"

namespace onehop::sim {

Link* ShardHost::named(core::HostLink host, const char* call) {
  const uint64_t number = (host.value >> 8) - 1;
  if (host.value != 0 && number < world_.network.size()) {
    Link& link = world_.network.link(static_cast<uint32_t>(number));
    if (link.owned && link.shard == index_ && link.host == host) return &link;
    if (&link == failing_ && std::strcmp(call, "note") == 0) return &link;
  }
  world_.oracle.fail("shard " + std::to_string(index_) + ": " + call + " names a link that is not its own any more");
  return nullptr;
}

void ShardHost::require_flush(const char* call) {
  if (!flushing_) world_.oracle.fail("shard " + std::to_string(index_) + ": " + call + " outside flush");
}

size_t ShardHost::write(core::HostLink host, std::span<const core::Iov> pieces) {
  require_flush("write");
  Link* link = named(host, "write");
  if (link == nullptr) return 0;
  world_.oracle.sample(index_, shard_.counters());
  for (const core::Iov& piece : pieces) world_.trace.add(core::Bytes(piece.data, piece.size));
  const size_t taken = world_.network.write(*link, pieces);
  world_.trace.add(taken);
  if (world_.verbose) std::printf("             -> write to %u: took %zu\n", link->number, taken);
  return taken;
}

void ShardHost::set_reading(core::HostLink host, bool reading) {
  Link* link = named(host, "set_reading");
  if (link == nullptr) return;
  world_.trace.add(reading ? 1 : 0);
  if (world_.verbose) std::printf("             -> reading of %u %s\n", link->number, reading ? "on" : "off");
  link->reading = reading;
  if (reading) world_.oracle.connection(link->number).reading_since_us = world_.now_us();
  if (!reading) {
    world_.coverage.add(Provoked::kReadingStopped);
    return;
  }
  if (link->read_ready || (link->to_broker.empty() && (link->client_sends || link->end_told))) return;
  link->read_ready = true;
  ready({Ready::Kind::kReadable, link->number});
}

void ShardHost::close(core::HostLink host, core::CloseHow how) {
  require_flush("close");
  Link* link = named(host, "close");
  if (link == nullptr) return;
  const bool at_once = how == core::CloseHow::kAtOnce;
  world_.trace.add(at_once ? 3 : 2);
  if (world_.verbose) std::printf("             -> close %u%s\n", link->number, at_once ? " at once" : "");
  if (at_once) world_.oracle.closed_at_once(link->number, link->blocked);
  world_.network.close(*link, how);
}

void ShardHost::hand_over(core::HostLink host, core::ShardIndex home, core::Bytes unread, core::Instant deadline) {
  require_flush("hand_over");
  Link* link = named(host, "hand_over");
  if (link == nullptr) return;
  if (home == index_ || home >= world_.scenario.shards || deadline != link->connect_deadline) {
    return world_.oracle.fail(link->number, "was handed over to the wrong shard or with another deadline");
  }
  world_.trace.add(home);
  world_.trace.add(unread);
  world_.coverage.add(Provoked::kHandOver);
  if (world_.oracle.connection(link->number).connect_bytes < unread.size()) {
    world_.coverage.add(Provoked::kHandOverPipelined);
  }
  if (world_.verbose) std::printf("             -> hand %u over to %u\n", link->number, unsigned{home});
  link->owned = false;
  link->shard = home;
  world_.arrive(link->number, unread, world_.delay_us(world_.scenario.hand_over_delay_us_max));
}

void ShardHost::post(core::ShardIndex to, core::Parcel parcel) {
  require_flush("post");
  if (to == index_ || to >= world_.scenario.shards || !parcel || parcel.size() == 0) {
    return world_.oracle.fail("shard " + std::to_string(index_) + " posts an empty parcel or to no other shard");
  }
  Pair& pair = world_.pair(index_, to);
  world_.trace.add(parcel.size());
  if (world_.verbose) std::printf("             -> post %zu bytes to %u\n", parcel.size(), unsigned{to});
  if (parcel.counts()) {
    if (++pair.counted_out > core::kParcelsPerPair) {
      return world_.oracle.fail("shard " + std::to_string(index_) + " posts more parcels than it has credit for");
    }
    if (pair.counted_out == core::kParcelsPerPair) world_.coverage.add(Provoked::kCreditStall);
  }
  pair.parcels.push_back(std::move(parcel));
  const uint64_t at = world_.now_us() + world_.delay_us(world_.scenario.parcel_delay_us_max);
  pair.last_parcel_us = std::max(pair.last_parcel_us, at);
  world_.events.add(pair.last_parcel_us, Event::Kind::kParcel, index_ * world_.scenario.shards + to);
}

void ShardHost::give_back(core::ShardIndex to, core::Parcel parcel) {
  if (to == index_ || to >= world_.scenario.shards || !parcel || !parcel.counts() || parcel.size() != 0) {
    return world_.oracle.fail("shard " + std::to_string(index_) + " gives back a parcel that is none or not empty");
  }
  Pair& pair = world_.pair(to, index_);
  pair.credits.push_back(std::move(parcel));
  const uint64_t delay = world_.delay_us(world_.scenario.credit_delay_us_max);
  world_.events.add(world_.now_us() + delay, Event::Kind::kCredit, to * world_.scenario.shards + index_);
}

core::Answered ShardHost::ask(core::Ticket ticket, const core::Question& question, core::Answer& answer) {
  if (question.kind == core::Question::Kind::kStay) {
    answer_who_stays(question, answer);
    return core::Answered::kNow;
  }
  Link* link = named(question.link, "ask");
  if (link == nullptr) return core::Answered::kNow;
  if (question.kind == core::Question::Kind::kRenew) return ask_about_renewal(ticket, question, *link, answer);
  if (ticket.value <= last_ticket_) world_.oracle.fail(link->number, "is asked about with a used ticket");
  last_ticket_ = ticket.value;
  world_.trace.add(question.name);
  Connection& connection = world_.oracle.connection(link->number);
  const core::Bytes wanted =
      connection.wanted_name == kNone ? core::Bytes{} : core::Bytes(world_.oracle.name(connection.wanted_name).text);
  if (question.name != wanted || connection.asked) {
    world_.oracle.fail(link->number, "is asked about twice or under another name");
  }
  connection.asked = true;
  connection.asked_at = world_.oracle.order();
  const bool accepted = !world_.random.chance(world_.scenario.ask_refused_permille);
  if (world_.random.chance(world_.scenario.ask_pending_permille)) {
    link->asking = true;
    const auto number = static_cast<uint32_t>(world_.answers.size());
    world_.answers.push_back({index_, link->number, ticket, accepted, draw_hold()});
    const uint64_t delay = world_.delay_us(60'000);
    world_.events.add(world_.now_us() + delay, Event::Kind::kAnswer, number);
    return core::Answered::kLater;
  }
  answer.accepted = accepted;
  if (!accepted) {
    answer.code = v1::CODE_NOT_AUTHORIZED;
    world_.coverage.add(Provoked::kAskRefused);
  }
  if (accepted) {
    const uint32_t hold_ms = draw_hold();
    world_.oracle.let_in(link->number, hold_ms);
    answer.credentials_end = end_of(hold_ms);
  }
  connection.admitted = accepted;
  connection.turned_down = !accepted;
  return core::Answered::kNow;
}

void ShardHost::note(const core::Event& event) {
  Link* link = event.link.value == 0 ? nullptr : named(event.link, "note");
  world_.trace.add(static_cast<uint64_t>(event.kind));
  world_.trace.add(event.name);
  world_.trace.add(event.session);
  world_.trace.add(event.code);
  const uint32_t connection = link == nullptr ? kNone : link->number;
  if (world_.verbose) {
    std::printf("             -> note %d of %d: %.*s session %llu code %u %.*s\n", static_cast<int>(event.kind),
                static_cast<int>(connection), static_cast<int>(event.name.size()), event.name.data(),
                static_cast<unsigned long long>(event.session), event.code, static_cast<int>(event.text.size()),
                event.text.data());
  }
  switch (event.kind) {
    case core::Event::Kind::kSessionOpened:
      if (connection == kNone) return world_.oracle.fail("a session opened without a link");
      return world_.oracle.session_opened(connection, index_, event.name, event.session);
    case core::Event::Kind::kSessionEnded:
    case core::Event::Kind::kTakenOver: {
      const bool taken_over = event.kind == core::Event::Kind::kTakenOver;
      const auto code = static_cast<v1::Code>(event.code);
      return world_.oracle.session_ended(connection, event.name, event.session, code, taken_over);
    }
    case core::Event::Kind::kConnectRefused:
    case core::Event::Kind::kConnectionEnded:
      if (connection == kNone) return world_.oracle.fail("the end of no connection was noted");
      return world_.oracle.connection_ended(connection, static_cast<v1::Code>(event.code));
    case core::Event::Kind::kSessionDetached:
      if (connection == kNone) return world_.oracle.fail("a session was detached from no link");
      return world_.oracle.session_detached(connection, event.name, event.session, static_cast<v1::Code>(event.code));
    case core::Event::Kind::kSessionResumed:
      if (connection == kNone) return world_.oracle.fail("a session was resumed without a link");
      return world_.oracle.session_resumed(connection, index_, event.name, event.session);
    case core::Event::Kind::kMemoryRefusing:
    case core::Event::Kind::kMemoryFree:
    case core::Event::Kind::kKicked:          // Nobody kicks here.
    case core::Event::Kind::kSessionRenewed:  // The client is told, and the oracle with it.
      return;
    case core::Event::Kind::kMemoryEnding:
      ended_for_memory_ = event.name;
      return world_.oracle.memory_ending(index_, shard_.counters(), event.name, event.session);
  }
}

void ShardHost::random(std::span<char> out) {
  for (char& byte : out) byte = static_cast<char>(world_.random.next());
}

}  // namespace onehop::sim
