// A simulated client: it connects, sends, reads, freezes, breaks off, misbehaves and comes back, as its random source
// says. What it does it tells the oracle before, what it reads it shows the oracle after.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/bytes.h"
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
  kBackwardRange,
  kReceiptsAhead,
  kOverQuota,
  kTwoFields,
  kUnknownFrame,
  kLargeFrame,
  kLargeControl,
  kLast = kLargeControl,
};

// What a program knows of its session. Another program that resumes it knows the token and the attempt alone.
struct Memory {
  struct Open {
    uint64_t tag;
    uint64_t due_us;  // When it is to be settled.
  };
  struct Given {
    uint64_t tag;
    uint64_t ping;  // After whose pong the verdict is known to have arrived.
    bool taken;
    v1::Refusal refusal;
  };
  struct Asked {
    uint32_t record;
    uint64_t due_us;
    uint32_t replies;  // Still to be sent.
  };
  struct Kept {
    uint64_t id;
    uint32_t record;
    std::string frame;  // With its length in front.
  };

  bool has_session = false;
  std::string token;
  uint32_t name = kNone;
  uint32_t session = kNone;  // The oracle's.
  uint64_t number = 0;
  uint32_t attempt = 0;  // The highest tried.

  bool is_second = false;    // Another program had the session before.
  uint32_t program = kNone;  // The oracle's.
  uint64_t last_id = 0;
  uint64_t received_up_to = 0;
  uint64_t receipts_up_to = 0;
  std::vector<Open> open;    // Deliveries to settle.
  std::vector<Given> given;  // Verdicts that may have been lost.
  std::vector<Kept> kept;    // Messages with an id that may have been lost.
  std::vector<Asked> asked;  // Requests to reply to.
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
  size_t inbox_bytes() const { return inbox_.size(); }

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
  void renew();

  // client_connect.cc
  void connect();
  void draw_habits();
  void write_connect(bool resumes);
  void pipeline_messages();
  void misbehave_at_connect();

  // client_resume.cc
  bool wants_to_resume();
  void forget_session();
  void write_resume(v1::Connect& connect);
  void spoil_resume(v1::Connect& connect);
  void repeat_verdicts(v1::Connect& connect);
  void take_connected(const v1::Connected& connected);
  void go_on(uint64_t last_id);
  void repeat_messages(uint64_t last_id);

  // client_ack.cc
  void keep_delivery(uint64_t tag);
  void settle_deliveries();
  void add_verdicts(v1::Ack& ack);
  void add_refusal(v1::Ack& ack, uint64_t tag);
  void add_ranges(v1::Ack& ack, const std::vector<bool>& settles);
  void add_prefix(v1::Ack& ack, const std::vector<bool>& settles);
  void report(const v1::Ack& ack);
  void send_stale_ack();

  // client_send.cc
  void send_burst();
  void send_to(uint32_t name, uint32_t size);
  void send_unserved();
  void send_stray();
  bool may_confirm(uint32_t size);
  void send_message(v1::Message& message, SentMessage sent, uint32_t size);
  void add_ttl(v1::Message& message, SentMessage& sent);
  void add_optional_fields(v1::Message& message, SentMessage& sent);
  uint32_t pick_name();
  uint32_t pick_size();
  Outgoing& outgoing(uint32_t name);
  void tend_gates();
  void repeat_refused(Outgoing& to);

  // client_topics.cc
  bool uses_topics() const;
  void change_subscription();
  void send_to_topic(uint32_t topic, uint32_t size);

  // client_services.cc
  void change_service();
  void send_to_services(uint32_t count, uint32_t size);
  void send_to_service(uint32_t service, uint32_t size);
  void take_service_flow(const v1::Flow& flow);

  // client_requests.cc
  void mark_request(v1::Message& message, SentMessage& sent);
  void note_request(uint32_t record);
  void answer_requests();
  void answer_what_was_not_asked();
  void send_reply(uint32_t requester, uint64_t id, uint64_t session, uint32_t request);

  // client_presence.cc
  bool uses_presence() const;
  void change_watch();

  // client_read.cc
  void read();
  void log(const v1::Frame& frame) const;
  void take(const v1::Frame& frame, core::Bytes content);
  void take_receipt(const v1::Receipt& receipt);
  void take_flow(const v1::Flow& flow);
  void take_pong(uint64_t nonce);
  void take_announcement();

  // client_misdeeds.cc
  void misbehave();
  void misbehave_with_message();
  void misbehave_with_control();
  void misbehave_with_ack();
  void overdraw();

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
  bool resumes_ = false;
  bool restarts_ = false;       // As another program.
  bool says_verdicts_ = false;  // Its Connect repeats what it had said.
  bool ordered_ = false;
  bool last_ping_sent_ = false;
  bool awaits_renewed_ = false;
  v1::Frame out_;
  v1::Frame in_;

  // What survives a connection, while the program does.
  Memory memory_;
  std::vector<Outgoing> outgoing_;
  std::vector<uint64_t> services_paused_until_us_;  // By service.
  uint64_t stale_session_ = 999;                    // The number of one it had before.
  bool comes_back_ = false;                         // Once more, although all is ending.

  // Its habits, of this connection.
  bool obeys_pause_ = true;
  bool opens_gates_ = true;
  bool answers_pings_ = true;
  bool settles_ = true;           // In the end.
  bool settles_in_order_ = true;  // Up to a tag, rather than in ranges.
  bool acks_receipts_ = true;
  uint32_t settle_us_max_ = 0;  // How long it takes.
  uint32_t read_bytes_max_ = UINT32_MAX;
  Misdeed misdeed_ = Misdeed::kNothing;
  uint32_t steps_to_misdeed_ = 0;
  bool answers_drain_ = false;  // With goodbye, soon.
};

}  // namespace onehop::sim
