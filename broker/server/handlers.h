// What the embedder gave the broker to call. An exception that a handler throws ends here: it is counted and told to
// BrokerOptions::on_exception, and the broker goes on. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <string_view>
#include <utility>

#include "onehop/broker.h"
#include "server/local_link.h"

namespace onehop::server {

class Handlers {
 public:
  explicit Handlers(const BrokerOptions& options)
      : hooks_(options.hooks), on_event_(options.on_event), on_exception_(options.on_exception) {}
  Handlers(const Handlers&) = delete;
  Handlers& operator=(const Handlers&) = delete;

  const Hooks& hooks() const { return hooks_; }
  bool wants_events() const { return static_cast<bool>(on_event_); }
  void tell(const BrokerEvent& event) {
    if (on_event_) call(Handler::kOnEvent, [&] { on_event_(event); });
  }
  // Calls a handler. False if it has thrown.
  template <typename Call>
  bool call(Handler handler, Call handler_call) noexcept {
    if (muted_.load(std::memory_order_relaxed)) return false;
    const Running running(*this);
    // It is called within a call of the shard: what it sends by a local client goes into a batch.
    const LocalHost::Running outside(nullptr);
    try {
      handler_call();
      return true;
    } catch (const std::exception& e) {
      report(handler, e.what());
    } catch (...) {
      report(handler, {});
    }
    return false;
  }
  void report(Handler handler, std::string_view what) noexcept {
    exceptions_.fetch_add(1, std::memory_order_relaxed);
    if (!on_exception_ || muted_.load(std::memory_order_relaxed)) return;
    const Running running(*this);
    try {
      on_exception_({handler, what});
    } catch (...) {  // There is nobody left to tell. NOLINT(bugprone-empty-catch)
    }
  }
  // Whether the calling thread is in one of these handlers.
  bool running_here() const { return running_ == this; }
  // From now on no handler is called: the embedder has destroyed its broker, and what they use may be gone.
  void mute() { muted_.store(true, std::memory_order_relaxed); }
  uint64_t exceptions() const { return exceptions_.load(std::memory_order_relaxed); }

 private:
  // While it lives, its thread is in a handler.
  class Running {
   public:
    explicit Running(const Handlers& handlers) : before_(std::exchange(running_, &handlers)) {}
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() { running_ = before_; }

   private:
    const Handlers* const before_;
  };
  static inline thread_local const Handlers* running_ = nullptr;

  const Hooks hooks_;
  const std::function<void(const BrokerEvent&)> on_event_;
  const std::function<void(const HandlerException&)> on_exception_;
  std::atomic<uint64_t> exceptions_{0};
  std::atomic<bool> muted_{false};
};

}  // namespace onehop::server
