// TLS on one connection of a client: the bytes of its socket on one side, those of the stream on the other. The socket
// is the owner's. One thread.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "reactor/address.h"
#include "reactor/socket.h"
#include "tls/client_identity.h"
#include "transport/transport.h"

namespace onehop::client {

struct ClientOptions;

// What the options say of TLS, as files.
tls::ClientFiles tls_files_of(const ClientOptions& options);
// What is wrong with the TLS options of a client of this server; or nothing. Reads the files.
std::string wrong_with_tls(const reactor::Address& server, const ClientOptions& options);

class SecureLink {
 public:
  // Begins TLS to `host`, a name or an address. If a file is not as it must be: null, and `error` is one line about it.
  static std::unique_ptr<SecureLink> begin(const tls::ClientFiles& files, const std::string& host,
                                           tls::ResumableSession& session, std::string& error);

  // Whether the handshake is over.
  bool is_open() const { return transport_->state() != transport::Transport::State::kHandshake; }
  // Gives it bytes that the socket has received.
  void take_input(std::string_view bytes) { transport_->take_input(bytes); }
  void end_input() { transport_->end_input(); }
  // Reads bytes of the stream. 0: there are none until there is more input.
  size_t read(std::span<char> into) { return transport_->read(into); }
  // Offers bytes of the stream; returns how many it has taken.
  size_t write(std::span<const std::string_view> pieces);
  void end();
  // Gives the socket what waits to be sent. True: the socket has taken all of it; otherwise `result` says why not.
  bool send(reactor::Socket& socket, reactor::IoResult& result);
  // Why the connection cannot go on: TLS is broken, or the broker has ended its stream. Nothing: it can go on.
  std::optional<std::string> why_over() const;

 private:
  SecureLink(std::shared_ptr<const tls::ClientIdentity> identity, std::unique_ptr<transport::Transport> transport)
      : identity_(std::move(identity)), transport_(std::move(transport)) {}

  // Held so that the next client of the same files finds it, and reads nothing.
  const std::shared_ptr<const tls::ClientIdentity> identity_;
  std::unique_ptr<transport::Transport> transport_;
  bool ended_ = false;
};

}  // namespace onehop::client
