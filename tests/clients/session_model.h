// A small model of the broker for confirmed messages: a session that outlives connections, its send window, numbered
// receipts, recipients with queues, gates and pauses, refusals that are told late; and its end, when another broker
// takes its place. It checks what a client must keep to, and knows what became of each message.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "engine_rig.h"
#include "seeded_random.h"

namespace onehop::client {

class SessionModel {
 public:
  static constexpr uint32_t kWindow = 12;
  static constexpr uint32_t kWindowBytes = 500;

  SessionModel(uint64_t seed, const std::vector<std::string>& names) : random_(seed) {
    for (const std::string& name : names) recipients_[name].limit = 2 + random_.below(20);
  }

  // The connection is gone, with all that was under way.
  void cut() {
    connected_ = false;
    decoder_ = core::FrameDecoder();
    input_.clear();
    output_.clear();
    refusals_.Clear();
  }

  // Another broker takes the place of this one, which takes along everything it has.
  void replace() {
    cut();
    session_ = Session{session_.number + 1};
    for (auto& [name, recipient] : recipients_) {
      recipient = {.limit = recipient.limit, .arrived = recipient.arrived, .there = !come_late || random_.one_in(3)};
    }
  }

  void receive(std::string_view bytes) { input_ += bytes; }

  void step() {
    const size_t size = std::min<size_t>(input_.size(), random_.below(400));
    core::Input input{.rest = std::string_view(input_).substr(0, size)};
    core::FrameView view;
    while (decoder_.next(input, 1 << 20, view) == core::Next::kFrame) {
      v1::Frame frame;
      ASSERT_TRUE(frame.ParseFromArray(view.bytes.data(), static_cast<int>(view.bytes.size())));
      handle(frame, view.bytes.size());
    }
    input_.erase(0, size);
    for (auto& [name, recipient] : recipients_) work(name, recipient);
    if (random_.one_in(3)) tell();
  }

  // The recipients take all that waits for them.
  void empty_queues() {
    for (auto& [name, recipient] : recipients_) {
      while (!recipient.queue.empty()) work(name, recipient);
    }
  }

  std::string take_output() {
    const size_t size = std::min<size_t>(output_.size(), random_.below(300));
    std::string bytes = output_.substr(0, size);
    output_.erase(0, size);
    return bytes;
  }

  const std::vector<std::string>& arrived(const std::string& name) { return recipients_[name].arrived; }
  // What was decided about a confirmed message, by its payload; the last attempt counts.
  const std::map<std::string, v1::Outcome>& decided() const { return decided_; }
  // Whether messages may expire before anybody has seen them.
  bool expires_unseen = true;
  // Whether recipients come later than a new broker starts; for how long it expects them; whether they also go again.
  bool come_late = false;
  uint32_t start_grace_ms = 0;
  bool go_again = false;
  int unknown = 0;
  int resumes = 0;
  int refused = 0;
  int told_again = 0;
  int window_full = 0;

 private:
  struct Waiting {
    uint64_t id;
    std::string payload;
    bool confirmed;
    bool maybe_repeated;
  };
  // Decided at the recipient's home, and on its way to the sender's.
  struct Underway {
    bool confirmed;
    v1::Receipt receipt;
  };
  struct Recipient {
    uint64_t limit = 0;
    std::vector<std::string> arrived = {};
    std::deque<Waiting> queue = {};
    std::deque<Underway> underway = {};
    bool gate_closed = false;
    bool paused = false;
    bool there = true;
  };
  struct Session {
    uint64_t number = 1;
    bool begun = false;
    uint32_t attempt = 0;
    uint64_t last_id = 0;
    bool repeating = false;
    std::map<uint64_t, uint64_t> open = {};
    uint64_t open_bytes = 0;
    std::vector<v1::Receipt> untold = {};
    std::deque<v1::Frame> told = {};
    uint64_t last_seq = 0;
    uint64_t outcomes = 0;
  };

  static uint64_t count(const v1::Frame& frame) {
    uint64_t ids = 0;
    for (const v1::Receipt& item : frame.receipts().items()) ids += item.last_id() - item.first_id() + 1;
    return ids;
  }

  void handle(const v1::Frame& frame, size_t frame_bytes) {
    switch (frame.kind_case()) {
      case v1::Frame::kConnect:
        return connect(frame.connect());
      case v1::Frame::kMessage:
        return take(frame.message(), frame_bytes);
      case v1::Frame::kAck:
        return forget(frame.ack().receipts_up_to());
      case v1::Frame::kFlow:
        recipients_[frame.flow().client()].gate_closed = false;
        return;
      case v1::Frame::kPing:
        for (auto& [name, recipient] : recipients_) {
          while (!recipient.underway.empty()) arrive_home(recipient);
        }
        tell();
        output_ += encode_frame(pong_frame(frame.ping().nonce()));
        return;
      default:
        return;
    }
  }

  void connect(const v1::Connect& connect) {
    const bool resumed = session_.begun && connect.resume_token() == std::to_string(session_.number);
    if (resumed) {
      ++resumes;
      EXPECT_GT(connect.attempt(), session_.attempt);
      session_.attempt = connect.attempt();
      session_.repeating = true;
      forget(connect.receipts_up_to());
    } else {
      replace();
      session_.begun = true;
    }
    connected_ = true;
    v1::Frame frame = resumed ? resumed_frame(session_.last_id, session_.number) : lasting_frame(session_.number);
    frame.mutable_connected()->set_resume_token(std::to_string(session_.number));
    frame.mutable_connected()->set_send_window(kWindow);
    frame.mutable_connected()->set_send_window_bytes(kWindowBytes);
    frame.mutable_connected()->set_start_grace_ms(start_grace_ms);
    output_ += encode_frame(frame);
    for (const v1::Frame& again : session_.told) {
      output_ += encode_frame(again);
      ++told_again;
    }
  }

  void forget(uint64_t up_to) {
    EXPECT_LE(up_to, session_.last_seq) << "receipts that were never sent";
    while (!session_.told.empty() && session_.told.front().receipts().seq() <= up_to) {
      session_.outcomes -= count(session_.told.front());
      session_.told.pop_front();
    }
  }

  void take(const v1::Message& message, size_t frame_bytes) {
    if (message.id() <= session_.last_id) {
      EXPECT_TRUE(session_.repeating) << "an id that does not rise";
      return;
    }
    session_.last_id = message.id();
    session_.repeating = false;
    const bool confirmed = message.confirm() == v1::CONFIRM_DELIVERED;
    if (confirmed) {
      EXPECT_LT(session_.open.size() + session_.outcomes, kWindow);
      EXPECT_LE(session_.open_bytes + frame_bytes, kWindowBytes);
      session_.open[message.id()] = frame_bytes;
      session_.open_bytes += frame_bytes;
      if (session_.open.size() + session_.outcomes == kWindow) ++window_full;
    }
    Recipient& recipient = recipients_[message.client()];
    if (!recipient.there) {
      ++unknown;
      // Where the broker does not say when to try again, the client has to know by itself.
      const auto retry_after_ms = static_cast<uint32_t>(random_.one_in(2) ? 0 : 1 + random_.below(50));
      const v1::Frame refusal = refusal_frame(message.id(), message.id(), v1::REASON_UNKNOWN_CLIENT, retry_after_ms);
      recipient.underway.push_back({confirmed, refusal.receipts().items(0)});
      return;
    }
    if (recipient.gate_closed || recipient.queue.size() >= recipient.limit) {
      ++refused;
      recipient.gate_closed = true;
      const auto retry_after_ms = static_cast<uint32_t>(1 + random_.below(50));
      const v1::Frame refusal = refusal_frame(message.id(), message.id(), v1::REASON_QUEUE_FULL, retry_after_ms);
      recipient.underway.push_back({confirmed, refusal.receipts().items(0)});
      return;
    }
    recipient.queue.push_back({message.id(), message.payload(), confirmed, message.maybe_repeated()});
    if (recipient.queue.size() > recipient.limit * 3 / 4 && !recipient.paused && !random_.one_in(3)) {
      recipient.paused = true;
      const auto retry_after_ms = static_cast<uint32_t>(1 + random_.below(50));
      output_ += encode_frame(flow_frame(message.client(), v1::STATE_PAUSE, retry_after_ms));
    }
  }

  // A recipient takes some of its queue, and some of what it decided gets to the sender's home.
  void work(const std::string& name, Recipient& recipient) {
    for (uint64_t left = random_.below(4); left != 0 && !recipient.queue.empty(); --left) {
      decide(recipient, recipient.queue.front());
      recipient.queue.pop_front();
    }
    if (recipient.paused && recipient.queue.size() <= recipient.limit / 4) {
      recipient.paused = false;
      if (connected_ && !random_.one_in(4)) output_ += encode_frame(flow_frame(name, v1::STATE_RESUME));
    }
    while (!recipient.underway.empty() && random_.one_in(2)) arrive_home(recipient);
    if (!recipient.there) {
      recipient.there = random_.one_in(40);
    } else if (go_again && recipient.queue.empty() && !recipient.gate_closed && random_.one_in(100)) {
      // With a closed gate it would take the gate along, and what is under way behind a refusal would overtake it.
      recipient.there = recipient.paused = false;
      // What it had told others to do ends with it.
      if (connected_ && random_.one_in(2)) output_ += encode_frame(flow_frame(name, v1::STATE_RESUME));
    }
  }

  void decide(Recipient& recipient, const Waiting& message) {
    const uint64_t choice = message.confirmed ? random_.below(20) : 20;
    const bool attempted = choice != 0 || !expires_unseen;
    if (attempted) recipient.arrived.push_back(message.payload + (message.maybe_repeated ? "*" : ""));
    if (!message.confirmed) return;
    const v1::Outcome outcome = choice < 2   ? v1::OUTCOME_EXPIRED
                                : choice < 4 ? v1::OUTCOME_REJECTED
                                             : v1::OUTCOME_DELIVERED;
    v1::Receipt receipt = receipts_frame(0, message.id, message.id, outcome).receipts().items(0);
    receipt.set_attempted(attempted);
    if (outcome == v1::OUTCOME_REJECTED) receipt.set_reason(v1::REASON_REFUSED_BY_RECIPIENT);
    decided_[message.payload] = outcome;
    recipient.underway.push_back({true, receipt});
  }

  void arrive_home(Recipient& recipient) {
    const Underway decided = recipient.underway.front();
    recipient.underway.pop_front();
    if (!decided.confirmed) {
      // Not kept for a connection to come.
      if (connected_) *refusals_.mutable_receipts()->add_items() = decided.receipt;
      return;
    }
    const auto found = session_.open.find(decided.receipt.first_id());
    ASSERT_NE(found, session_.open.end());
    session_.open_bytes -= found->second;
    session_.open.erase(found);
    ++session_.outcomes;
    std::vector<v1::Receipt>& untold = session_.untold;
    const auto same = [](const v1::Receipt& a, const v1::Receipt& b) {
      return a.outcome() == b.outcome() && a.reason() == b.reason() && a.attempted() == b.attempted();
    };
    if (!untold.empty() && untold.back().last_id() + 1 == decided.receipt.first_id() &&
        same(untold.back(), decided.receipt)) {
      untold.back().set_last_id(decided.receipt.last_id());
    } else {
      untold.push_back(decided.receipt);
    }
  }

  void tell() {
    if (!connected_) return;
    if (refusals_.has_receipts()) output_ += encode_frame(refusals_);
    refusals_.clear_receipts();
    if (session_.untold.empty()) return;
    v1::Frame& frame = session_.told.emplace_back();
    frame.mutable_receipts()->set_seq(++session_.last_seq);
    for (const v1::Receipt& receipt : session_.untold) *frame.mutable_receipts()->add_items() = receipt;
    session_.untold.clear();
    output_ += encode_frame(frame);
  }

  Random random_;
  core::FrameDecoder decoder_;
  std::string input_;
  std::string output_;
  bool connected_ = false;
  Session session_;
  v1::Frame refusals_;
  std::map<std::string, Recipient> recipients_;
  std::map<std::string, v1::Outcome> decided_;
};

}  // namespace onehop::client
