// Watches one descriptor that somebody else owns; for the few descriptors that are not connections in service
// (listeners, attempts to connect, lingering ends), where convenience counts more than bytes: unlike Socket it may be
// destroyed at any time, also from its own callback.
#pragma once

#include <uv.h>

#include <functional>
#include <utility>

#include "reactor/loop.h"

namespace onehop::reactor {

// All methods: the loop's thread only.
class Watch {
 public:
  Watch() = default;
  Watch(Watch&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Watch& operator=(Watch&& other) noexcept;
  ~Watch() { stop(); }

  // Calls `on_ready` whenever `fd` is ready for one of `events` (UV_READABLE, UV_WRITABLE) or broken, again and again
  // as long as it is. Returns 0 or the errno value why the loop cannot watch it.
  [[nodiscard]] int start(Loop& loop, int fd, int events, std::function<void()> on_ready);
  // From here on the descriptor, and its number, are free for any use.
  void stop();
  bool started() const { return handle_ != nullptr; }

 private:
  struct Handle;

  static void on_event(uv_poll_t* poll, int status, int events);

  Handle* handle_ = nullptr;  // Deleted by libuv's close callback.
};

}  // namespace onehop::reactor
