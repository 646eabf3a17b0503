// Confirmed messages as clients write and read them: frames to send, and outcomes in the order told.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "fake_host.h"
#include "frames.h"
#include "pair.h"

namespace onehop::core::test {

inline v1::Frame confirmed_frame(const std::string& client, uint64_t id, const std::string& payload = "",
                                 uint32_t ttl_ms = 0) {
  v1::Frame frame = message_frame(client, id, payload);
  frame.mutable_message()->set_confirm(v1::CONFIRM_DELIVERED);
  frame.mutable_message()->set_ttl_ms(ttl_ms);
  return frame;
}

inline v1::Frame ack_up_to(uint64_t tag) {
  v1::Frame frame;
  frame.mutable_ack()->set_up_to(tag);
  return frame;
}

inline v1::Frame ack_taken(uint64_t first, uint64_t last) {
  v1::Frame frame;
  v1::Range& range = *frame.mutable_ack()->add_taken();
  range.set_first(first);
  range.set_last(last);
  return frame;
}

inline v1::Frame ack_refused(uint64_t tag, const std::string& text = "", uint32_t code = 0) {
  v1::Frame frame;
  v1::Refusal& refusal = *frame.mutable_ack()->add_refused();
  refusal.set_delivery_tag(tag);
  refusal.set_text(text);
  refusal.set_code(code);
  return frame;
}

inline v1::Frame ack_receipts(uint64_t seq) {
  v1::Frame frame;
  frame.mutable_ack()->set_receipts_up_to(seq);
  return frame;
}

// A Connect of a client whose session outlives its connections.
inline v1::Frame lasting_frame(const std::string& name, uint32_t expiry_ms = 60'000) {
  v1::Frame frame = connect_frame(name);
  frame.mutable_connect()->set_session_expiry_ms(expiry_ms);
  return frame;
}

inline v1::Frame resume_frame(const v1::Connected& elder, uint32_t attempt, uint64_t received_up_to = 0) {
  v1::Frame frame = lasting_frame(elder.name());
  frame.mutable_connect()->set_resume_token(elder.resume_token());
  frame.mutable_connect()->set_attempt(attempt);
  frame.mutable_connect()->set_received_up_to(received_up_to);
  return frame;
}

// One message's outcome.
struct Told {
  uint64_t id = 0;
  v1::Outcome outcome = v1::OUTCOME_DELIVERED;
  v1::Reason reason = v1::REASON_UNSPECIFIED;
  bool attempted = true;

  friend bool operator==(const Told&, const Told&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Told& told) {
    return out << told.id << ":" << v1::Outcome_Name(told.outcome) << "/" << v1::Reason_Name(told.reason)
               << (told.attempted ? "+" : "-");
  }
};

// The outcomes in numbered receipts, in the order told.
inline std::vector<Told> outcomes(const std::vector<v1::Frame>& frames) {
  std::vector<Told> all;
  for (const v1::Frame& frame : frames) {
    if (frame.receipts().seq() == 0) continue;
    for (const v1::Receipt& item : frame.receipts().items()) {
      for (uint64_t id = item.first_id(); id <= item.last_id(); ++id) {
        all.push_back({id, item.outcome(), item.reason(), item.attempted()});
      }
    }
  }
  return all;
}

inline std::vector<Told> same_for(uint64_t first, uint64_t last, v1::Outcome outcome,
                                  v1::Reason reason = v1::REASON_UNSPECIFIED, bool attempted = true) {
  std::vector<Told> all;
  for (uint64_t id = first; id <= last; ++id) all.push_back({id, outcome, reason, attempted});
  return all;
}

inline std::vector<uint64_t> seqs(const std::vector<v1::Frame>& frames) {
  std::vector<uint64_t> all;
  for (const v1::Frame& frame : frames_of(frames, v1::Frame::kReceipts)) all.push_back(frame.receipts().seq());
  return all;
}

inline std::vector<uint64_t> tags(const std::vector<v1::Frame>& frames) {
  std::vector<uint64_t> all;
  for (const v1::Frame& frame : frames_of(frames, v1::Frame::kMessage)) all.push_back(frame.message().delivery_tag());
  return all;
}

inline std::vector<uint64_t> ids(const std::vector<v1::Frame>& frames) {
  std::vector<uint64_t> all;
  for (const v1::Frame& frame : frames_of(frames, v1::Frame::kMessage)) all.push_back(frame.message().id());
  return all;
}

// Alice and bob with sessions that outlive their connections; every scenario has to leave nothing queued.
struct LastingPair {
  explicit LastingPair(ShardIndex home_of_bob, const Limits& limits = {}, uint32_t receive_window = 0)
      : broker(2, limits),
        alices_name(broker.name_on(0, "alice")),
        bobs_name(broker.name_on(home_of_bob, "bob")),
        alice(broker, lasting_frame(alices_name)),
        bob(broker, with_window(lasting_frame(bobs_name), receive_window)),
        home(home_of_bob) {}
  ~LastingPair() {
    broker.stop();
    for (FakeLink& link : broker.links) link.write_capacity = SIZE_MAX;
    broker.settle();
    for (ShardIndex shard = 0; shard < 2; ++shard) {
      EXPECT_EQ(broker.counters(shard).queued_bytes, 0u);
      EXPECT_EQ(broker.counters(shard).open_bytes, 0u);
      EXPECT_EQ(broker.counters(shard).held_bytes(), 0u);
      EXPECT_EQ(broker.counters(shard).away_bytes, 0u);
      EXPECT_EQ(broker.counters(shard).sessions, 0u);
      EXPECT_EQ(broker.counters(shard).links, 0u);
    }
  }
  static v1::Frame with_window(v1::Frame frame, uint32_t receive_window) {
    frame.mutable_connect()->set_receive_window(receive_window);
    return frame;
  }

  // Alice sends confirmed messages to bob, all in one piece.
  void send(uint64_t first_id, uint64_t last_id, uint32_t ttl_ms = 0, size_t payload_bytes = 10) {
    std::string bytes;
    for (uint64_t id = first_id; id <= last_id; ++id) {
      bytes += wire(confirmed_frame(bobs_name, id, std::string(payload_bytes, 'p'), ttl_ms));
    }
    alice.send_bytes(bytes);
  }
  // Bob comes back; returns what he reads behind Connected.
  std::vector<v1::Frame> resume_bob(uint64_t received_up_to = 0) {
    return resume_bob(resume_frame(bob.connected(), ++bobs_attempt, received_up_to));
  }
  std::vector<v1::Frame> resume_bob(const v1::Frame& connect) {
    bob = FakeClient(broker);
    return bob.connect(connect);
  }
  std::vector<v1::Frame> resume_alice() {
    const v1::Frame connect = resume_frame(alice.connected(), ++alices_attempt);
    alice = FakeClient(broker);
    return alice.connect(connect);
  }
  const Counters& bobs_counters() { return broker.counters(home); }

  FakeBroker broker;
  std::string alices_name;
  std::string bobs_name;
  FakeClient alice;
  FakeClient bob;
  ShardIndex home;
  uint32_t alices_attempt = 0;
  uint32_t bobs_attempt = 0;
};

}  // namespace onehop::core::test
