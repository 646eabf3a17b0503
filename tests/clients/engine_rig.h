// A client engine under test, between a recorder of its events and a scripted broker: the test gives it the broker's
// frames and looks at the frames it writes. Time stands still unless the test moves it.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "core/wire/frame_decoder.h"
#include "onehop/client_engine.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::client {

// The session that the scripted broker gives.
constexpr uint64_t kSession = 7;

inline DeliveryTag tag_of(uint64_t tag, uint64_t session = kSession) {
  return {session, tag};
}

// Events, in words, in the order they came; and what needs more than words.
class Recorder : public ClientEvents {
 public:
  void on_open(const SessionInfo& session) override { log.push_back("open " + std::string(session.name)); }
  void on_message(const Message& message) override {
    std::string line = "message " + std::string(message.from) + " " + std::string(message.payload);
    if (!message.topic.empty()) line += " in " + std::string(message.topic);
    if (!message.service.empty()) line += " for " + std::string(message.service);
    if (message.skipped != 0) line += " after " + std::to_string(message.skipped);
    log.push_back(line);
    tags.push_back(message.tag);
  }
  void on_outcome(std::string_view to, const SendResult& result) override {
    std::string line = std::to_string(result.ticket) + " " + std::string(to_string(result.outcome));
    if (result.reason != Reason::kNone) line += " " + to_string(result.reason);
    outcomes.push_back(line);
    results.push_back(result);
    destinations.emplace_back(to);
  }
  void on_room() override { log.push_back("room"); }
  void on_pong(uint64_t nonce) override { log.push_back("pong " + std::to_string(nonce)); }
  void on_subscribed(std::string_view filter, Reason reason) override {
    log.push_back("subscribed " + std::string(filter) + (reason == Reason::kNone ? "" : " " + to_string(reason)));
  }
  void on_unsubscribed(std::string_view filter) override { log.push_back("unsubscribed " + std::string(filter)); }
  void on_serving(std::string_view service, Reason reason) override {
    log.push_back("serving " + std::string(service) + (reason == Reason::kNone ? "" : " " + to_string(reason)));
  }
  void on_unserved(std::string_view service) override { log.push_back("unserved " + std::string(service)); }
  void on_reply(uint64_t ticket, const Message& reply) override {
    log.push_back("reply to " + std::to_string(ticket) + " " + std::string(reply.payload));
    tags.push_back(reply.tag);
  }
  void on_no_reply(uint64_t ticket) override { log.push_back("no reply to " + std::to_string(ticket)); }
  void on_down(const Ending& ending, uint64_t retry_in_ms) override {
    log.push_back("down");
    endings.push_back(ending);
    retry_in = retry_in_ms;
  }
  void on_ended(const Ending& ending) override {
    log.push_back("ended");
    endings.push_back(ending);
  }

  std::vector<std::string> log;
  std::vector<DeliveryTag> tags;
  std::vector<std::string> outcomes;
  std::vector<SendResult> results;
  std::vector<std::string> destinations;
  std::vector<Ending> endings;
  uint64_t retry_in = 0;
};

inline std::string encode_frame(const v1::Frame& frame) {
  const std::string body = frame.SerializeAsString();
  char prefix[core::kVarintBytesMax];
  std::string bytes(prefix, core::write_varint(prefix, body.size()));
  return bytes += body;
}

inline v1::Frame connected_frame(uint32_t frame_bytes_max = 1 << 20, uint32_t keepalive_ms = 30'000) {
  v1::Frame frame;
  v1::Connected& connected = *frame.mutable_connected();
  connected.set_name("alice");
  connected.set_protocol_version(1);
  connected.set_server("test");
  connected.set_session(7);
  connected.set_keepalive_ms(keepalive_ms);
  connected.set_frame_bytes_max(frame_bytes_max);
  connected.set_features(1);
  connected.set_send_window(4'096);
  connected.set_send_window_bytes(8 << 20);
  connected.set_ttl_ms_max(3'600'000);
  connected.set_resume_token("ticket");
  return frame;
}

// The same of a session that outlives its connections.
inline v1::Frame lasting_frame(uint64_t session = 7) {
  v1::Frame frame = connected_frame();
  frame.mutable_connected()->set_session(session);
  frame.mutable_connected()->set_session_expiry_ms(60'000);
  return frame;
}

// The answer to a resume.
inline v1::Frame resumed_frame(uint64_t last_id = 0, uint64_t session = 7) {
  v1::Frame frame = lasting_frame(session);
  frame.mutable_connected()->set_resumed(true);
  frame.mutable_connected()->set_last_id(last_id);
  return frame;
}

// A message as the broker hands it out; without a tag it wants no acknowledgement.
inline v1::Frame delivery_frame(uint64_t tag, const std::string& payload = "x") {
  v1::Frame frame;
  frame.mutable_message()->set_client("alice");
  frame.mutable_message()->set_from("bob");
  frame.mutable_message()->set_delivery_tag(tag);
  frame.mutable_message()->set_payload(payload);
  return frame;
}

inline v1::Frame refusal_frame(uint64_t first, uint64_t last, v1::Reason reason, uint32_t retry_after_ms = 0) {
  v1::Frame frame;
  v1::Receipt& receipt = *frame.mutable_receipts()->add_items();
  receipt.set_first_id(first);
  receipt.set_last_id(last);
  receipt.set_outcome(v1::OUTCOME_REJECTED);
  receipt.set_reason(reason);
  receipt.set_retry_after_ms(retry_after_ms);
  return frame;
}

// One outcome for these messages, in the receipts frame `seq`.
inline v1::Frame receipts_frame(uint64_t seq, uint64_t first, uint64_t last, v1::Outcome outcome) {
  v1::Frame frame;
  frame.mutable_receipts()->set_seq(seq);
  v1::Receipt& receipt = *frame.mutable_receipts()->add_items();
  receipt.set_first_id(first);
  receipt.set_last_id(last);
  receipt.set_outcome(outcome);
  return frame;
}

inline v1::Frame flow_frame(const std::string& client, v1::State state, uint32_t retry_after_ms = 0) {
  v1::Frame frame;
  frame.mutable_flow()->set_client(client);
  frame.mutable_flow()->set_state(state);
  frame.mutable_flow()->set_retry_after_ms(retry_after_ms);
  return frame;
}

// The same for a service.
inline v1::Frame service_flow_frame(const std::string& service, v1::State state, uint32_t retry_after_ms = 0) {
  v1::Frame frame = flow_frame("", state, retry_after_ms);
  frame.mutable_flow()->set_service(service);
  return frame;
}

inline v1::Frame pong_frame(uint64_t nonce) {
  v1::Frame frame;
  frame.mutable_pong()->set_nonce(nonce);
  return frame;
}

inline v1::Frame goodbye_frame(v1::Code code, uint32_t retry_after_ms = 0, uint32_t grace_ms = 0) {
  v1::Frame frame;
  frame.mutable_goodbye()->set_code(code);
  frame.mutable_goodbye()->set_retry_after_ms(retry_after_ms);
  frame.mutable_goodbye()->set_grace_ms(grace_ms);
  return frame;
}

// "ack refused 3 taken 5-6 to 3 receipts 2", as far as it says so.
inline std::string in_words(const v1::Ack& ack) {
  std::string words = "ack";
  for (const v1::Refusal& refusal : ack.refused()) words += " refused " + std::to_string(refusal.delivery_tag());
  for (const v1::Range& range : ack.taken()) {
    words += " taken " + std::to_string(range.first()) + "-" + std::to_string(range.last());
  }
  if (ack.up_to() != 0) words += " to " + std::to_string(ack.up_to());
  if (ack.receipts_up_to() != 0) words += " receipts " + std::to_string(ack.receipts_up_to());
  return words;
}

// A frame in a few words: "connect", "bob:1=hello" (destination, id, payload), "ping", "resume bob".
inline std::string in_words(const v1::Frame& frame) {
  switch (frame.kind_case()) {
    case v1::Frame::kConnect:
      return "connect";
    case v1::Frame::kMessage: {
      const v1::Message& message = frame.message();
      const std::string to = message.has_topic()     ? "topic " + message.topic()
                             : message.has_service() ? "service " + message.service()
                                                     : message.client();
      return to + ":" + std::to_string(message.id()) + "=" + message.payload() + (message.wants_reply() ? "?" : "") +
             (message.maybe_repeated() ? " again" : "");
    }
    case v1::Frame::kAck:
      return in_words(frame.ack());
    case v1::Frame::kFlow:
      return (frame.flow().state() == v1::STATE_RESUME ? "resume " : "pause ") + frame.flow().client();
    case v1::Frame::kPing:
      return "ping";
    case v1::Frame::kPong:
      return "pong";
    case v1::Frame::kSubscribe:
      if (frame.subscribe().has_service()) return "serve " + frame.subscribe().service();
      return "subscribe " + frame.subscribe().topic() + (frame.subscribe().no_echo() ? " no echo" : "");
    case v1::Frame::kUnsubscribe:
      if (frame.unsubscribe().has_service()) return "unserve " + frame.unsubscribe().service();
      return "unsubscribe " + frame.unsubscribe().topic();
    case v1::Frame::kGoodbye:
      return "goodbye";
    default:
      return "?";
  }
}

class Rig {
 public:
  explicit Rig(ClientOptions options = {}) : engine(named(std::move(options)), events, 1) {}

  static ClientOptions named(ClientOptions options) {
    if (options.name.empty()) options.name = "alice";
    return options;
  }

  // Connects and opens the session; what was written on the way is gone.
  void open(const v1::Frame& connected = connected_frame()) {
    engine.start(now);
    engine.on_link_up(now);
    written();
    give(connected);
  }
  // The next attempt, after a loss: waits for it, then opens the session.
  void reopen(const v1::Frame& connected = connected_frame()) {
    wait(events.retry_in);
    engine.on_link_up(now);
    written();
    give(connected);
  }

  void give(const v1::Frame& frame) { engine.on_bytes(encode_frame(frame), now); }

  SendStatus send(std::string_view to, std::string_view payload, Confirm confirm = Confirm::kRefusals) {
    return engine.send(to, payload, {.confirm = confirm}, &last_ticket);
  }

  void wait(uint64_t ms) {
    now += ms;
    engine.on_tick(now);
  }

  // All that the engine writes now, frame by frame.
  std::vector<v1::Frame> frames() {
    std::string bytes;
    std::array<std::string_view, 4> pieces;
    while (const size_t count = engine.output(pieces, now)) {
      size_t size = 0;
      for (size_t i = 0; i < count; ++i) {
        bytes += pieces[i];
        size += pieces[i].size();
      }
      engine.on_written(size, now);
    }
    std::vector<v1::Frame> found;
    core::Input input{.rest = bytes};
    core::FrameView view;
    while (decoder_.next(input, 64 << 20, view) == core::Next::kFrame) {
      found.emplace_back();
      if (!found.back().ParseFromArray(view.bytes.data(), static_cast<int>(view.bytes.size()))) found.clear();
      if (found.back().has_ping()) last_ping = found.back().ping().nonce();
    }
    return found;
  }
  std::vector<std::string> written() {
    std::vector<std::string> words;
    for (const v1::Frame& frame : frames()) words.push_back(in_words(frame));
    return words;
  }
  // Answers the last ping that written() saw.
  void pong() { give(pong_frame(last_ping)); }

  Recorder events;
  uint64_t now = 1'000'000;
  ClientEngine engine;
  uint64_t last_ticket = 0;
  uint64_t last_ping = 0;

 private:
  core::FrameDecoder decoder_;
};

using Words = std::vector<std::string>;

// With an open session, number 7, that outlives its connections.
struct ResumeRig : Rig {
  explicit ResumeRig(ClientOptions options = {}) : Rig(std::move(options)) { open(lasting_frame()); }

  // Loses the connection.
  void cut() { engine.on_link_down("cut", now); }
  // The next attempt's first frame.
  v1::Connect connect() {
    wait(events.retry_in);
    engine.on_link_up(now);
    const auto found = frames();
    EXPECT_EQ(found.size(), 1U);
    return found.empty() ? v1::Connect() : found[0].connect();
  }
  void take(uint64_t tag) { engine.acknowledge({7, tag}); }
  // Leaves out what is only about time.
  Words log_of_messages() const {
    Words words;
    for (const std::string& line : events.log) {
      if (line.starts_with("message")) words.push_back(line);
    }
    return words;
  }
};

}  // namespace onehop::client
