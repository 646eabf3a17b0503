// Fighter: see the header.
#include "name_fight.h"

#include <algorithm>
#include <chrono>

namespace onehop::test {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr size_t kProblemsMax = 5;
constexpr uint64_t kForEver = UINT64_MAX;

}  // namespace

uint64_t now_ns() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

void TokenBoard::put(const Token& token) {
  const std::lock_guard lock(mutex_);
  token_ = token;
}

TokenBoard::Token TokenBoard::get() {
  const std::lock_guard lock(mutex_);
  return token_;
}

void Fighter::step() {
  if (state_ != State::kIdle) take_frames();
  if (now_ns() < until_ns_) return;
  if (state_ == State::kIdle) begin(false);
  if (state_ == State::kOwner) leave();
}

bool Fighter::step_to_own() {
  if (state_ != State::kIdle) take_frames();
  if (state_ == State::kOwner && !said_goodbye_) {
    until_ns_ = kForEver;
    return true;
  }
  if (state_ == State::kIdle && now_ns() >= until_ns_) begin(true);
  return false;
}

void Fighter::begin(bool take_over_only) {
  const TokenBoard::Token token = board_.get();
  const bool resume = !take_over_only && !token.bytes.empty() && random(2) == 0;
  v1::Frame frame = connect_frame(kContestedName);
  v1::Connect& connect = *frame.mutable_connect();
  connect.set_on_conflict(take_over_only || random(2) == 0 ? v1::ON_CONFLICT_TAKE_OVER : v1::ON_CONFLICT_REJECT);
  connect.set_session_expiry_ms(random(3) == 0 ? 0 : 60'000);
  attempt_ = 0;
  received_up_to_ = 0;
  if (resume) {
    attempt_ = token.attempt + 1;
    connect.set_resume_token(token.bytes);
    connect.set_attempt(attempt_);
    // Else as a process that has just begun: what an earlier connection got, this one did not.
    if (random(2) == 0) go_on_where_it_was(token.session, connect);
  }
  client_.emplace(address_);
  client_->send(frame);
  said_goodbye_ = goodbye_came_ = false;
  state_ = State::kConnecting;
  until_ns_ = kForEver;
}

// Says what it got itself on its earlier connections of the session, and takes it.
void Fighter::go_on_where_it_was(uint64_t session, v1::Connect& connect) {
  for (const Ownership& ownership : ownerships_) {
    if (ownership.session != session || ownership.deliveries.empty()) continue;
    received_up_to_ = std::max(received_up_to_, ownership.deliveries.back().tag);
  }
  if (received_up_to_ == 0) return;
  connect.set_received_up_to(received_up_to_);
  connect.mutable_ack()->set_up_to(received_up_to_);
  uint64_t& acknowledged = acknowledged_[session];
  acknowledged = std::max(acknowledged, received_up_to_);
}

void Fighter::take_frames() {
  client_->gather();
  while (const std::optional<v1::Frame> frame = client_->take()) {
    if (goodbye_came_) problem("a frame of kind " + std::to_string(frame->kind_case()) + " after the goodbye");
    if (frame->has_connected() && state_ == State::kConnecting) {
      take_connected(frame->connected());
    } else if (frame->has_message() && state_ == State::kOwner) {
      take_message(frame->message());
    } else if (frame->has_ping()) {
      // Somebody else asks for the name.
      v1::Frame pong;
      pong.mutable_pong()->set_nonce(frame->ping().nonce());
      if (!said_goodbye_) client_->send(pong);
    } else if (frame->has_goodbye()) {
      take_goodbye(frame->goodbye().code());
    } else {
      problem("a frame of kind " + std::to_string(frame->kind_case()) + " at the wrong time");
    }
  }
  if (client_->end() != RawClient::End::kNot) {
    if (!goodbye_came_) problem("the stream ended without a goodbye");
    return rest();
  }
  if (state_ == State::kOwner && random(2) == 0) acknowledge();
}

void Fighter::take_connected(const v1::Connected& connected) {
  Ownership& ownership = ownerships_.emplace_back();
  ownership.connected_ns = now_ns();
  ownership.session = connected.session();
  ownership.attempt = connected.resumed() ? attempt_ : 0;
  ownership.received_up_to = connected.resumed() ? received_up_to_ : 0;
  if (connected.resumed() && attempt_ == 0) problem("resumed without a token");
  board_.put({connected.resume_token(), connected.session(), ownership.attempt});
  state_ = State::kOwner;
  // A third stays until somebody else comes.
  until_ns_ = random(3) == 0 ? kForEver : now_ns() + random(30) * kMs;
}

void Fighter::take_message(const v1::Message& message) {
  if (message.delivery_tag() <= ownerships_.back().received_up_to) {
    problem("tag " + std::to_string(message.delivery_tag()) + " comes again, and it had said that it has it");
  }
  ownerships_.back().deliveries.push_back(
      {message.from(), message.id(), message.delivery_tag(), std::stoull(message.payload()), message.redelivered()});
}

void Fighter::take_goodbye(v1::Code code) {
  goodbye_came_ = true;
  const bool connecting = state_ == State::kConnecting;
  if (connecting) ++refusals_[v1::Code_Name(code)];
  const bool refused = connecting && (code == v1::CODE_NAME_IN_USE || code == v1::CODE_SERVER_BUSY);
  const bool expected = code == v1::CODE_SESSION_TAKEN_OVER || refused || (said_goodbye_ && code == v1::CODE_NORMAL);
  if (!expected) problem("goodbye " + v1::Code_Name(code));
}

void Fighter::acknowledge() {
  const Ownership& ownership = ownerships_.back();
  if (said_goodbye_ || ownership.deliveries.empty()) return;
  const uint64_t tag = ownership.deliveries.back().tag;
  uint64_t& acknowledged = acknowledged_[ownership.session];
  if (tag <= acknowledged) return;
  acknowledged = tag;
  v1::Frame frame;
  frame.mutable_ack()->set_up_to(tag);
  client_->send(frame);
}

void Fighter::leave() {
  if (said_goodbye_) return;
  switch (random(4)) {
    case 0:  // For good: the session ends.
      client_->send(goodbye_frame(v1::CODE_NORMAL));
      said_goodbye_ = true;
      until_ns_ = kForEver;
      return;
    case 1:
      client_->close();
      break;
    default:
      client_->reset();
  }
  rest();
}

void Fighter::leave_for_good() {
  acknowledge();
  client_->send(goodbye_frame(v1::CODE_NORMAL));
  said_goodbye_ = true;
  while (state_ == State::kOwner) take_frames();
}

// Without a trace in the kernel, which has only so many ports.
void Fighter::rest() {
  client_->reset();
  client_.reset();
  state_ = State::kIdle;
  until_ns_ = now_ns() + (5 + random(30)) * kMs;
}

void Fighter::problem(const std::string& what) {
  if (problems_.size() >= kProblemsMax) return;
  const bool owned = !ownerships_.empty() && state_ == State::kOwner;
  const std::string where = owned ? "owner of session " + std::to_string(ownerships_.back().session) + " attempt " +
                                        std::to_string(ownerships_.back().attempt)
                                  : std::string("newcomer");
  problems_.push_back(where + ": " + what);
}

}  // namespace onehop::test
