// Inspector: none of it changes anything between clients, except kick.
#include "core/shard/inspector.h"

#include <algorithm>

#include "core/base/name_hash.h"
#include "core/shard/shard_parts.h"

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
ClientsFound Inspector::find_clients(const ClientSearch& search) {
  std::vector<Candidate> candidates;
  shard_.sessions.for_each([&](SessionId id, const Session& session) {
    if (session.name.name().find(search.name_part) == Bytes::npos) return;
    double key = 0;
    if (search.order == ClientOrder::kQueueBytes) {
      key = static_cast<double>(queued_for(session, shard_.links.find(session.link)));
    } else if (search.order == ClientOrder::kIdle) {
      key = static_cast<double>(idle_ms(session));
    } else if (search.order != ClientOrder::kName) {
      const auto rates = rate_samples_.look(id, messages_sent(session), session.messages_received, shard_.now());
      key = search.order == ClientOrder::kSendRate ? rates.sent : rates.received;
    }
    candidates.push_back({key, id});
  });
  const auto before = [this](const Candidate& a, const Candidate& b) {
    if (a.key != b.key) return a.key > b.key;
    return shard_.sessions[a.id.index].name.name() < shard_.sessions[b.id.index].name.name();
  };
  const size_t top = std::min(search.top, candidates.size());
  const auto end = candidates.begin() + static_cast<std::ptrdiff_t>(top);
  std::partial_sort(candidates.begin(), end, candidates.end(), before);
  ClientsFound found;
  found.found = candidates.size();
  found.top.reserve(top);
  for (size_t i = 0; i < top; ++i) found.top.push_back(state_of(candidates[i].id));
  return found;
}

std::optional<ClientState> Inspector::find_client(Bytes name) {
  const SessionId id = shard_.sessions.find_name(name, name_hash(name, shard_.config.hash_key));
  if (!id) return std::nullopt;
  return state_of(id);
}

uint64_t Inspector::idle_ms(const Session& session) {
  const Link* link = shard_.links.find(session.link);
  return shard_.now() - (link != nullptr ? link->last_heard : session.away->left);
}

ClientState Inspector::state_of(SessionId id) {
  const Session& session = shard_.sessions[id.index];
  const Link* link = shard_.links.find(session.link);
  ClientState state;
  state.name = session.name.name();
  state.origin = shard_.origin_of(id);
  state.session = session.number;
  state.idle_ms = idle_ms(session);
  state.queue_bytes = queued_for(session, link);
  state.receive_window = session.receive_window;
  state.messages_sent = messages_sent(session);
  state.messages_received = session.messages_received;
  const auto rates = rate_samples_.look(id, messages_sent(session), session.messages_received, shard_.now());
  state.sent_per_second = rates.sent;
  state.received_per_second = rates.received;
  if (link != nullptr) {
    state.link = link->host;
    state.connected_ms = shard_.now() - link->connected_at(shard_.now());
    state.blocked = link->blocked;
  }
  if (session.backlog != nullptr) {
    state.waiting_messages = session.backlog->unsent();
    state.unacknowledged = session.backlog->open();
    state.window_open = shard_.outcomes.window_open(session, 0);
  }
  if (session.senders != nullptr) {
    state.paused_senders = session.senders->told();
    state.closed_gates = session.senders->closed_gates();
  }
  if (session.sending != nullptr) state.open_sent = session.sending->open_messages;
  return state;
}

SenderState Inspector::sender_state(Bytes recipient, const Origin& sender) {
  const Session* session =
      shard_.sessions.find(shard_.sessions.find_name(recipient, name_hash(recipient, shard_.config.hash_key)));
  if (session == nullptr || session->senders == nullptr) return {};
  return {session->senders->is_paused(sender, shard_.now()), session->senders->gate_closed(sender)};
}

KnownPermission Inspector::known_permission(Bytes sender, Bytes recipient) {
  const SessionId id = shard_.sessions.find_name(sender, name_hash(sender, shard_.config.hash_key));
  return shard_.permissions.known(id, recipient, name_hash(recipient, shard_.config.hash_key));
}

uint64_t Inspector::paused_senders() {
  uint64_t paused = 0;
  shard_.sessions.for_each([&paused](SessionId, const Session& session) {
    if (session.senders != nullptr) paused += session.senders->told();
  });
  return paused;
}

bool Inspector::kick(Bytes name, Bytes text) {
  const SessionId id = shard_.sessions.find_name(name, name_hash(name, shard_.config.hash_key));
  Session* session = shard_.sessions.find(id);
  if (session == nullptr) return false;
  const Farewell farewell{v1::CODE_ADMINISTRATIVE, text, 0};
  const LinkId link_id = session->link;
  Link* link = shard_.links.find(link_id);
  const HostLink host = link == nullptr ? HostLink{} : link->host;
  shard_.host.note(
      {Event::Kind::kKicked, host, session->name.name(), session->number, static_cast<uint32_t>(farewell.code), text});
  if (link == nullptr) {
    shard_.sessions.end_session(id, Event::Kind::kSessionEnded, farewell);
  } else {
    shard_.note(Event::Kind::kConnectionEnded, *link, session->name.name(), session->number, farewell.code, text);
    shard_.endings.end_link_in_order(link_id, *link, farewell, SessionThen::kEnd);
  }
  return true;
}

ShardIndex Inspector::home_of(Bytes name) const {
  return home_shard(name_hash(name, shard_.config.hash_key), shard_.config.count);
}

}  // namespace onehop::core
