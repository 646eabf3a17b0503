// The threaded client: a LoopClient on a loop of its own thread, orders that reach it through a mailbox, and the
// account of what was accepted, which every sending thread checks.
#include "onehop/client.h"

#include <atomic>
#include <cassert>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>

#include "client/loop_host.h"
#include "onehop/client_engine.h"
#include "onehop/loop_client.h"
#include "reactor/mailbox.h"
#include "reactor/thread.h"

namespace onehop::client {
namespace {

constexpr uint64_t kCloseMsDefault = 5'000;

// Who is told what became of a message.
class Completion {
 public:
  explicit Completion(std::promise<SendResult> promise) : target_(std::move(promise)) {}
  explicit Completion(std::function<void(const SendResult&)> callback) : target_(std::move(callback)) {}

  void tell(const SendResult& result) {
    if (auto* promise = std::get_if<std::promise<SendResult>>(&target_)) {
      promise->set_value(result);
    } else if (auto& callback = std::get<std::function<void(const SendResult&)>>(target_)) {
      callback(result);
    }
  }
  void refuse(SendStatus status) { tell({.outcome = Outcome::kNotSent, .status = status}); }

 private:
  std::variant<std::promise<SendResult>, std::function<void(const SendResult&)>> target_;
};

// What is accepted and has no outcome yet. The only state that sending threads share with the client's.
class Account {
 public:
  explicit Account(Client::Limits limits) : limits_(limits) {}

  // Enters `cost`, and calls `post` before anything else can happen to the account: what is posted after close() has
  // returned cannot be a message. Where there is no room: waits for it if it may. kClosed after close().
  template <typename Post>
  SendStatus enter(const std::string& to, uint64_t cost, bool may_wait, Post post) {
    std::unique_lock lock(mutex_);
    while (!closed_ && !has_room(to)) {
      if (!may_wait) return SendStatus::kWouldBlock;
      ++waiting_;
      room_.wait(lock);
      --waiting_;
    }
    if (closed_) return SendStatus::kClosed;
    total_ += cost;
    destinations_[to] += cost;
    post();
    return SendStatus::kAccepted;
  }

  void leave(const std::string& to, uint64_t cost) {
    const std::lock_guard lock(mutex_);
    total_ -= cost;
    const auto place = destinations_.find(to);
    place->second -= cost;
    if (place->second == 0) destinations_.erase(place);
    if (waiting_ != 0) room_.notify_all();
  }

  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    room_.notify_all();
  }

 private:
  bool has_room(const std::string& to) const {
    if (total_ >= limits_.total_bytes_max) return false;
    const auto place = destinations_.find(to);
    return place == destinations_.end() || place->second < limits_.destination_bytes_max;
  }

  const Client::Limits limits_;
  std::mutex mutex_;
  std::condition_variable room_;
  std::unordered_map<std::string, uint64_t> destinations_;
  uint64_t total_ = 0;
  int waiting_ = 0;
  bool closed_ = false;
};

}  // namespace

class Client::Impl final : public ClientEvents {
 public:
  Impl(std::string_view server, ClientOptions options, Handlers handlers, Limits limits);
  ~Impl() { close(kCloseMsDefault); }

  void send(std::string_view to, std::string_view payload, const SendOptions& options, Completion completion);
  bool wait_until_open(uint32_t timeout_ms);
  // What a verdict says about a delivery.
  struct Verdict {
    enum class Kind : uint8_t { kTaken, kTakenUpTo, kRefused };
    Kind kind;
    DeliveryTag tag;
    std::string text = {};
    uint32_t code = 0;
    uint32_t retry_after_ms = 0;
  };
  void give(Verdict verdict);
  Ending close(uint64_t deadline_ms) { return end(Close{deadline_ms}); }
  std::optional<SavedSession> detach(uint64_t deadline_ms);

 private:
  // An accepted message: in the account until it has its outcome.
  struct Entry {
    std::string to;
    uint64_t cost;
    Completion completion;
  };
  // What other threads ask of the client's.
  struct Start {
    std::string server;
    ClientOptions options;
  };
  struct Send {
    std::string body;
    uint32_t unknown_patience_ms;
    Entry entry;
  };
  struct Close {
    uint64_t deadline_ms;
  };
  struct Detach {
    uint64_t deadline_ms;
  };
  struct Stop {};
  using Order = std::variant<Start, Send, Verdict, Close, Detach, Stop>;

  Ending end(Order order);
  void obey(Start& start);
  void obey(Send& send);
  void obey(Verdict& verdict);
  void obey(Close& close) { client_->close(close.deadline_ms); }
  void obey(Detach& detach) { client_->detach(detach.deadline_ms); }
  void obey(Stop&);
  void settle(Entry entry, const SendResult& result);
  bool in_own_thread() const { return own_thread_.load() == std::this_thread::get_id(); }

  void on_message(const Message& message) override;
  void on_outcome(std::string_view to, const SendResult& result) override;
  void on_open(const SessionInfo& session) override;
  void on_down(const Ending& ending, uint64_t retry_in_ms) override;
  void on_ended(const Ending& ending) override;

  const Handlers handlers_;
  Account account_;
  std::mutex close_mutex_;

  // Under the mutex.
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  std::optional<Ending> ending_;
  std::optional<SavedSession> session_;

  // The client's own thread only.
  std::unordered_map<uint64_t, Entry> entries_;
  std::optional<ClientLoop> loop_;
  std::optional<LoopClient> client_;

  std::atomic<std::thread::id> own_thread_{};
  // Verdicts are of no use any more.
  std::atomic<bool> ended_{false};
  reactor::Thread thread_;
  reactor::Mailbox<Order> orders_;
};

Client::Impl::Impl(std::string_view server, ClientOptions options, Handlers handlers, Limits limits)
    : handlers_(std::move(handlers)),
      account_(limits),
      thread_("onehop-client"),
      orders_(thread_.loop(), [this](Order order) { std::visit([this](auto& what) { obey(what); }, order); }) {
  check_arguments(server, options);
  orders_.post(Start{std::string(server), std::move(options)});
  thread_.start();
}

void Client::Impl::send(std::string_view to, std::string_view payload, const SendOptions& options,
                        Completion completion) {
  std::string body = ClientEngine::encode(to, payload, options);
  if (body.empty()) return completion.refuse(SendStatus::kInvalid);
  Entry entry{std::string(to), body.size() + sizeof(Entry), std::move(completion)};
  const SendStatus status = account_.enter(entry.to, entry.cost, !in_own_thread(), [&] {
    orders_.post(Send{std::move(body), options.unknown_patience_ms, std::move(entry)});
  });
  if (status != SendStatus::kAccepted) entry.completion.refuse(status);
}

bool Client::Impl::wait_until_open(uint32_t timeout_ms) {
  assert(!in_own_thread());
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [this] { return open_ || ending_; });
  return open_;
}

void Client::Impl::give(Verdict verdict) {
  if (ended_) return;
  if (in_own_thread()) return obey(verdict);
  orders_.post(std::move(verdict));
}

std::optional<SavedSession> Client::Impl::detach(uint64_t deadline_ms) {
  end(Detach{deadline_ms});
  const std::lock_guard lock(mutex_);
  return session_;
}

// Has the client end as `order` says, and its thread with it.
Ending Client::Impl::end(Order order) {
  assert(!in_own_thread());
  const std::lock_guard one_at_a_time(close_mutex_);
  if (thread_.running()) {
    account_.close();
    orders_.post(std::move(order));
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return ending_.has_value(); });
    }
    orders_.post(Stop{});
    thread_.stop_and_join();
  }
  const std::lock_guard lock(mutex_);
  return *ending_;
}

void Client::Impl::obey(Start& start) {
  own_thread_ = std::this_thread::get_id();
  loop_.emplace(thread_.loop().uv());
  client_.emplace(*loop_, start.server, std::move(start.options), *this);
}

void Client::Impl::obey(Send& send) {
  uint64_t ticket = 0;
  const SendStatus status = client_->send_encoded(std::move(send.body), send.unknown_patience_ms, &ticket);
  if (status == SendStatus::kAccepted) {
    entries_.emplace(ticket, std::move(send.entry));
  } else {
    settle(std::move(send.entry), {.outcome = Outcome::kNotSent, .status = status});
  }
}

void Client::Impl::obey(Verdict& verdict) {
  // One that another thread gave while the client stopped.
  if (!client_) return;
  switch (verdict.kind) {
    case Verdict::Kind::kTaken:
      return client_->acknowledge(verdict.tag);
    case Verdict::Kind::kTakenUpTo:
      return client_->acknowledge_up_to(verdict.tag);
    case Verdict::Kind::kRefused:
      return client_->refuse(verdict.tag, {verdict.text, verdict.code, verdict.retry_after_ms});
  }
}

void Client::Impl::obey(Stop&) {
  client_.reset();
  loop_.reset();
}

void Client::Impl::settle(Entry entry, const SendResult& result) {
  account_.leave(entry.to, entry.cost);
  entry.completion.tell(result);
}

void Client::Impl::on_message(const Message& message) {
  if (handlers_.on_message) handlers_.on_message(message);
}

void Client::Impl::on_outcome(std::string_view, const SendResult& result) {
  settle(std::move(entries_.extract(result.ticket).mapped()), result);
}

void Client::Impl::on_open(const SessionInfo& session) {
  {
    const std::lock_guard lock(mutex_);
    open_ = true;
  }
  changed_.notify_all();
  if (handlers_.on_open) handlers_.on_open(session);
}

void Client::Impl::on_down(const Ending& ending, uint64_t retry_in_ms) {
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  if (handlers_.on_down) handlers_.on_down(ending, retry_in_ms);
}

void Client::Impl::on_ended(const Ending& ending) {
  // Whoever sends from now on is told so, rather than left waiting for room.
  account_.close();
  ended_ = true;
  if (handlers_.on_ended) handlers_.on_ended(ending);
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
    ending_ = ending;
    session_ = client_->saved_session();
  }
  changed_.notify_all();
}

Client::Client(std::string_view server, ClientOptions options, Handlers handlers, Limits limits)
    : impl_(std::make_unique<Impl>(server, std::move(options), std::move(handlers), limits)) {}
Client::Client(std::string_view server, ClientOptions options, Handlers handlers)
    : Client(server, std::move(options), std::move(handlers), Limits{}) {}
Client::~Client() = default;

bool Client::wait_until_open(uint32_t timeout_ms) {
  return impl_->wait_until_open(timeout_ms);
}

std::future<SendResult> Client::send(std::string_view to, std::string_view payload, const SendOptions& options) {
  std::promise<SendResult> promise;
  std::future<SendResult> result = promise.get_future();
  impl_->send(to, payload, options, Completion(std::move(promise)));
  return result;
}

void Client::send(std::string_view to, std::string_view payload, const SendOptions& options,
                  std::function<void(const SendResult&)> completion) {
  impl_->send(to, payload, options, Completion(std::move(completion)));
}

void Client::acknowledge(DeliveryTag tag) {
  impl_->give({.kind = Impl::Verdict::Kind::kTaken, .tag = tag});
}

void Client::acknowledge_up_to(DeliveryTag tag) {
  impl_->give({.kind = Impl::Verdict::Kind::kTakenUpTo, .tag = tag});
}

void Client::refuse(DeliveryTag tag, const Refusal& refusal) {
  impl_->give({.kind = Impl::Verdict::Kind::kRefused,
               .tag = tag,
               .text = std::string(refusal.text),
               .code = refusal.code,
               .retry_after_ms = refusal.retry_after_ms});
}

std::optional<SavedSession> Client::detach(uint64_t deadline_ms) {
  return impl_->detach(deadline_ms);
}

Ending Client::close(uint64_t deadline_ms) {
  return impl_->close(deadline_ms);
}

}  // namespace onehop::client
