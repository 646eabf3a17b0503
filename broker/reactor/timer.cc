// The timer on a uv_timer_t of its own, which lives until libuv has let go of it.
#include "reactor/timer.h"

#include <cassert>
#include <utility>

namespace onehop::reactor {

struct Timer::Handle {
  uv_timer_t timer;
  Loop& loop;
  std::function<void()> on_due;
  uint64_t deadline_ms = 0;

  static void ring(uv_timer_t* timer) {
    const auto* handle = static_cast<Handle*>(timer->data);
    // Not 0: libuv would run it again before it looks for events.
    if (!handle->loop.has_looked()) return static_cast<void>(uv_timer_start(timer, ring, 1, 0));
    handle->on_due();
  }
};

Timer::Timer(Loop& loop, std::function<void()> on_due) : handle_(new Handle{{}, loop, std::move(on_due)}) {
  assert(loop.in_loop_thread());
  uv_timer_init(loop.uv(), &handle_->timer);
  handle_->timer.data = handle_;
}

Timer::~Timer() {
  assert(handle_->loop.in_loop_thread());
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->timer),
           [](uv_handle_t* closed) { delete static_cast<Handle*>(closed->data); });
}

void Timer::arm_at(uint64_t deadline_ms) {
  assert(handle_->loop.in_loop_thread());
  if (armed() && handle_->deadline_ms == deadline_ms) return;
  handle_->deadline_ms = deadline_ms;
  const uint64_t now = handle_->loop.now_ms();
  uv_timer_start(&handle_->timer, Handle::ring, deadline_ms > now ? deadline_ms - now : 0, 0);
}

void Timer::disarm() {
  assert(handle_->loop.in_loop_thread());
  uv_timer_stop(&handle_->timer);
}

bool Timer::armed() const {
  return uv_is_active(reinterpret_cast<const uv_handle_t*>(&handle_->timer)) != 0;
}

}  // namespace onehop::reactor
