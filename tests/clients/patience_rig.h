// For the tests of patience: an engine whose broker has just started, so that names have to be proven.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "engine_rig.h"

namespace onehop::client {

inline v1::Frame in_grace(v1::Frame connected, uint32_t grace_ms = 30'000) {
  connected.mutable_connected()->set_start_grace_ms(grace_ms);
  return connected;
}

// With an open session, of a broker that has just started; the parameter is the messages' level.
class PatienceRig : public testing::TestWithParam<Confirm> {
 protected:
  void open(ClientOptions options = {}, const v1::Frame& connected = in_grace(lasting_frame())) {
    rig = std::make_unique<Rig>(std::move(options));
    rig->open(connected);
  }
  bool confirmed() const { return GetParam() == Confirm::kDelivered; }
  SendStatus try_to_send(const char* to, const std::string& payload, uint32_t patience_ms = kUnknownPatienceMs) {
    return rig->engine.send(to, payload, {.confirm = GetParam(), .unknown_patience_ms = patience_ms});
  }
  void send(const char* to, const std::string& payload, uint32_t patience_ms = kUnknownPatienceMs) {
    ASSERT_EQ(try_to_send(to, payload, patience_ms), SendStatus::kAccepted);
  }
  // The broker refuses one message, because nobody has the name; the pong follows.
  void refuse(uint64_t id, uint32_t retry_after_ms = 500) {
    give_refusal(id, v1::REASON_UNKNOWN_CLIENT, retry_after_ms);
    rig->written();
    rig->pong();
  }
  void give_refusal(uint64_t id, v1::Reason reason, uint32_t retry_after_ms) {
    v1::Frame frame = refusal_frame(id, id, reason, retry_after_ms);
    if (confirmed()) frame.mutable_receipts()->set_seq(++seq);
    rig->give(frame);
  }
  // Only the messages, without what is about acknowledgements.
  Words messages() {
    Words words;
    for (const std::string& word : rig->written()) {
      if (word.find('=') != std::string::npos) words.push_back(word);
    }
    return words;
  }
  // The one behind the message, and the one that a refusal asks for.
  void answer_pings() {
    for (int i = 0; i < 2; ++i) {
      messages();
      rig->pong();
    }
  }
  // Until there is no room; returns how many were accepted.
  size_t fill() {
    size_t accepted = 0;
    while (try_to_send("bob", std::string(100, 'x'), 1'000) == SendStatus::kAccepted) ++accepted;
    return accepted;
  }
  const Words& outcomes() const { return rig->events.outcomes; }

  std::unique_ptr<Rig> rig;
  uint64_t seq = 0;
};

inline std::string level_in_words(const testing::TestParamInfo<Confirm>& level) {
  return level.param == Confirm::kRefusals ? "Refusals" : "Delivered";
}

}  // namespace onehop::client
