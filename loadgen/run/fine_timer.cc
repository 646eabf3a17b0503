// See the header. It uses a timerfd where there is one.
#include "loadgen/run/fine_timer.h"

#include <uv.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#ifdef __linux__
#include <sys/timerfd.h>
#endif

namespace onehop::loadgen {

#ifdef __linux__

FineTimer::FineTimer(reactor::Loop& loop, std::function<void()> on_due)
    : fd_(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  // Nobody reads the expirations. Arming the timer again clears them, so an expiration costs one system call and not
  // two.
  const auto due = [this, on_due = std::move(on_due)] {
    armed_ns_ = 0;
    on_due();
  };
  if (!fd_ || watch_.start(loop, fd_.get(), UV_READABLE, due) != 0) throw std::runtime_error("no timer can be had");
}

void FineTimer::arm_at(uint64_t deadline_ns) {
  if (armed_ns_ == deadline_ns) return;
  armed_ns_ = std::max<uint64_t>(deadline_ns, 1);  // 0 would disarm it.
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(armed_ns_ / 1'000'000'000);
  when.it_value.tv_nsec = static_cast<long>(armed_ns_ % 1'000'000'000);
  timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

#else

FineTimer::FineTimer(reactor::Loop& loop, std::function<void()> on_due)
    : loop_(loop), timer_(loop, [this, on_due = std::move(on_due)] {
        armed_ns_ = 0;
        on_due();
      }) {}

void FineTimer::arm_at(uint64_t deadline_ns) {
  if (armed_ns_ == deadline_ns) return;
  armed_ns_ = deadline_ns;
  const uint64_t now = now_ns();
  timer_.arm_at(loop_.now_ms() + (deadline_ns > now ? (deadline_ns - now) / 1'000'000 : 0));
}

#endif

}  // namespace onehop::loadgen
