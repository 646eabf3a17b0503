// Shard: what operators ask about clients, and the one thing they may do to them. None of it changes what is between
// clients, but kick.
#include <algorithm>

#include "core/name_hash.h"
#include "core/shard.h"

namespace onehop::core {
namespace {

// A session that matches, and what it is ordered by.
struct Candidate {
  double key;
  SessionId id;
};

uint64_t messages_sent(const Session& session) {
  return session.sending == nullptr ? 0 : session.sending->messages_sent;
}

}  // namespace

// The names of all that match are compared where they lie; only those wanted are copied.
ClientsFound Shard::find_clients(const ClientSearch& search, Instant now) {
  std::vector<Candidate> candidates;
  sessions_.for_each([&](SessionId id, const Session& session) {
    if (session.name.name().find(search.name_part) == Bytes::npos) return;
    double key = 0;
    if (search.order == ClientOrder::kQueueBytes) {
      key = static_cast<double>(queued_for(session, links_.find(session.link)));
    } else if (search.order == ClientOrder::kIdle) {
      key = static_cast<double>(idle_ms(session, now));
    } else if (search.order != ClientOrder::kName) {
      const auto rates = rate_samples_.look(id, messages_sent(session), session.messages_received, now);
      key = search.order == ClientOrder::kSendRate ? rates.sent : rates.received;
    }
    candidates.push_back({key, id});
  });
  const auto before = [this](const Candidate& a, const Candidate& b) {
    if (a.key != b.key) return a.key > b.key;
    return sessions_[a.id.index].name.name() < sessions_[b.id.index].name.name();
  };
  const size_t top = std::min(search.top, candidates.size());
  const auto end = candidates.begin() + static_cast<std::ptrdiff_t>(top);
  std::partial_sort(candidates.begin(), end, candidates.end(), before);
  ClientsFound found;
  found.found = candidates.size();
  found.top.reserve(top);
  for (size_t i = 0; i < top; ++i) found.top.push_back(state_of(candidates[i].id, now));
  return found;
}

std::optional<ClientState> Shard::find_client(Bytes name, Instant now) {
  const SessionId id = directory_.find(name, name_hash(name, config_.hash_key));
  if (!id) return std::nullopt;
  return state_of(id, now);
}

uint64_t Shard::idle_ms(const Session& session, Instant now) {
  const Link* link = links_.find(session.link);
  return now - (link != nullptr ? link->last_heard : session.away->left);
}

ClientState Shard::state_of(SessionId id, Instant now) {
  const Session& session = sessions_[id.index];
  const Link* link = links_.find(session.link);
  ClientState state;
  state.name = session.name.name();
  state.origin = origin_of(id);
  state.session = session.number;
  state.idle_ms = idle_ms(session, now);
  state.queue_bytes = queued_for(session, link);
  state.receive_window = session.receive_window;
  state.messages_sent = messages_sent(session);
  state.messages_received = session.messages_received;
  const auto rates = rate_samples_.look(id, messages_sent(session), session.messages_received, now);
  state.sent_per_second = rates.sent;
  state.received_per_second = rates.received;
  if (link != nullptr) {
    state.link = link->host;
    state.connected_ms = now - link->connected_at(now);
    state.blocked = link->blocked;
  }
  if (session.backlog != nullptr) {
    state.waiting_messages = session.backlog->unsent();
    state.unacknowledged = session.backlog->open();
    state.window_open = window_open(session, 0);
  }
  if (session.senders != nullptr) {
    state.paused_senders = session.senders->told();
    state.closed_gates = session.senders->closed_gates();
  }
  if (session.sending != nullptr) state.open_sent = session.sending->open_messages;
  return state;
}

SenderState Shard::sender_state(Bytes recipient, const Origin& sender, Instant now) {
  const Session* session = sessions_.find(directory_.find(recipient, name_hash(recipient, config_.hash_key)));
  if (session == nullptr || session->senders == nullptr) return {};
  return {session->senders->is_paused(sender, now), session->senders->gate_closed(sender)};
}

uint64_t Shard::paused_senders() {
  uint64_t paused = 0;
  sessions_.for_each([&paused](SessionId, const Session& session) {
    if (session.senders != nullptr) paused += session.senders->told();
  });
  return paused;
}

bool Shard::kick(Bytes name, Bytes text, Instant now) {
  const SessionId id = directory_.find(name, name_hash(name, config_.hash_key));
  Session* session = sessions_.find(id);
  if (session == nullptr) return false;
  const Farewell farewell{v1::CODE_ADMINISTRATIVE, text, 0};
  const LinkId link_id = session->link;
  Link* link = links_.find(link_id);
  const HostLink host = link == nullptr ? HostLink{} : link->host;
  host_.note(
      {Event::Kind::kKicked, host, session->name.name(), session->number, static_cast<uint32_t>(farewell.code), text});
  if (link == nullptr) {
    end_session(id, Event::Kind::kSessionEnded, farewell);
  } else {
    note(Event::Kind::kConnectionEnded, *link, session->name.name(), session->number, farewell.code, text);
    end_link_in_order(link_id, *link, farewell, now, SessionThen::kEnd);
  }
  return true;
}

ShardIndex Shard::home_of(Bytes name) const {
  return home_shard(name_hash(name, config_.hash_key), config_.count);
}

}  // namespace onehop::core
