// What the clients of one loop share: the reactor's view of the loop, the buffer they read into, and the list of those
// that have something to write before the loop sleeps.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "onehop/loop_client.h"
#include "reactor/address.h"
#include "reactor/loop.h"

namespace onehop::client {

// Where `server` is; nothing, and one line for people in `error`, if these cannot be right.
std::optional<reactor::Address> check_arguments(std::string_view server, const ClientOptions& options,
                                                std::string& error);

// One client, as its loop sees it.
class Flushable {
 public:
  virtual void flush() = 0;

 protected:
  ~Flushable() = default;

 private:
  friend class ClientLoop::Impl;
  bool listed_ = false;
};

class ClientLoop::Impl {
 public:
  explicit Impl(uv_loop_s* loop);

  reactor::Loop& loop() { return loop_; }
  std::array<char, 64 << 10>& receive_buffer() { return receive_buffer_; }

  // Has flush() called before the loop sleeps.
  void want_flush(Flushable& client);
  void forget(Flushable& client);

 private:
  void flush_all();

  reactor::Loop loop_;
  std::vector<Flushable*> dirty_;
  std::vector<Flushable*> flushing_;
  std::array<char, 64 << 10> receive_buffer_;
};

}  // namespace onehop::client
