// The states of a client and what moves it between them; the frames are in connection_frames.cc.
#include "client/connection.h"

#include <algorithm>
#include <utility>

#include "core/base/limits.h"

namespace onehop::client {
namespace {

// How long the broker may take to answer a goodbye, or the end of the stream, with its own.
constexpr uint64_t kLeavingMs = 5'000;
// A session that lasted so long was worth connecting for: the next backoff begins anew.
constexpr uint64_t kWorthwhileMs = 5'000;
// The least time between two attempts to get a name that is in use: the broker is there, and asks its owner meanwhile.
constexpr uint64_t kNameRetryMs = 1'000;
// Acknowledgements make room for more: it is written behind the pong of a ping that follows them, but before the next.
constexpr int kPartingRoundTrips = 2;

}  // namespace

ClientEngine::Impl::Impl(ClientOptions options, ClientEvents& events, uint64_t seed)
    : options_(std::move(options)),
      events_(events),
      sender_(options_, events_),
      credentials_(options_, events_, sender_),
      subscriptions_(events_, sender_),
      backoff_(options_.backoff_ms_min, options_.backoff_ms_max, seed),
      session_(options_.resume) {
  if (session_) receiver_.begin(session_->session);
}

SendCounts ClientEngine::Impl::counts() const {
  SendCounts counts = sender_.counts();
  counts.exceptions = events_.exceptions();
  return counts;
}

void ClientEngine::Impl::change_to(State state, core::Instant deadline) {
  state_ = state;
  state_deadline_ = deadline;
}

void ClientEngine::Impl::start(core::Instant now) {
  if (state_ == State::kIdle) connect(now);
}

void ClientEngine::Impl::connect(core::Instant now) {
  ++link_number_;
  change_to(State::kConnecting, now + options_.connect_timeout_ms);
}

Link ClientEngine::Impl::link() const {
  switch (state_) {
    case State::kConnecting:
    case State::kHandshake:
    case State::kOpen:
      return Link::kWanted;
    case State::kLeaving:
    case State::kDetaching:
      return Link::kFinishing;
    default:
      return Link::kNone;
  }
}

void ClientEngine::Impl::on_link_up(core::Instant now) {
  if (state_ != State::kConnecting) return;
  change_to(State::kHandshake, state_deadline_);
  decoder_ = core::FrameDecoder();
  first_answer_.begin();
  frame_bytes_max_ = core::kControlFrameBytesMax;
  sender_.begin_stream();
  pong_owed_.reset();
  announced_.reset();
  grace_end_ = held_until_ = core::Instant::never();
  reading_ = true;
  heard_ = wrote_ = now;
  append_connect();
}

void ClientEngine::Impl::on_link_down(std::string_view text, core::Instant now) {
  if (state_ == State::kConnecting) {
    lose({.cause = Ending::Cause::kConnectFailed, .text = std::string(text)}, now);
  } else if (takes_frames() && !is_foreign(true, now)) {
    lose({.cause = Ending::Cause::kConnectionLost, .text = std::string(text)}, now);
  }
}

namespace {

// A goodbye that was announced says more than the end of the stream that followed it, or than the answer to ours; but
// not than another that says when to come back, or why not.
bool says_more(const Ending& ending, const Ending& announced) {
  if (ending.cause == Ending::Cause::kBadBytes) return true;
  if (ending.cause != Ending::Cause::kGoodbye) return false;
  return ending.retry_after_ms != 0 || (ending.code != Code::kNormal && ending.code != announced.code);
}

bool is_name_in_use(const Ending& ending) {
  return ending.cause == Ending::Cause::kGoodbye && ending.code == Code::kNameInUse;
}

}  // namespace

void ClientEngine::Impl::lose(Ending ending, core::Instant now) {
  const bool announced = announced_ && !says_more(ending, *announced_);
  if (announced) ending = std::move(*announced_);
  announced_.reset();
  decoder_ = core::FrameDecoder();
  if (opened_ != core::Instant{} && now - opened_ >= kWorthwhileMs) backoff_.reset();
  opened_ = {};
  const State before = state_;
  credentials_.closed();
  subscriptions_.closed();
  if (!is_name_in_use(ending)) {
    name_in_use_since_.reset();
  } else if (!name_in_use_since_) {
    name_in_use_since_ = now;
  }
  const uint64_t wait = wait_after(ending, announced, now);
  // No link, and so nothing that a send() out of an event could be written to.
  change_to(State::kBackoff, core::Instant::never());
  if (ends_session(before, ending)) session_.reset();
  if (may_end()) return finish({});
  const bool tries_again = is_worth_another_try(before, ending, now + wait);
  // The program may have been asked for credentials, and may have ended the client.
  if (state_ == State::kEnded) return;
  if (!tries_again) return finish(ending);
  if (!session_) {
    sender_.lose();
    if (may_end()) return finish({});
  } else if (before == State::kOpen) {
    sender_.suspend();
  }
  change_to(State::kBackoff, now + wait);
  events_.on_down(ending, wait);
}

// Each client is announced a time of its own, counted from the goodbye: a backoff on top would bunch those whose times
// are early. Who has missed its time meanwhile, and whoever is not told one, comes back as if it had failed once.
uint64_t ClientEngine::Impl::wait_after(const Ending& ending, bool announced, core::Instant now) {
  if (announced && return_at_ > now) return return_at_ - now;
  if (is_name_in_use(ending)) return std::max<uint64_t>(backoff_.spread(kNameRetryMs), ending.retry_after_ms);
  return std::max<uint64_t>(backoff_.next(), announced ? 0 : ending.retry_after_ms);
}

// Whether the end of a connection in `state` is that of its session as well. Where the broker may still have it, trying
// to resume it tells.
bool ClientEngine::Impl::ends_session(State state, const Ending& ending) const {
  if (state == State::kLeaving) return true;
  if (state == State::kOpen && !outlives_) return true;
  if (ending.cause != Ending::Cause::kGoodbye) return false;
  switch (ending.code) {
    case Code::kNormal:
    case Code::kNameInUse:
    case Code::kSessionTakenOver:
      return true;
    case Code::kServerShuttingDown:
      return state == State::kOpen;
    default:
      return false;
  }
}

// Only what the broker itself says can be final. A wrong answer may be that of a balancer whose servers are all gone.
bool ClientEngine::Impl::is_worth_another_try(State before, const Ending& ending, core::Instant next_try) {
  if (!options_.reconnect) return false;
  if (ending.cause != Ending::Cause::kGoodbye) return true;
  switch (ending.code) {
    case Code::kNameInUse:
      return options_.name_patience_ms == kForever || next_try - *name_in_use_since_ <= options_.name_patience_ms;
    case Code::kAdministrative:
      return ending.retry_after_ms != 0;
    case Code::kNotAuthorized:
      // Credentials that have ended: newer ones may be good.
      return before == State::kOpen && credentials_.may_be_newer();
    case Code::kBadCredentials:
      return credentials_.is_replaced();
    case Code::kProtocolError:
    case Code::kUnsupportedVersion:
    case Code::kSessionTakenOver:
    case Code::kFrameTooLarge:
      return false;
    case Code::kUseAnotherServer:
      // Where it is named, going there is the program's decision; otherwise it is whoever takes the connection.
      return ending.use_server.empty();
    default:
      return true;
  }
}

SendStatus ClientEngine::Impl::renew(std::string_view token) {
  return state_ == State::kEnded || is_leaving() ? SendStatus::kClosed : credentials_.renew(token);
}

SendStatus ClientEngine::Impl::subscribe(std::string_view filter, const SubscribeOptions& options) {
  return accepts_wishes() ? subscriptions_.subscribe(filter, options) : SendStatus::kClosed;
}

SendStatus ClientEngine::Impl::unsubscribe(std::string_view filter) {
  return accepts_wishes() ? subscriptions_.unsubscribe(filter) : SendStatus::kClosed;
}

SendStatus ClientEngine::Impl::serve(std::string_view service) {
  return accepts_wishes() ? subscriptions_.serve(service) : SendStatus::kClosed;
}

SendStatus ClientEngine::Impl::unserve(std::string_view service) {
  return accepts_wishes() ? subscriptions_.unserve(service) : SendStatus::kClosed;
}

void ClientEngine::Impl::finish(const Ending& ending) {
  change_to(State::kEnded, core::Instant::never());
  credentials_.closed();
  subscriptions_.closed();
  sender_.end();
  events_.on_ended(ending);
}

void ClientEngine::Impl::abort(const Ending& ending, core::Instant) {
  if (state_ != State::kEnded) finish(ending);
}

void ClientEngine::Impl::leave_if_done(core::Instant now) {
  if (state_ == State::kOpen) {
    if (!may_end() && !(announced_ && may_part(now))) return;
    append_acks();
    subscriptions_.closed();
    if (detaching_) {
      sender_.hold_all();
      return change_to(State::kDetaching, now + kLeavingMs);
    }
    // The session goes on with the next connection, and everything that is open in it.
    if (!may_end() && keeps_session_apart()) return lose({}, now);
    v1::Frame frame;
    frame.mutable_goodbye()->set_code(v1::CODE_NORMAL);
    sender_.append_frame(frame);
    change_to(State::kLeaving, now + kLeavingMs);
  } else if (may_end() && !is_leaving() && state_ != State::kEnded) {
    finish({});
  }
}

// Whether there is nothing to stay for until the end that the broker has announced.
bool ClientEngine::Impl::may_part(core::Instant now) {
  if (now >= grace_end_) return true;
  return keeps_session_apart() ? sender_.unconfirmed_settled() : is_quiet(now);
}

// The broker wants the connection to end, not the session.
bool ClientEngine::Impl::keeps_session_apart() const {
  return announced_ && announced_->code == Code::kUseAnotherServer && announced_->use_server.empty() && outlives_ &&
         options_.reconnect;
}

// Whether nothing is under way any more, in either direction: every outcome is told, every delivery has its verdict or
// has expired, and nothing has come for some round trips.
bool ClientEngine::Impl::is_quiet(core::Instant now) {
  const core::Instant open_until = receiver_.open_until();
  held_until_ = open_until > now ? open_until : core::Instant::never();
  if (!sender_.stream_settled() || open_until > now) return false;
  if (parting_.tag != receiver_.received_up_to()) parting_ = {.tag = receiver_.received_up_to()};
  if (parting_.round_trips == kPartingRoundTrips) return true;
  if (parting_.ping == 0) {
    append_acks();
    parting_.ping = sender_.append_ping();
  }
  return false;
}

void ClientEngine::Impl::on_bytes(core::Bytes bytes, core::Instant now) {
  if (!takes_frames()) return;
  heard_ = now;
  asked_ = false;
  if (state_ == State::kHandshake) {
    first_answer_.take(bytes);
    if (is_foreign(false, now)) return leave_if_done(now);
  }
  core::Input input{.rest = bytes};
  const uint64_t link = link_number_;
  while (takes_frames() && link == link_number_) {
    core::FrameView frame;
    const core::Next next = decoder_.next(input, frame_bytes_max_, frame);
    if (next == core::Next::kNeedMore) break;
    const char* wrong = next == core::Next::kBadLength  ? "a length that cannot be"
                        : next == core::Next::kTooLarge ? "a frame over the maximum"
                                                        : on_frame(frame.bytes, now);
    if (wrong != nullptr) on_bad_bytes(wrong, now);
  }
  leave_if_done(now);
  sender_.tell_room();
}

void ClientEngine::Impl::on_bad_bytes(const char* what, core::Instant now) {
  Ending ending{.cause = Ending::Cause::kBadBytes};
  ending.text =
      state_ == State::kHandshake ? "what answers there is not a onehop broker: it sent " : "the broker sent ";
  ending.text += what;
  lose(std::move(ending), now);
}

bool ClientEngine::Impl::is_foreign(bool all, core::Instant now) {
  const std::string protocol = state_ == State::kHandshake ? first_answer_.foreign(all) : std::string();
  if (protocol.empty()) return false;
  lose({.cause = Ending::Cause::kBadBytes, .text = "what answers there is not a onehop broker: it speaks " + protocol},
       now);
  return true;
}

void ClientEngine::Impl::set_reading(bool reading, core::Instant now) {
  if (reading && !reading_) heard_ = now;
  reading_ = reading;
}

size_t ClientEngine::Impl::output(std::span<std::string_view> pieces, core::Instant now) {
  leave_if_done(now);
  if (!takes_frames()) return 0;
  if (state_ == State::kOpen) {
    append_acks();
    if (pong_owed_) {
      v1::Frame frame;
      frame.mutable_pong()->set_nonce(*std::exchange(pong_owed_, std::nullopt));
      sender_.append_frame(frame);
    }
  }
  return sender_.output(pieces);
}

void ClientEngine::Impl::on_written(size_t size, core::Instant now) {
  if (!takes_frames()) return;
  wrote_ = now;
  sender_.on_written(size);
  sender_.tell_room();
}

void ClientEngine::Impl::on_tick(core::Instant now) {
  if (now >= state_deadline_) {
    if (state_ == State::kBackoff) {
      connect(now);
    } else if (is_leaving()) {
      lose({.cause = Ending::Cause::kSilence, .text = "no answer to the goodbye in time"}, now);
    } else {
      lose({.cause = Ending::Cause::kSilence, .text = "no answer to the connect in time"}, now);
    }
  }
  if (state_ == State::kOpen) {
    check_liveness(now);
    sender_.on_tick(now);
  }
  if (state_ == State::kOpen) credentials_.on_tick(now);
  if (state_ == State::kOpen) subscriptions_.on_tick(now);
  leave_if_done(now);
  sender_.tell_room();
}

void ClientEngine::Impl::check_liveness(core::Instant now) {
  if (now < liveness_deadline()) return;
  if (reading_ && now - heard_ >= uint64_t{keepalive_ms_} * 3 / 2) {
    lose({.cause = Ending::Cause::kSilence, .text = "nothing heard from the broker for 1.5 keepalives"}, now);
    return;
  }
  asked_ = reading_;
  wrote_ = now;
  sender_.append_ping();
}

core::Instant ClientEngine::Impl::liveness_deadline() const {
  // While the host does not read, the broker's pings go unseen: something is written before it can miss us.
  if (!reading_) return wrote_ + keepalive_ms_ / 2;
  return heard_ + (asked_ ? uint64_t{keepalive_ms_} * 3 / 2 : keepalive_ms_);
}

core::Instant ClientEngine::Impl::deadline() const {
  if (state_ == State::kEnded) return core::Instant::never();
  if (may_end() && !is_leaving()) return {};
  if (state_ != State::kOpen) return state_deadline_;
  return std::min({liveness_deadline(), sender_.deadline(), credentials_.deadline(), subscriptions_.deadline(),
                   grace_end_, held_until_});
}

}  // namespace onehop::client
