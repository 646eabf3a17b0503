// The bytes of one connection of the admin port: those of its socket, or those within its transport. The loop's thread
// only.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "reactor/lingering_close.h"
#include "reactor/socket.h"
#include "transport/transport.h"

namespace onehop::admin {

class Stream {
 public:
  // `socket` outlives this. `transport` is null for a plain connection.
  Stream(reactor::Socket& socket, std::unique_ptr<transport::Transport> transport)
      : socket_(socket), transport_(std::move(transport)) {}

  // As Socket::receive. It may leave output, such as its part of a handshake: see flush().
  reactor::IoResult receive(std::span<char> into);
  // As Socket::send. What it says was transferred may still be held: see flush().
  reactor::IoResult send(std::string_view bytes);
  // Writes what is held. False: some is left, and the socket's on_writable is to come.
  bool flush();
  // Nothing more will be sent: what is left to write until the peer has everything; null: nothing.
  std::unique_ptr<reactor::LastWords> end();

 private:
  class Words;

  reactor::Socket& socket_;
  std::unique_ptr<transport::Transport> transport_;
};

}  // namespace onehop::admin
