// Client: requests, and how it replies to them: before it acknowledges them or after, twice, late, or never; and
// replies to what nobody asked it.
#include <algorithm>

#include "sim/client.h"
#include "sim/world.h"

namespace onehop::sim {

// Some want a reply that cannot have one.
void Client::mark_request(v1::Message& message, SentMessage& sent) {
  const Scenario& scenario = world_.scenario;
  if (scenario.request_permille == 0 || !random_.chance(scenario.request_permille)) return;
  if (!sent.confirmed && (sent.logical != 0 || !random_.chance(50))) return;
  message.set_wants_reply(true);
  const Session& session = world_.oracle.session_of(connection_);
  const bool counts = session.number == 0 ? world_.oracle.connection(connection_).wants_replies : session.uses_replies;
  if (!counts) return;
  sent.is_request = sent.confirmed && sent.topic == kNone;
  sent.unsupported = !sent.is_request;
  if (!sent.is_request || sent.logical != 0 || !random_.chance(300)) return;
  sent.ttl_ms = random_.between(20, 1'500);
  message.set_ttl_ms(sent.ttl_ms);
}

void Client::note_request(uint32_t record) {
  const Scenario& scenario = world_.scenario;
  if (random_.chance(scenario.mute_permille)) return;
  const uint32_t what = random_.below(4);
  uint64_t wait_us = 0;
  if (what == 1) wait_us = random_.between(1, 10'000);
  if (what > 1) wait_us = random_.between(1, scenario.reply_us_max);
  memory_.asked.push_back({record, world_.now_us() + wait_us, random_.chance(200) ? 2u : 1u});
}

void Client::answer_requests() {
  if (memory_.asked.empty() || world_.ending) return;
  std::vector<uint32_t> due;
  for (Memory::Asked& asked : memory_.asked) {
    if (asked.due_us > world_.now_us()) continue;
    due.push_back(asked.record);
    --asked.replies;
    if (asked.replies != 0 && random_.chance(500)) asked.due_us += random_.between(1, world_.scenario.reply_us_max);
  }
  std::erase_if(memory_.asked, [](const Memory::Asked& asked) { return asked.replies == 0; });
  for (const uint32_t record : due) {
    const uint64_t id = world_.oracle.message(record).id;
    const Session& requester = world_.oracle.session(world_.oracle.message(record).sender);
    send_reply(requester.name, id, requester.number, record);
  }
}

void Client::send_reply(uint32_t requester, uint64_t id, uint64_t session, uint32_t request) {
  if (world_.messages_left == 0) return;
  v1::Message& message = *out_.mutable_message();
  message.Clear();
  message.set_client(world_.oracle.name(requester).text);
  message.set_in_reply_to(id);
  message.set_in_reply_to_session(session);
  SentMessage sent;
  sent.to = requester;
  sent.in_reply_to_session = session;
  sent.replies_to = request;
  const uint32_t size = pick_size();
  // As everything that is not part of an ordered stream.
  const bool in_order = ordered_ && opens_gates_;
  if (!in_order && random_.chance(700)) sent.id = ++memory_.last_id;
  if (sent.id != 0 && may_confirm(size)) {
    sent.confirmed = true;
    message.set_confirm(v1::CONFIRM_DELIVERED);
  }
  --world_.messages_left;
  send_message(message, sent, size);
}

// Of a request that another one has got, with an id that there is not, without the session, or to a message that wants
// no reply. Nobody is to take that for the reply to a request.
void Client::answer_what_was_not_asked() {
  const Oracle& oracle = world_.oracle;
  if (oracle.messages() == 0) return;
  const uint32_t record = random_.below(static_cast<uint32_t>(oracle.messages()));
  const SentMessage& message = world_.oracle.message(record);
  const Session& requester = world_.oracle.session(message.sender);
  if (requester.number == 0) return;
  const Session& own = world_.oracle.session_of(connection_);
  const uint32_t what = random_.below(3);
  if (what == 0) return send_reply(requester.name, (uint64_t{1} << 40) + message.id, requester.number, kNone);
  if (what == 1) return send_reply(requester.name, message.id, 0, kNone);
  // It may never get this one.
  const bool is_anothers = message.to != kNone && message.to != own.name;
  if (is_anothers || !message.is_request) {
    send_reply(requester.name, message.id, requester.number, message.is_request ? record : kNone);
  }
}

}  // namespace onehop::sim
