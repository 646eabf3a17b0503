// Watching on a uv_poll_t of its own, which lives until libuv has let go of it.
#include "reactor/watch.h"

#include <cassert>
#include <utility>

namespace onehop::reactor {

struct Watch::Handle {
  uv_poll_t poll;
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
  auto* handle = new Handle{{}, std::move(on_ready)};
  const int status = uv_poll_init(loop.uv(), &handle->poll, fd);
  if (status != 0) {
    delete handle;
    return -status;
  }
  handle->poll.data = handle;
  handle_ = handle;
  uv_poll_start(&handle->poll, events, [](uv_poll_t* poll, int, int) {
    // The callback may stop the watch; the handle itself lives on until the loop's closing phase.
    static_cast<Handle*>(poll->data)->on_ready();
  });
  return 0;
}

void Watch::stop() {
  if (handle_ == nullptr) return;
  uv_close(reinterpret_cast<uv_handle_t*>(&std::exchange(handle_, nullptr)->poll),
           [](uv_handle_t* closed) { delete static_cast<Handle*>(closed->data); });
}

}  // namespace onehop::reactor
