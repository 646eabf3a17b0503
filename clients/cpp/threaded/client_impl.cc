// See the header.
#include "client/threaded/client_impl.h"

#include <cassert>
#include <chrono>
#include <exception>
#include <memory>
#include <utility>

#include "client/threaded/send_future_state.h"

namespace onehop::client {

namespace {

// Waits for the outcome of a request. What is not accepted is told by whoever sends it; the rest by the client's
// thread.
struct RequestEnd {
  Requests* requests;
  RequestCompletion done;

  void operator()(const SendResult& result) {
    if (result.status == SendStatus::kAccepted) return requests->on_outcome(result, std::move(done));
    if (done) done({.sent = result});
  }
};

}  // namespace

Client::Impl::Impl(IoCore& core, const reactor::Address& server, ClientOptions options, Handlers handlers,
                   Limits limits)
    : core_(core), handlers_(std::move(handlers)), outbox_(limits), server_(server), options_(std::move(options)) {
  // begin() calls for the thread.
  outbox_.rouse_self();
}

template <typename Call>
void Client::Impl::contain(Call call) {
  try {
    call();
  } catch (...) {
    exceptions_.fetch_add(1, std::memory_order_relaxed);
    try {
      on_exception(std::current_exception());
    } catch (...) {
      exceptions_.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

SendStatus Client::Impl::enter(std::string_view to, std::string_view payload, const SendOptions& options,
                               uint64_t wait_ms, SendCompletion& completion) {
  if (is_copy()) return SendStatus::kForked;
  const BodyWriter body(to, payload, options);
  if (!body.valid()) return SendStatus::kInvalid;
  if (body.size() > kBodyBytesMax) return SendStatus::kTooLarge;
  const bool in_own_thread = in_thread();
  bool call = false;
  // What this turn has settled so far is room that the program knows of.
  if (in_own_thread) settle_up();
  const SendStatus status = outbox_.enter(to, body, options, in_own_thread ? 0 : wait_ms, completion, call);
  if (call) call_again();
  return status;
}

void Client::Impl::send(std::string_view to, std::string_view payload, const SendOptions& options,
                        SendCompletion completion) {
  const SendStatus status = enter(to, payload, options, kNoTimeLimit, completion);
  if (status == SendStatus::kAccepted || !completion) return;
  contain([&] { completion({.outcome = Outcome::kNotSent, .status = status}); });
}

SendFuture Client::Impl::send(std::string_view to, std::string_view payload, const SendOptions& options) {
  auto* state = new SendFuture::State(core_.thread());
  SendFuture future(state);
  SendCompletion completion{SendPromise(*state)};
  const SendStatus status = enter(to, payload, options, kNoTimeLimit, completion);
  if (status != SendStatus::kAccepted) state->set({.outcome = Outcome::kNotSent, .status = status});
  return future;
}

void Client::Impl::request(std::string_view to, std::string_view payload, SendOptions options, RequestCompletion done) {
  options.wants_reply = true;
  options.confirm = Confirm::kDelivered;
  send(to, payload, options, RequestEnd{&requests_, std::move(done)});
}

WaitStatus Client::Impl::wait_until_open(uint64_t timeout_ms) {
  if (is_copy()) return WaitStatus::kForked;
  if (in_thread()) return WaitStatus::kWouldDeadlock;
  std::unique_lock lock(mutex_);
  const auto is_over = [this] { return open_ || ending_; };
  if (timeout_ms >= kLongestWaitMs) {
    changed_.wait(lock, is_over);
  } else {
    changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), is_over);
  }
  if (ending_) return WaitStatus::kEnded;
  return open_ ? WaitStatus::kDone : WaitStatus::kTimeUp;
}

WaitStatus Client::Impl::flush(uint64_t timeout_ms) {
  if (is_copy()) return WaitStatus::kForked;
  if (in_thread()) return WaitStatus::kWouldDeadlock;
  const auto flushed = std::make_shared<Once>();
  flush([flushed] { flushed->set(); });
  return flushed->wait_for(timeout_ms) ? WaitStatus::kDone : WaitStatus::kTimeUp;
}

bool Client::Impl::flush(std::function<void()> done) {
  if (is_copy()) return false;
  bool call = false;
  if (!outbox_.put(call, [&](Batch& batch) { batch.flushes.push_back(std::move(done)); })) contain(done);
  if (call) call_again();
  return true;
}

SendCounts Client::Impl::counts() const {
  if (is_copy()) return {};
  const std::lock_guard lock(mutex_);
  SendCounts counts = counts_;
  counts.exceptions += exceptions_.load(std::memory_order_relaxed);
  return counts;
}

void Client::Impl::give(Verdict verdict) {
  if (is_copy()) return;
  if (in_thread()) {
    if (client_) obey(verdict);
    return;
  }
  bool call = false;
  outbox_.put(call, [&](Batch& batch) { batch.verdicts.push_back(std::move(verdict)); });
  if (call) call_again();
}

SendStatus Client::Impl::renew(std::string_view token) {
  if (is_copy()) return SendStatus::kForked;
  if (token.size() > kTokenBytesMax) return SendStatus::kTooLarge;
  bool call = false;
  if (!outbox_.put(call, [&](Batch& batch) { batch.renewal.emplace(token); })) return SendStatus::kClosed;
  if (call) call_again();
  return SendStatus::kAccepted;
}

SendStatus Client::Impl::wish(Wish wish) {
  if (is_copy()) return SendStatus::kForked;
  const bool is_service = wish.kind == Destination::kService;
  const char* wrong = is_service ? what_is_wrong_with_name(wish.name) : what_is_wrong_with_filter(wish.name);
  if (wrong != nullptr) return SendStatus::kInvalid;
  bool call = false;
  if (!outbox_.put(call, [&](Batch& batch) { batch.wishes.push_back(std::move(wish)); })) return SendStatus::kClosed;
  if (call) call_again();
  return SendStatus::kAccepted;
}

Ending Client::Impl::end(const EndOrder& order) {
  if (is_copy()) return {.cause = Ending::Cause::kForked};
  if (in_thread()) return {.cause = Ending::Cause::kWouldDeadlock};
  bool call = false;
  outbox_.end(order, call);
  if (call) call_again();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return gone_; });
  return *ending_;
}

bool Client::Impl::has_ended() const {
  const std::lock_guard lock(mutex_);
  return gone_;
}

std::optional<SavedSession> Client::Impl::session() const {
  const std::lock_guard lock(mutex_);
  return session_;
}

void Client::Impl::abandon(std::unique_ptr<Impl> self, std::shared_ptr<IoHandle> thread) {
  Impl& impl = *self;
  if (impl.has_ended()) return;
  impl.silent_ = true;
  impl.self_ = std::move(self);
  impl.kept_thread_ = std::move(thread);
  bool call = false;
  impl.outbox_.end({.kind = EndOrder::Kind::kAbort}, call);
  if (call) impl.call_again();
}

// The outbox is awake: a turn is due before the loop sleeps.
void Client::Impl::call_again() {
  if (in_thread()) {
    core_.host().want_flush(*this);
  } else {
    core_.call(*this);
  }
}

void Client::Impl::turn() {
  if (!client_ && !ended_) {
    client_.emplace(core_.host(), server_, std::move(options_), *this);
    client_->after_flush = [this] { after_turn(); };
  }
  if (ended_) return take_down();
  Batch batch = pending_.spare();
  if (!outbox_.take(batch)) return pending_.give_back(std::move(batch));
  core_.host().want_flush(*this);
  for (const Verdict& verdict : batch.verdicts) obey(verdict);
  if (batch.renewal) client_->use_engine([&] { client_->engine().renew(*batch.renewal); });
  for (const Wish& wish : batch.wishes) obey(wish);
  pending_.add(std::move(batch));
  give_pending();
}

// Gives the engine as much as it takes.
void Client::Impl::give_pending() {
  while (!ended_ && !pending_.is_empty()) {
    while (OpenSend* send = pending_.next()) {
      if (!give_to_engine(*send, pending_.body(*send))) return;
      pending_.given(send->body_bytes);
    }
    Batch& batch = pending_.front();
    for (auto& done : batch.flushes) client_->use_engine([&] { client_->engine().flush(std::move(done)); });
    const std::optional<EndOrder> end = batch.end;
    pending_.pop();
    if (end) obey(*end);
  }
}

bool Client::Impl::give_to_engine(OpenSend& send, std::string_view body) {
  ClientEngine& engine = client_->engine();
  client_->want_flush();
  SendStatus status = engine.try_send_encoded(body, send.unknown_patience_ms, &send.ticket);
  if (status == SendStatus::kWouldBlock) {
    if (!pending_.must_pass()) return false;
    status = engine.send_encoded(body, send.unknown_patience_ms, &send.ticket);
  }
  // The account has refused what the engine would refuse, and the engine ends only as on_ended() says.
  assert(status == SendStatus::kAccepted);
  open_sends_.add(std::move(send));
  return true;
}

// What was accepted and the engine has not seen was not sent.
void Client::Impl::drop_pending() {
  Batch rest = pending_.spare();
  outbox_.close(rest);
  pending_.add(std::move(rest));
  for (; !pending_.is_empty(); pending_.pop()) {
    while (OpenSend* send = pending_.next()) {
      pending_.given(send->body_bytes);
      settle(*send);
      if (send->completion) contain([&] { send->completion({.outcome = Outcome::kNotSent}); });
    }
    for (const auto& done : pending_.front().flushes) contain(done);
  }
}

void Client::Impl::obey(const Verdict& verdict) {
  ClientEngine& engine = client_->engine();
  client_->use_engine([&] {
    switch (verdict.kind) {
      case Verdict::Kind::kTaken:
        return engine.acknowledge(verdict.tag);
      case Verdict::Kind::kTakenUpTo:
        return engine.acknowledge_up_to(verdict.tag);
      case Verdict::Kind::kRefused:
        return engine.refuse(verdict.tag, {verdict.text, verdict.code, verdict.retry_after_ms});
    }
  });
}

void Client::Impl::obey(const Wish& wish) {
  client_->use_engine([&] {
    ClientEngine& engine = client_->engine();
    if (wish.kind == Destination::kService) return wish.wanted ? engine.serve(wish.name) : engine.unserve(wish.name);
    return wish.wanted ? engine.subscribe(wish.name, wish.options) : engine.unsubscribe(wish.name);
  });
}

void Client::Impl::obey(const EndOrder& order) {
  switch (order.kind) {
    case EndOrder::Kind::kClose:
      return client_->close(order.deadline_ms);
    case EndOrder::Kind::kDetach:
      return client_->detach(order.deadline_ms);
    case EndOrder::Kind::kAbort:
      return client_->abort({.cause = Ending::Cause::kClosed, .text = "the client was destroyed by its own handler"});
  }
}

void Client::Impl::settle(const OpenSend& send) {
  outbox_.settle(send);
  if (outbox_.has_much_to_settle()) settle_up();
}

void Client::Impl::settle_up() {
  if (outbox_.settle_up()) room_to_tell_ = true;
}

// The engine has done what there was to do.
void Client::Impl::after_turn() {
  settle_up();
  if (std::exchange(room_to_tell_, false) && handlers_.on_room && !silent_) contain([this] { handlers_.on_room(); });
  const std::lock_guard lock(mutex_);
  counts_ = client_->engine().counts();
}

void Client::Impl::take_down() {
  client_.reset();
  core_.host().forget(*this);
  const std::unique_ptr<Impl> self = std::move(self_);
  const std::shared_ptr<IoHandle> thread = std::move(kept_thread_);
  const std::lock_guard lock(mutex_);
  gone_ = true;
  changed_.notify_all();
}

void Client::Impl::on_message(const Message& message) {
  if (handlers_.on_message && !silent_) handlers_.on_message(message);
}

void Client::Impl::on_outcome(std::string_view, const SendResult& result) {
  OpenSend& send = open_sends_.find(result.ticket);
  settle(send);
  SendCompletion completion = std::move(send.completion);
  open_sends_.erase(send);
  if (completion) completion(result);
}

void Client::Impl::on_open(const SessionInfo& session) {
  {
    const std::lock_guard lock(mutex_);
    open_ = true;
  }
  changed_.notify_all();
  if (handlers_.on_open && !silent_) handlers_.on_open(session);
}

void Client::Impl::on_down(const Ending& ending, uint64_t retry_in_ms) {
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  if (handlers_.on_down && !silent_) handlers_.on_down(ending, retry_in_ms);
}

void Client::Impl::on_ended(const Ending& ending) {
  ended_ = true;
  // Whoever sends from now on is told so, rather than left waiting for room.
  drop_pending();
  if (outbox_.rouse_self()) core_.host().want_flush(*this);
  if (handlers_.on_ended && !silent_) contain([&] { handlers_.on_ended(ending); });
  const std::lock_guard lock(mutex_);
  open_ = false;
  ending_ = ending;
  session_ = client_->engine().saved_session();
  changed_.notify_all();
}

void Client::Impl::on_room() {
  give_pending();
}

void Client::Impl::on_renewed(Reason reason, uint32_t expires_in_ms) {
  if (handlers_.on_renewed && !silent_) handlers_.on_renewed(reason, expires_in_ms);
}

void Client::Impl::on_subscribed(std::string_view filter, Reason reason) {
  if (handlers_.on_subscribed && !silent_) handlers_.on_subscribed(filter, reason);
}

void Client::Impl::on_unsubscribed(std::string_view filter) {
  if (handlers_.on_unsubscribed && !silent_) handlers_.on_unsubscribed(filter);
}

void Client::Impl::on_serving(std::string_view service, Reason reason) {
  if (handlers_.on_serving && !silent_) handlers_.on_serving(service, reason);
}

void Client::Impl::on_unserved(std::string_view service) {
  if (handlers_.on_unserved && !silent_) handlers_.on_unserved(service);
}

void Client::Impl::on_reply(uint64_t ticket, const Message& reply) {
  if (requests_.waits_for(ticket)) return requests_.on_reply(ticket, reply);
  const OpenSend* open = open_sends_.look_for(ticket);
  return open != nullptr && open->completion.is<RequestEnd>() ? requests_.on_reply(ticket, reply) : on_message(reply);
}

void Client::Impl::on_exception(const std::exception_ptr& exception) {
  if (handlers_.on_exception && !silent_) handlers_.on_exception(exception);
}

}  // namespace onehop::client
