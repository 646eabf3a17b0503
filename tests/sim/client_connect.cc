// Client: how it connects.
#include <algorithm>
#include <string>

#include "sim/client.h"
#include "sim/wire.h"
#include "sim/world.h"

namespace onehop::sim {
namespace {

// What may follow Connect before Connected is read.
constexpr uint32_t kPipelinedMax = 16;
constexpr size_t kPipelinedBytesMax = 16 << 10;

}  // namespace

void Client::connect() {
  connection_ = world_.network.connect(number_);
  state_ = State::kConnecting;
  outbox_.clear();
  inbox_.clear();
  parsed_ = 0;
  comes_back_ = ordered_ = resumes_ = restarts_ = false;
  last_ping_sent_ = awaits_renewed_ = false;
  stuck_since_us_ = UINT64_MAX;
  give_up_at_us_ = UINT64_MAX;
  draw_habits();
  if (misdeed_ != Misdeed::kNothing && misdeed_ <= Misdeed::kLastAtConnect) {
    misbehave_at_connect();
  } else {
    resumes_ = wants_to_resume();
    if (!resumes_) forget_session();
    write_connect(resumes_);
    world_.oracle.connection(connection_).connect_at = world_.oracle.step();
    // Who shows a token sends nothing before it knows whether it is the session's.
    if (!resumes_) pipeline_messages();
  }
  push();
  next_at_us_ = world_.now_us() + random_.between(1, world_.scenario.step_us_max);
  plan_sleep();
}

void Client::draw_habits() {
  obeys_pause_ = random_.chance(600);
  answers_pings_ = !random_.chance(30);
  const bool lazy = random_.chance(world_.scenario.lazy_permille);
  settle_us_max_ = !lazy ? 0 : random_.chance(500) ? random_.between(1, 50'000) : random_.between(1, 3'000'000);
  settles_ = !lazy || !random_.chance(300) || world_.ending;
  settles_in_order_ = random_.chance(500);
  acks_receipts_ = !random_.chance(100) || world_.ending;
  read_bytes_max_ = random_.chance(200) ? random_.between(200, 4000) : UINT32_MAX;
  misdeed_ = Misdeed::kNothing;
  if (!random_.chance(world_.scenario.misdeed_permille)) return;
  misdeed_ = static_cast<Misdeed>(random_.between(1, static_cast<uint32_t>(Misdeed::kLast)));
  if (random_.chance(100)) misdeed_ = Misdeed::kOverQuota;
  steps_to_misdeed_ = random_.below(12);
}

void Client::write_connect(bool resumes) {
  const Scenario& scenario = world_.scenario;
  Connection& connection = world_.oracle.connection(connection_);
  v1::Connect& connect = *out_.mutable_connect();
  connect.Clear();
  const uint32_t own = number_ < scenario.names ? number_ : scenario.storm ? 0 : random_.below(scenario.names);
  if (!random_.chance(60)) {
    connection.wanted_name = own;
    connect.set_name(world_.oracle.name(own).text);
  }
  if (resumes) {
    write_resume(connect);
  } else if (random_.chance(20)) {
    // A token of nobody's: a session begins, and of a made name only a new one is given.
    world_.coverage.add(Provoked::kTokenWrong);
    connect.set_resume_token(std::string(24, 'r'));
    connect.set_attempt(random_.below(3));
    connect.set_received_up_to(5);
    if (random_.chance(500)) {
      connect.set_name("~of-an-elder");
      connection.wanted_name = world_.oracle.intern(connect.name());
      connection.wants_made_name_back = true;
    }
  }
  if (random_.chance(700)) connect.set_protocol_version(random_.between(1, 3));
  if (random_.chance(700)) connect.set_software("onehop-sim");
  connection.take_over = random_.chance(scenario.storm ? 900 : scenario.take_over_permille);
  if (connection.take_over) {
    connect.set_on_conflict(v1::ON_CONFLICT_TAKE_OVER);
  } else if (random_.chance(500)) {
    connect.set_on_conflict(v1::ON_CONFLICT_REJECT);
  }
  if (random_.chance(700)) connection.wanted_keepalive_ms = random_.between(500, 5000);
  connect.set_keepalive_ms(connection.wanted_keepalive_ms);
  connection.wants_order = random_.chance(scenario.ordered_permille);
  const uint64_t unknown_features = random_.chance(200) ? 0xE0 : 0;
  connection.wants_renewal = scenario.renewal_permille != 0 && random_.chance(scenario.renewal_permille);
  const bool has_rooms = scenario.topic_permille != 0 || scenario.service_permille != 0;
  connection.wants_topics = has_rooms && random_.chance(800);
  connection.wants_replies = scenario.request_permille != 0 && random_.chance(800);
  connection.wants_presence = scenario.watch_permille != 0 && random_.chance(800);
  connect.set_features((connection.wants_order ? 1 : 0) | (connection.wants_renewal ? 2 : 0) |
                       (connection.wants_topics ? 4 : 0) | (connection.wants_presence ? 8 : 0) |
                       (connection.wants_replies ? 16 : 0) | unknown_features);
  if (random_.chance(400)) connection.wanted_frame_bytes = random_.between(1 << 10, 32 << 10);
  connect.set_frame_bytes_max(connection.wanted_frame_bytes);
  if (random_.chance(500))
    connection.wanted_window = random_.chance(700) ? random_.between(1, 20) : random_.between(1, 200);
  connect.set_receive_window(connection.wanted_window);
  if (random_.chance(scenario.expiry_permille)) {
    connection.wanted_expiry_ms = random_.chance(300) ? random_.between(1, 300) : random_.between(300, 10'000);
  }
  connect.set_session_expiry_ms(connection.wanted_expiry_ms);
  connection.connect_bytes = append_frame(outbox_, out_);
  connection.connect_bytes += connection.connect_bytes < 0x80 ? 1 : 2;
}

void Client::pipeline_messages() {
  if (!random_.chance(400)) return;
  const uint32_t count = random_.between(1, kPipelinedMax);
  const size_t begin = outbox_.size();
  for (uint32_t i = 0; i < count && world_.messages_left != 0; ++i) {
    const uint32_t size = random_.below(800);
    if (outbox_.size() - begin + size + 200 > kPipelinedBytesMax) return;
    const uint32_t name = pick_name();
    send_to(name, size);
  }
  if (random_.chance(200)) ping();
}

void Client::misbehave_at_connect() {
  Connection& connection = world_.oracle.connection(connection_);
  connection.deserve(v1::CODE_PROTOCOL_ERROR);
  state_ = State::kMute;
  switch (misdeed_) {
    case Misdeed::kNoConnect:
      connection.deserved_codes = 0;
      break;
    case Misdeed::kPartialConnect:
      connection.deserved_codes = 0;
      write_connect(false);
      outbox_.resize(random_.between(1, static_cast<uint32_t>(outbox_.size()) - 1));
      break;
    case Misdeed::kOtherFirst:
      ping();
      break;
    case Misdeed::kHttp:
      outbox_ = "GET / HTTP/1.1\r\nHost: onehop\r\n\r\n";
      break;
    case Misdeed::kLargeFirst:
      connection.deserve(v1::CODE_FRAME_TOO_LARGE);
      append_varint(outbox_, random_.between((16 << 10) + 1, 1 << 20));
      outbox_ += "\x0A";
      break;
    case Misdeed::kBadName: {
      out_.mutable_connect()->Clear();
      constexpr const char* kBad[] = {"with space", "$first", "star*", "hash#", "tick`", "comma,", "quo\"te", "\x7F"};
      out_.mutable_connect()->set_name(kBad[random_.below(8)]);
      append_frame(outbox_, out_);
      break;
    }
    default:  // kForeignMadeName
      out_.mutable_connect()->Clear();
      out_.mutable_connect()->set_name("~made-by-nobody");
      append_frame(outbox_, out_);
      break;
  }
}

}  // namespace onehop::sim
