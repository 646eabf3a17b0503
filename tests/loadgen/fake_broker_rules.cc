// See the header.
#include "fake_broker_rules.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "plain_sockets.h"

namespace onehop::test {
namespace {

constexpr uint32_t kFrameBytesMax = 1 << 20;
constexpr uint32_t kReceiveWindow = 1024;
constexpr int kReceiptsMax = 1000;  // The most receipts in one frame.

enum class Read { kWhole, kPart, kBad };

// Reads the varint at the front of `in`, and how many bytes it takes.
Read read_length(std::string_view in, uint64_t& length, size_t& prefix) {
  length = 0;
  for (prefix = 0; prefix < 5; ++prefix) {
    if (prefix == in.size()) return Read::kPart;
    const auto byte = static_cast<uint8_t>(in[prefix]);
    length |= uint64_t{byte & 0x7FU} << (7 * prefix);
    if ((byte & 0x80) == 0) {
      ++prefix;
      return length == 0 ? Read::kBad : Read::kWhole;
    }
  }
  return Read::kBad;
}

// Whether a client has set a field that only brokers set.
bool is_forged(const v1::Message& message) {
  return !message.from().empty() || message.delivery_tag() != 0 || message.from_session() != 0 ||
         message.redelivered() || message.ttl_left_ms() != 0;
}

void add_receipt(v1::Receipts& receipts, const v1::Receipt& one) {
  if (receipts.items_size() > 0) {
    v1::Receipt& last = *receipts.mutable_items(receipts.items_size() - 1);
    if (last.last_id() + 1 == one.first_id() && last.outcome() == one.outcome() && last.reason() == one.reason() &&
        last.attempted() == one.attempted()) {
      last.set_last_id(one.last_id());
      return;
    }
  }
  *receipts.add_items() = one;
}

bool is_turn_of(uint64_t number, uint64_t every) {
  return every != 0 && number % every == 0;
}

}  // namespace

Client& FakeBroker::add() {
  clients_.push_back(std::make_unique<Client>());
  return *clients_.back();
}

void FakeBroker::remove(Client& client) {
  end_session(client);
  std::erase(changed_, &client);
  std::erase_if(clients_, [&](const auto& other) { return other.get() == &client; });
}

void FakeBroker::read(Client& client, uint64_t now_ns) {
  size_t at = 0;
  while (!client.ended) {
    uint64_t length = 0;
    size_t prefix = 0;
    const std::string_view rest = std::string_view(client.in).substr(at);
    const Read found = read_length(rest, length, prefix);
    if (found == Read::kBad || (found == Read::kWhole && length > kFrameBytesMax)) {
      say_goodbye(client, found == Read::kBad ? v1::CODE_PROTOCOL_ERROR : v1::CODE_FRAME_TOO_LARGE, "a bad length");
    }
    if (client.ended || found == Read::kPart || rest.size() - prefix < length) break;
    v1::Frame frame;
    if (frame.ParseFromArray(rest.data() + prefix, static_cast<int>(length))) {
      on_frame(client, frame, now_ns);
    } else {
      say_goodbye(client, v1::CODE_PROTOCOL_ERROR, "a frame that does not parse");
    }
    at += prefix + length;
  }
  client.in.erase(0, client.ended ? client.in.size() : at);
}

void FakeBroker::on_frame(Client& client, v1::Frame& frame, uint64_t now_ns) {
  if ((client.session == 0) != (frame.kind_case() == v1::Frame::kConnect)) {
    return say_goodbye(client, v1::CODE_PROTOCOL_ERROR, "a Connect is first, and comes once");
  }
  switch (frame.kind_case()) {
    case v1::Frame::kConnect:
      return on_connect(client, frame.connect());
    case v1::Frame::kMessage:
      return on_message(client, *frame.mutable_message(), now_ns);
    case v1::Frame::kAck:
      return on_ack(client, frame.ack());
    case v1::Frame::kPing: {
      write_receipts(client);  // Refusals come before the pong.
      v1::Frame pong;
      pong.mutable_pong()->set_nonce(frame.ping().nonce());
      return write(client, pong);
    }
    case v1::Frame::kPong:
    case v1::Frame::kFlow:  // This broker has no gates.
      return;
    case v1::Frame::kGoodbye:
      return on_leave(client);
    default:
      say_goodbye(client, v1::CODE_PROTOCOL_ERROR, "a frame that no client sends");
  }
}

void FakeBroker::on_connect(Client& client, const v1::Connect& connect) {
  if (!connect.resume_token().empty()) return say_goodbye(client, v1::CODE_PROTOCOL_ERROR, "resuming is not served");
  client.session = ++last_session_;
  client.name = connect.name().empty() ? "~" + std::to_string(client.session) : connect.name();
  if (names_.contains(client.name)) {
    client.session = 0;
    return say_goodbye(client, v1::CODE_NAME_IN_USE, client.name);
  }
  names_[client.name] = sessions_[client.session] = &client;
  client.receive_window = connect.receive_window() == 0 ? kReceiveWindow : connect.receive_window();

  v1::Frame frame;
  v1::Connected& connected = *frame.mutable_connected();
  connected.set_name(client.name);
  connected.set_protocol_version(1);
  connected.set_server("fake");
  connected.set_resume_token("none");
  connected.set_session(client.session);
  connected.set_keepalive_ms(connect.keepalive_ms() == 0 ? 30'000 : connect.keepalive_ms());
  connected.set_frame_bytes_max(kFrameBytesMax);
  connected.set_send_window(rules_.send_window);
  connected.set_send_window_bytes(64 << 20);
  connected.set_ttl_ms_max(3'600'000);
  write(client, frame);
}

void FakeBroker::on_message(Client& client, v1::Message& message, uint64_t now_ns) {
  const bool confirmed = message.confirm() == v1::CONFIRM_DELIVERED;
  if (is_forged(message)) return say_goodbye(client, v1::CODE_PROTOCOL_ERROR, "a field that the broker sets");
  if (message.id() != 0 ? message.id() <= client.last_id : confirmed) {
    return say_goodbye(client, v1::CODE_PROTOCOL_ERROR, "an id that does not rise, or none with DELIVERED");
  }
  if (confirmed && client.under_way == rules_.send_window) {
    return say_goodbye(client, v1::CODE_QUOTA_EXCEEDED, "more than the send window");
  }
  seen_.note(message, now_ns);
  if (message.id() != 0) client.last_id = message.id();
  if (confirmed) ++client.under_way;
  const v1::Reason refusal = refusal_of(message);
  if (refusal != v1::REASON_UNSPECIFIED) {
    return tell(client.session, message.id(), confirmed, v1::OUTCOME_REJECTED, refusal, false);
  }

  if (does_wrong(client, message, confirmed)) return;

  message.set_from(client.name);
  if (message.id() != 0) message.set_from_session(client.session);
  const uint64_t recipient = names_[message.client()]->session;
  uint64_t& last_due_ns = client.last_due_ns[recipient];
  last_due_ns = std::max(last_due_ns, now_ns + rules_.delay(now_ns));
  const bool twice = is_turn_of(messages_, rules_.misdeeds.double_every);
  auto held = std::make_shared<Held>(Held{client.session, recipient, now_ns, {}, twice});
  held->message.Swap(&message);
  held_.push({last_due_ns, ++last_number_, std::move(held)});
}

bool FakeBroker::does_wrong(Client& client, const v1::Message& message, bool confirmed) {
  const Misdeeds& misdeeds = rules_.misdeeds;
  ++messages_;
  if (messages_ == misdeeds.die_after) std::_Exit(1);
  if (messages_ == misdeeds.freeze_after) raise(SIGSTOP);
  if (messages_ == misdeeds.babble_after) {
    client.out.append(64, '\xff');
    mark_changed(client);
  }
  if (is_turn_of(messages_, misdeeds.drop_every)) return true;
  for (const auto& [every, outcome] : {std::pair{misdeeds.reject_every, v1::OUTCOME_REJECTED},
                                       {misdeeds.expire_every, v1::OUTCOME_EXPIRED},
                                       {misdeeds.lose_every, v1::OUTCOME_LOST},
                                       {misdeeds.lie_every, v1::OUTCOME_DELIVERED}}) {
    if (!is_turn_of(messages_, every)) continue;
    const v1::Reason reason = outcome == v1::OUTCOME_REJECTED ? v1::REASON_QUEUE_FULL : v1::REASON_UNSPECIFIED;
    tell(client.session, message.id(), confirmed, outcome, reason, outcome != v1::OUTCOME_REJECTED);
    return true;
  }
  return false;
}

v1::Reason FakeBroker::refusal_of(const v1::Message& message) const {
  if (message.destination_case() != v1::Message::kClient || message.confirm() > v1::CONFIRM_DELIVERED) {
    return v1::REASON_UNSUPPORTED;
  }
  const auto recipient = names_.find(message.client());
  if (recipient == names_.end()) return v1::REASON_UNKNOWN_CLIENT;
  const bool stale = message.in_reply_to_session() != 0 && message.in_reply_to_session() != recipient->second->session;
  return stale ? v1::REASON_STALE_SESSION : v1::REASON_UNSPECIFIED;
}

void FakeBroker::release_due(uint64_t now_ns) {
  while (next_due_ns() <= now_ns) {
    const std::shared_ptr<Held> held = held_.top().held;
    held_.pop();
    deliver(std::move(*held));
  }
}

void FakeBroker::deliver(Held held) {
  Client* recipient = of_session(held.recipient);
  if (recipient == nullptr) {
    if (held.message.confirm() != v1::CONFIRM_DELIVERED) return;
    return tell(held.sender, held.message.id(), true, v1::OUTCOME_LOST, v1::REASON_CONNECTION_LOST, false);
  }
  std::optional<Held> again;
  if (std::exchange(held.twice, false)) again = held;
  recipient->waiting.push_back(std::move(held));
  if (again) {
    again->message.set_confirm(v1::CONFIRM_REFUSALS);  // Only the first one has an outcome.
    recipient->waiting.push_back(*std::move(again));
  }
  write_waiting(*recipient);
}

// Messages with and without acknowledgement keep one order, so all of them wait behind a full window.
void FakeBroker::write_waiting(Client& client) {
  while (!client.waiting.empty() && client.open.size() < client.receive_window) {
    Held held = std::move(client.waiting.front());
    client.waiting.pop_front();
    if (held.message.confirm() == v1::CONFIRM_DELIVERED) {
      held.message.set_delivery_tag(++client.last_tag);
      client.open.push_back({client.last_tag, held.sender, held.message.id()});
    }
    v1::Frame frame;
    frame.mutable_message()->Swap(&held.message);
    write(client, frame);
    client.in_out.emplace_back(client.sent_bytes + client.out.size(), held.received_ns);
  }
}

void FakeBroker::on_ack(Client& client, const v1::Ack& ack) {
  if (ack.refused_size() + ack.taken_size() > 0) {
    return say_goodbye(client, v1::CODE_PROTOCOL_ERROR, "only up_to is served");
  }
  if (ack.session() != 0 && ack.session() != client.session) return;
  if (ack.up_to() > client.last_tag || ack.receipts_up_to() > client.last_seq) {
    return say_goodbye(client, v1::CODE_PROTOCOL_ERROR, "a tag or a seq that was never given");
  }
  for (; !client.open.empty() && client.open.front().tag <= ack.up_to(); client.open.pop_front()) {
    const Client::Open& open = client.open.front();
    tell(open.sender, open.id, true, v1::OUTCOME_DELIVERED, v1::REASON_UNSPECIFIED, true);
  }
  for (; !client.told.empty() && client.told.front().first <= ack.receipts_up_to(); client.told.pop_front()) {
    client.under_way -= client.told.front().second;
  }
  write_waiting(client);
}

void FakeBroker::on_leave(Client& client) {
  write_receipts(client);
  say_goodbye(client, v1::CODE_NORMAL, "");
}

void FakeBroker::tell(uint64_t session, uint64_t id, bool confirmed, v1::Outcome outcome, v1::Reason reason,
                      bool attempted) {
  Client* sender = of_session(session);
  if (sender == nullptr || id == 0) return;
  v1::Receipt receipt;
  receipt.set_first_id(id);
  receipt.set_last_id(id);
  receipt.set_outcome(outcome);
  receipt.set_reason(reason);
  receipt.set_attempted(attempted);
  add_receipt(*(confirmed ? sender->receipts : sender->refusals).mutable_receipts(), receipt);
  mark_changed(*sender);
  if (sender->receipts.receipts().items_size() >= kReceiptsMax) write_receipts(*sender);
}

void FakeBroker::write_receipts(Client& client) {
  if (client.receipts.receipts().items_size() > 0) {
    uint64_t count = 0;
    for (const v1::Receipt& item : client.receipts.receipts().items()) count += item.last_id() - item.first_id() + 1;
    client.receipts.mutable_receipts()->set_seq(++client.last_seq);
    client.told.emplace_back(client.last_seq, count);
    write(client, client.receipts);
    client.receipts.Clear();
  }
  if (client.refusals.receipts().items_size() > 0) {
    write(client, client.refusals);
    client.refusals.Clear();
  }
}

void FakeBroker::write(Client& client, const v1::Frame& frame) {
  append_frame(client.out, frame);
  mark_changed(client);
}

void FakeBroker::say_goodbye(Client& client, v1::Code code, const std::string& text) {
  v1::Frame frame;
  frame.mutable_goodbye()->set_code(code);
  frame.mutable_goodbye()->set_text(text);
  write(client, frame);
  client.ended = true;
  end_session(client);
}

// Tells the outcomes of messages that the client had not acknowledged. Messages that it sent are still delivered.
void FakeBroker::end_session(Client& client) {
  if (sessions_.erase(client.session) == 0) return;
  names_.erase(client.name);
  for (const Client::Open& open : client.open) {
    tell(open.sender, open.id, true, v1::OUTCOME_LOST, v1::REASON_CONNECTION_LOST, true);
  }
  for (const Held& held : client.waiting) {
    if (held.message.confirm() != v1::CONFIRM_DELIVERED) continue;
    tell(held.sender, held.message.id(), true, v1::OUTCOME_LOST, v1::REASON_CONNECTION_LOST, false);
  }
  client.open.clear();
  client.waiting.clear();
}

void FakeBroker::mark_changed(Client& client) {
  if (!client.changed) changed_.push_back(&client);
  client.changed = true;
}

std::vector<Client*> FakeBroker::take_changed() {
  for (Client* client : std::vector<Client*>(changed_)) {
    if (!client->ended) write_receipts(*client);
    client->changed = false;
  }
  return std::exchange(changed_, {});
}

void FakeBroker::sent(Client& client, size_t size, uint64_t now_ns) {
  client.out.erase(0, size);
  client.sent_bytes += size;
  for (; !client.in_out.empty() && client.in_out.front().first <= client.sent_bytes; client.in_out.pop_front()) {
    truth_.note(now_ns - client.in_out.front().second);
  }
}

Client* FakeBroker::of_session(uint64_t session) const {
  const auto found = sessions_.find(session);
  return found == sessions_.end() ? nullptr : found->second;
}

}  // namespace onehop::test
