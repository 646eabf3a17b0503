// The loop: hooks, wake-ups and an orderly end. One uv_async_t serves all mailboxes of a loop, since libuv walks every
// async handle of a loop at each wake-up.
#include "reactor/loop.h"

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <cstdlib>

namespace onehop::reactor {

struct Loop::Handles {
  uv_async_t wake;
  uv_prepare_t before_sleep;
  uv_check_t after_events;
  int open = 3;

  template <typename Handle>
  void close(Handle& handle) {
    handle.data = this;
    uv_close(reinterpret_cast<uv_handle_t*>(&handle), [](uv_handle_t* closed) {
      auto* handles = static_cast<Handles*>(closed->data);
      if (--handles->open == 0) delete handles;
    });
  }
};

namespace {

void must(int status, const char* what) {
  if (status == 0) return;
  // Without its wake-up a loop can do nothing, and a program that cannot make one cannot go on.
  std::fprintf(stderr, "onehop: %s: %s\n", what, uv_strerror(status));
  std::abort();
}

}  // namespace

Loop::Loop() : uv_(&own_), owned_(true) {
  must(uv_loop_init(&own_), "cannot create an event loop");
  open_handles();
}

Loop::Loop(uv_loop_t* borrowed) : uv_(borrowed), owned_(false), thread_(std::this_thread::get_id()) {
  uv_update_time(uv_);  // It may not have turned for a long time.
  open_handles();
  uv_unref(reinterpret_cast<uv_handle_t*>(&handles_->wake));
}

void Loop::open_handles() {
  handles_ = new Handles;
  must(uv_async_init(uv_, &handles_->wake, [](uv_async_t* wake) { static_cast<Loop*>(wake->data)->on_wake(); }),
       "cannot create a wake-up");
  uv_prepare_init(uv_, &handles_->before_sleep);
  uv_check_init(uv_, &handles_->after_events);
  handles_->wake.data = handles_->before_sleep.data = handles_->after_events.data = this;
  uv_prepare_start(&handles_->before_sleep, [](uv_prepare_t* handle) { static_cast<Loop*>(handle->data)->look(); });
  uv_check_start(&handles_->after_events, [](uv_check_t* handle) {
    const auto* loop = static_cast<Loop*>(handle->data);
    if (loop->after_events) loop->after_events();
  });
  uv_unref(reinterpret_cast<uv_handle_t*>(&handles_->before_sleep));
  uv_unref(reinterpret_cast<uv_handle_t*>(&handles_->after_events));
}

Loop::~Loop() {
  assert(in_loop_thread());
  assert(mailboxes_.empty());
  handles_->close(handles_->wake);
  handles_->close(handles_->before_sleep);
  handles_->close(handles_->after_events);
  if (!owned_) return;
  int left = 0;
  uv_walk(
      uv_, [](uv_handle_t* handle, void* count) { *static_cast<int*>(count) += uv_is_closing(handle) == 0; }, &left);
  if (left == 0) uv_run(uv_, UV_RUN_DEFAULT);  // Ends when all is closed and no name is being looked up.
  must(uv_loop_close(uv_), "an event loop ends while something is still open on it");
}

void Loop::run(uint32_t spin_us) {
  assert(owned_);
  assert(thread_.load(std::memory_order_relaxed) == std::thread::id());
  thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  if (spin_us == 0) {
    uv_run(uv_, UV_RUN_DEFAULT);
  } else {
    run_spinning(uint64_t{spin_us} * 1'000);
  }
  thread_.store({}, std::memory_order_relaxed);
}

// The last thing before libuv asks the kernel for events.
void Loop::look() {
  if (before_sleep) before_sleep();
  late_turns_ = has_looked() ? 0 : late_turns_ + 1;
  looked_ms_ = now_ms();  // A moment too early does no harm, and asking the clock would cost.
}

void Loop::run_spinning(uint64_t spin_ns) {
  stopped_ = false;
  while (!stopped_) {
    const uint64_t until = uv_hrtime() + spin_ns;
    while (!stopped_ && uv_hrtime() < until) uv_run(uv_, UV_RUN_NOWAIT);
    if (!stopped_) uv_run(uv_, UV_RUN_ONCE);
  }
}

void Loop::turn() {
  assert(owned_ && in_loop_thread());
  uv_run(uv_, UV_RUN_NOWAIT);
}

void Loop::stop() {
  assert(owned_);
  stop_wanted_.store(true);
  wake();
}

bool Loop::in_loop_thread() const {
  const std::thread::id thread = thread_.load(std::memory_order_relaxed);
  return thread == std::this_thread::get_id() || thread == std::thread::id();
}

void Loop::wake() {
  uv_async_send(&handles_->wake);
}

void Loop::on_wake() {
  // A mailbox's callback may add a mailbox, so the end is read anew each time.
  for (size_t i = 0; i < mailboxes_.size(); ++i) mailboxes_[i]->drain();
  if (!stop_wanted_.exchange(false)) return;
  stopped_ = true;
  uv_stop(uv_);
}

void Loop::add(Drainable* mailbox) {
  assert(in_loop_thread());
  mailboxes_.push_back(mailbox);
}

void Loop::remove(Drainable* mailbox) {
  assert(in_loop_thread());
  mailboxes_.erase(std::find(mailboxes_.begin(), mailboxes_.end(), mailbox));
}

}  // namespace onehop::reactor
