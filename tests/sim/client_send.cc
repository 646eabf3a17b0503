// Client: what it sends, and how it keeps a stream in order through refusals.
#include <algorithm>
#include <cstring>
#include <string>

#include "sim/client.h"
#include "sim/wire.h"
#include "sim/world.h"

namespace onehop::sim {
namespace {

constexpr uint32_t kLogicalPermille = 850;
constexpr size_t kNoiseBytes = 1 << 16;

// Padding of payloads: cheap to copy, and different wherever one looks.
const std::string& noise() {
  static const std::string bytes = [] {
    std::string made(kNoiseBytes * 2, '\0');
    Random random(7);
    for (char& byte : made) byte = static_cast<char>(random.next());
    return made;
  }();
  return bytes;
}

void fill_payload(std::string& payload, uint32_t record, uint32_t size) {
  payload.assign(noise(), (record * 61u) % kNoiseBytes, size);
  if (size >= sizeof record) std::memcpy(payload.data(), &record, sizeof record);
}

}  // namespace

Client::Outgoing& Client::outgoing(uint32_t name) {
  for (Outgoing& to : outgoing_) {
    if (to.name == name) return to;
  }
  outgoing_.emplace_back();
  outgoing_.back().name = name;
  return outgoing_.back();
}

uint32_t Client::pick_name() {
  if (random_.chance(world_.scenario.hot_permille)) return 0;
  const uint32_t own = world_.oracle.session_of(connection_).name;
  if (random_.chance(40) && own != kNone) return own;
  return random_.below(world_.oracle.names().size());
}

uint32_t Client::pick_size() {
  const uint32_t room = world_.scenario.limits.frame_bytes_max - 400;
  if (random_.chance(world_.scenario.large_permille)) {
    return random_.chance(200) ? random_.between(room / 2, room) : random_.between(1 << 10, 8 << 10);
  }
  return random_.chance(300) ? random_.between(100, 1500) : random_.between(0, 120);
}

void Client::send_burst() {
  const uint32_t count = random_.between(1, world_.scenario.burst_max);
  const bool one_name = random_.chance(700);
  const uint32_t large = pick_size();
  uint32_t name = pick_name();
  if (world_.scenario.topic_permille != 0 && random_.chance(world_.scenario.topic_permille)) {
    const uint32_t topic = random_.below(TopicOracle::topics().size());
    for (uint32_t i = 0; i < count && world_.messages_left != 0; ++i) send_to_topic(topic, large);
    return;
  }
  if (world_.scenario.service_permille != 0 && random_.chance(world_.scenario.service_permille)) {
    return send_to_services(count, large);
  }
  for (uint32_t i = 0; i < count && world_.messages_left != 0; ++i) {
    if (!one_name) name = pick_name();
    if (random_.chance(15)) {
      send_unserved();
      continue;
    }
    Outgoing& to = outgoing(name);
    if (to.paused_until_us > world_.now_us()) {
      if (obeys_pause_) return;
      world_.coverage.add(Provoked::kPauseIgnored);
    }
    const uint32_t size = random_.chance(600) ? large : pick_size();
    send_to(name, size);
  }
}

void Client::send_to(uint32_t name, uint32_t size) {
  v1::Message& message = *out_.mutable_message();
  message.Clear();
  message.set_client(world_.oracle.name(name).text);
  SentMessage sent;
  sent.to = name;
  const bool in_order = ordered_ && opens_gates_;
  // What is part of an ordered stream waits while its gate is closed; other messages try their luck.
  if (in_order && random_.chance(kLogicalPermille)) {
    Outgoing& to = outgoing(name);
    if (to.gate != GateState::kOpen) return;
    to.sizes.push_back(size);
    sent.logical = static_cast<uint32_t>(to.sizes.size());
    sent.id = ++memory_.last_id;
  } else if (!random_.chance(200)) {
    memory_.last_id += random_.chance(100) ? random_.between(1, 1000) : 1;
    sent.id = memory_.last_id;
  }
  // An ordered sender's other messages have no id: one refused would close the gate before the stream's own.
  if (in_order && sent.logical == 0) sent.id = 0;
  if (sent.logical == 0) add_optional_fields(message, sent);
  if (sent.id != 0 && may_confirm(size)) {
    sent.confirmed = true;
    message.set_confirm(v1::CONFIRM_DELIVERED);
  }
  mark_request(message, sent);
  --world_.messages_left;
  send_message(message, sent, size);
}

void Client::add_ttl(v1::Message& message, SentMessage& sent) {
  if (!random_.chance(world_.scenario.ttl_permille)) return;
  const uint32_t what = random_.below(3);
  sent.ttl_ms = what == 0   ? random_.between(1, 100)
                : what == 1 ? random_.between(100, 2'000)
                            : random_.between(2'000, 1'000'000);
  message.set_ttl_ms(sent.ttl_ms);
}

void Client::add_optional_fields(v1::Message& message, SentMessage& sent) {
  add_ttl(message, sent);
  if (random_.chance(30)) message.set_maybe_repeated(true);
  if (random_.chance(30)) {
    const uint32_t count = random_.between(1, 4);
    for (uint32_t i = 0; i < count; ++i) {
      v1::Header& header = *message.add_headers();
      header.set_key("key");
      header.set_value(std::string(random_.below(40), 'v'));
    }
  }
  // A sender's field that nobody knows yet: 20, a varint.
  if (random_.chance(30)) message.MergeFromString(std::string("\xA0\x01\x07"));
  if (!random_.chance(20)) return;
  // To none that there is, where some want a reply.
  message.set_in_reply_to(random_.between(1, 100) + (world_.scenario.request_permille == 0 ? 0 : uint64_t{1} << 40));
  const Name& name = world_.oracle.name(sent.to);
  const bool stale = random_.chance(500) || name.owner == kNone;
  sent.in_reply_to_session = stale ? 999 : world_.oracle.session(name.owner).number;
  message.set_in_reply_to_session(sent.in_reply_to_session);
}

void Client::send_unserved() {
  v1::Message& message = *out_.mutable_message();
  message.Clear();
  SentMessage sent;
  const uint32_t what = random_.below(3);
  sent.unsupported = what == 2;
  if (what != 2) {
    sent.service = ServiceOracle::kServed + what;
    message.set_service(ServiceOracle::services()[sent.service]);
  } else {
    message.set_client(world_.oracle.name(0).text);
    message.set_confirm(static_cast<v1::Confirm>(2));
  }
  if (what == 2 || random_.chance(800)) sent.id = ++memory_.last_id;
  --world_.messages_left;
  const uint32_t size = pick_size();
  if (what != 2 && sent.id != 0 && may_confirm(size)) {
    sent.confirmed = true;
    message.set_confirm(v1::CONFIRM_DELIVERED);
  }
  send_message(message, sent, size);
}

// What is allowed, and means nothing: the broker ignores it.
void Client::send_stray() {
  const uint32_t what = random_.below(3);
  if (what == 0) {
    out_.mutable_pong()->set_nonce(random_.next());
  } else if (what == 1) {
    out_.mutable_ack()->Clear();
  } else {
    // There is no gate where nothing was sent.
    const uint32_t name = random_.below(world_.oracle.names().size());
    const std::vector<Stream>& streams = world_.oracle.session_of(connection_).streams;
    if (std::any_of(streams.begin(), streams.end(), [name](const Stream& s) { return s.name == name; })) return;
    out_.mutable_flow()->Clear();
    out_.mutable_flow()->set_client(world_.oracle.name(name).text);
    out_.mutable_flow()->set_state(v1::STATE_RESUME);
  }
  append_frame(outbox_, out_);
}

// As often as the scenario wants, and as the send window allows.
bool Client::may_confirm(uint32_t size) {
  constexpr uint64_t kFieldsBytesMax = 600;
  if (!random_.chance(world_.scenario.confirmed_permille)) return false;
  if (world_.oracle.window_has_room(connection_, size + kFieldsBytesMax)) return true;
  world_.coverage.add(Provoked::kSendWindowFull);
  return false;
}

void Client::send_message(v1::Message& message, SentMessage sent, uint32_t size) {
  if (sent.id != 0) message.set_id(sent.id);
  // Without an id, the payload says which message it is.
  if (sent.id == 0) size = std::max<uint32_t>(size, 8);
  const uint32_t record = world_.oracle.begin_message(connection_, sent);
  fill_payload(*message.mutable_payload(), record, size);
  const size_t begin = outbox_.size();
  const uint32_t frame_bytes = append_frame(outbox_, out_);
  const auto body_bytes = static_cast<size_t>(message.GetCachedSize());
  world_.oracle.sent(record, core::Bytes(outbox_).substr(outbox_.size() - body_bytes), frame_bytes);
  if (sent.id != 0) memory_.kept.push_back({sent.id, record, outbox_.substr(begin)});
  if (!world_.verbose) return;
  std::printf("             connection %u sends message %llu to %s, number %u, %u bytes", connection_,
              static_cast<unsigned long long>(sent.id), world_.oracle.where(sent).c_str(), sent.logical, frame_bytes);
  if (message.in_reply_to() != 0) {
    std::printf(", in reply to %llu of %llu", static_cast<unsigned long long>(message.in_reply_to()),
                static_cast<unsigned long long>(message.in_reply_to_session()));
  }
  if (sent.ttl_ms != 0) std::printf(", %u ms", sent.ttl_ms);
  std::printf("%s%s\n", sent.is_request ? ", a request" : "", sent.retries ? ", retries" : "");
}

void Client::tend_gates() {
  if (!ordered_ || !opens_gates_) return;
  for (Outgoing& to : outgoing_) {
    if (to.gate == GateState::kAwaitRetry && world_.now_us() >= to.retry_at_us) repeat_refused(to);
  }
}

void Client::repeat_refused(Outgoing& to) {
  v1::Flow& flow = *out_.mutable_flow();
  flow.Clear();
  flow.set_client(world_.oracle.name(to.name).text);
  flow.set_state(v1::STATE_RESUME);
  append_frame(outbox_, out_);
  world_.oracle.opens_gate(connection_, to.name);
  if (world_.verbose)
    std::printf("             connection %u opens the gate of %s\n", connection_, flow.client().c_str());
  to.gate = GateState::kOpen;
  const std::vector<uint32_t> refused = std::move(to.refused);
  to.refused.clear();
  for (const uint32_t logical : refused) {
    v1::Message& message = *out_.mutable_message();
    message.Clear();
    message.set_client(world_.oracle.name(to.name).text);
    SentMessage sent;
    sent.to = to.name;
    sent.logical = logical;
    sent.id = ++memory_.last_id;
    const uint32_t size = to.sizes[logical - 1];
    if (may_confirm(size)) {
      sent.confirmed = true;
      message.set_confirm(v1::CONFIRM_DELIVERED);
    }
    send_message(message, sent, size);
  }
}

}  // namespace onehop::sim
