// Accepts connections on one address of one loop, a bounded number a turn, and survives running out of descriptors
// without spinning. What it accepts is nonblocking, closed on exec, and (TCP) without Nagle's delay.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "reactor/address.h"
#include "reactor/fd.h"
#include "reactor/loop.h"
#include "reactor/timer.h"
#include "reactor/watch.h"

namespace onehop::reactor {

struct ListenOptions {
  // Whether several listeners, one for each loop, share a TCP port, among which the kernel spreads connections
  // (SO_REUSEPORT). The kernel would let a second process of the same user join unasked, so the first listener says
  // that it is the first and finds the port taken if anybody is there. For Unix sockets: kAlone only.
  enum class Share { kAlone, kFirst, kJoin };
  Share share = Share::kAlone;
  int backlog = 4'096;
  // How many connections are accepted before the loop turns to the established ones again.
  int accepts_per_turn = 64;
  // Buffers of the accepted sockets in bytes, as SO_SNDBUF and SO_RCVBUF take them; 0: the system's.
  int send_buffer_bytes = 0;
  int receive_buffer_bytes = 0;
};

// All methods: the loop's thread only. The callback may pause it, but not destroy it.
class Listener {
 public:
  using OnAccept = std::function<void(Fd, const SocketAddress& peer)>;

  // Listens on `address`; port 0 asks for a free one. A Unix socket's file that nobody answers on is replaced. On
  // failure returns nothing and says why in `error`, naming the address.
  static std::unique_ptr<Listener> open(Loop& loop, const SocketAddress& address, const ListenOptions& options,
                                        OnAccept on_accept, std::string& error);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  // Stops listening; removes the Unix socket's file if it is still this listener's.
  ~Listener();

  // With the port that was really bound.
  const SocketAddress& local_address() const { return local_address_; }

  // While paused, the kernel's backlog holds who connects.
  void pause();
  void resume();

  // How often accepting had to wait because descriptors or memory ran out.
  uint64_t exhaustions() const { return exhaustions_; }

 private:
  struct FileIdentity {
    uint64_t device = 0, inode = 0;
  };

  Listener(Loop& loop, Fd fd, const ListenOptions& options, OnAccept on_accept);
  void watch();
  void accept_some();
  void prepare(int fd) const;

  Loop& loop_;
  Fd fd_;  // Before the watch, which must be gone first.
  const ListenOptions options_;
  OnAccept on_accept_;
  SocketAddress local_address_;
  FileIdentity file_;
  bool paused_ = false;
  uint64_t exhaustions_ = 0;
  Watch watch_;
  Timer retry_;
};

}  // namespace onehop::reactor
