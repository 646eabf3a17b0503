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
  // To `host`, a name or an address. Nothing, and one line in `error`, if the files are not as they must be.
  static std::unique_ptr<SecureLink> begin(const tls::ClientFiles& files, const std::string& host,
                                           tls::ResumableSession& session, std::string& error);

  // Of the handshake.
  bool is_open() const { return transport_->state() != transport::Transport::State::kHandshake; }
  // The socket has received this.
  void take_input(std::string_view bytes) { transport_->take_input(bytes); }
  void end_input() { transport_->end_input(); }
  // Of the stream. 0: there is nothing before there is more input.
  size_t read(std::span<char> into) { return transport_->read(into); }
  // How many bytes of the stream it takes.
  size_t write(std::span<const std::string_view> pieces);
  void end();
  // Offers the socket what it is to send. Whether all has gone; if not, `result` says why.
  bool send(reactor::Socket& socket, reactor::IoResult& result);
  // Why it cannot go on: it is broken, or the broker has ended its stream. Nothing: it goes on.
  std::optional<std::string> why_over() const;

 private:
  explicit SecureLink(std::unique_ptr<transport::Transport> transport) : transport_(std::move(transport)) {}

  std::unique_ptr<transport::Transport> transport_;
  bool ended_ = false;
};

}  // namespace onehop::client
