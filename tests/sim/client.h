// A simulated client: it connects, sends, reads, freezes, breaks off, misbehaves and comes back, as its random source
// says. What it does it tells the oracle before, what it reads it shows the oracle after.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "onehop/v1/onehop.pb.h"
#include "sim/oracle_records.h"
#include "sim/random.h"

namespace onehop::sim {

struct World;

// What a client may do wrong, once, on one connection. The first group comes instead of a proper Connect.
enum class Misdeed : uint8_t {
  kNothing,
  kNoConnect,
  kPartialConnect,
  kOtherFirst,
  kHttp,
  kLargeFirst,
  kBadName,
  kForeignMadeName,
  kLastAtConnect = kForeignMadeName,
  kGarbage,
  kZeroLength,
  kUnfinished,
  kIdNotRising,
  kForged,
  kDeliveredWithoutId,
  kConnectTwice,
  kPauseFlow,
  kVerdict,
  kTwoFields,
  kUnknownFrame,
  kLargeFrame,
  kLargeControl,
  kLast = kLargeControl,
};

class Client {
 public:
  Client(World& world, uint32_t number);

  // Runs, if it is still time.
  void wake();
  // There may be something to read or room to write on this link.
  void poke(uint32_t link);
  // From now on it sends nothing new: it reads what there is, finishes what the gates hold back, and asks for a last
  // pong.
  void begin_rest();
  bool at_rest() const;
  // Ends what it has, one way or another.
  void finish();
  uint32_t connection() const { return connection_; }

 private:
  enum class State : uint8_t {
    kAway,
    kConnecting,  // Connect is sent, or what there is of it.
    kOpen,
    kMute,  // Sends no more, waits for the end: after a misdeed, a goodbye, a half-close.
  };
  enum class GateState : uint8_t { kOpen, kAwaitPong, kAwaitRetry };

  // What it sends to one name on this connection.
  struct Outgoing {
    uint32_t name = kNone;
    std::vector<uint32_t> sizes;    // Payloads of the ordered messages, by their number.
    std::vector<uint32_t> refused;  // Numbers to be repeated, rising.
    GateState gate = GateState::kOpen;
    uint64_t barrier = 0;  // The ping after whose pong all refusals are known.
    uint64_t retry_at_us = 0;
    uint64_t paused_until_us = 0;
  };

  // client.cc
  void sleep_until(uint64_t at_us);
  void plan_sleep();
  void away(uint32_t wait_us_max);
  void push();
  void end_of_stream();
  void break_off();
  void lose_connection();
  void step();
  void freeze();
  void say_goodbye();
  void half_close();
  void ping();

  // client_connect.cc
  void connect();
  void draw_habits();
  void write_connect();
  void pipeline_messages();
  void misbehave_at_connect();

  // client_send.cc
  void send_burst();
  void send_to(uint32_t name, uint32_t size);
  void send_unserved();
  void send_stray();
  void send_message(v1::Message& message, SentMessage sent, uint32_t size);
  void add_optional_fields(v1::Message& message, SentMessage& sent);
  uint32_t pick_name();
  uint32_t pick_size();
  Outgoing& outgoing(uint32_t name);
  void tend_gates();
  void repeat_refused(Outgoing& to);

  // client_read.cc
  void read();
  void log(const v1::Frame& frame) const;
  void take(const v1::Frame& frame, core::Bytes content);
  void take_receipt(const v1::Receipt& receipt);
  void take_flow(const v1::Flow& flow);
  void take_pong(uint64_t nonce);

  // client_misdeeds.cc
  void misbehave();
  void misbehave_with_message();
  void misbehave_with_control();

  World& world_;
  const uint32_t number_;
  Random random_;
  State state_ = State::kAway;
  uint32_t connection_ = kNone;
  uint64_t wake_at_us_ = UINT64_MAX;
  uint64_t next_at_us_ = 0;  // The next step, or connect.
  uint64_t frozen_until_us_ = 0;
  uint64_t deaf_until_us_ = 0;  // It does not read.
  uint64_t give_up_at_us_ = UINT64_MAX;

  // Of this connection.
  std::string outbox_;
  std::string inbox_;
  uint64_t stuck_since_us_ = UINT64_MAX;  // Something waits for the socket since.
  uint64_t parsed_ = 0;                   // Of the stream from the broker.
  uint64_t last_id_ = 0;
  std::vector<Outgoing> outgoing_;
  bool ordered_ = false;
  bool last_ping_sent_ = false;
  v1::Frame out_;
  v1::Frame in_;

  // Its habits, of this connection.
  bool obeys_pause_ = true;
  bool opens_gates_ = true;
  bool answers_pings_ = true;
  uint32_t read_bytes_max_ = UINT32_MAX;
  Misdeed misdeed_ = Misdeed::kNothing;
  uint32_t steps_to_misdeed_ = 0;
};

}  // namespace onehop::sim
