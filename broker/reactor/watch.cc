// Watching on a uv_poll_t of its own, which lives until libuv has let go of it.
#include "reactor/watch.h"

#include <cassert>
#include <utility>

namespace onehop::reactor {

struct Watch::Handle {
  uv_poll_t poll;
  int events;
  std::function<void()> on_ready;
};

Watch& Watch::operator=(Watch&& other) noexcept {
  if (this != &other) {
    stop();
    handle_ = std::exchange(other.handle_, nullptr);
  }
  return *this;
}

int Watch::start(Loop& loop, int fd, int events, std::function<void()> on_ready) {
  assert(loop.in_loop_thread() && handle_ == nullptr);
  auto* handle = new Handle{{}, events, std::move(on_ready)};
  const int status = uv_poll_init(loop.uv(), &handle->poll, fd);
  if (status != 0) {
    delete handle;
    return -status;
  }
  handle->poll.data = handle;
  handle_ = handle;
  uv_poll_start(&handle->poll, events, on_event);
  return 0;
}

void Watch::on_event(uv_poll_t* poll, int status, int) {
  auto* handle = static_cast<Handle*>(poll->data);
  handle->on_ready();
  // The callback may have stopped the watch; the handle itself lives on until the loop's closing phase. After an error
  // of the descriptor libuv has stopped watching, although there may be bytes before the error.
  if (status != 0 && uv_is_closing(reinterpret_cast<uv_handle_t*>(poll)) == 0) {
    uv_poll_start(poll, handle->events, on_event);
  }
}

void Watch::stop() {
  if (handle_ == nullptr) return;
  uv_close(reinterpret_cast<uv_handle_t*>(&std::exchange(handle_, nullptr)->poll),
           [](uv_handle_t* closed) { delete static_cast<Handle*>(closed->data); });
}

}  // namespace onehop::reactor
