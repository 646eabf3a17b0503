// See the header.
#include "client/secure_link.h"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/bytes.h"
#include "onehop/client_types.h"
#include "tls/tls_transport.h"

namespace onehop::client {

using State = transport::Transport::State;

tls::ClientFiles tls_files_of(const ClientOptions& options) {
  return {options.tls_ca_file, options.tls_certificate_file, options.tls_key_file, options.tls_insecure};
}

std::string wrong_with_tls(const reactor::Address& server, const ClientOptions& options) {
  std::string error;
  const tls::ClientFiles files = tls_files_of(options);
  if (server.is_tls()) {
    tls::ClientIdentity::shared(files, error);
  } else if (files != tls::ClientFiles() || !options.tls_server_name.empty()) {
    error = "TLS is asked for, and " + server.text() + " does not begin with tls://";
  }
  return error;
}

std::unique_ptr<SecureLink> SecureLink::begin(const tls::ClientFiles& files, const std::string& host,
                                              tls::ResumableSession& session, std::string& error) {
  auto identity = tls::ClientIdentity::shared(files, error);
  if (identity == nullptr) return nullptr;
  tls::SslPointer ssl = identity->new_ssl(host, session);
  if (ssl == nullptr) {
    error = "'" + host + "' is no name of a TLS server";
    return nullptr;
  }
  auto transport = std::make_unique<tls::TlsTransport>(std::move(ssl));
  return std::unique_ptr<SecureLink>(new SecureLink(std::move(identity), std::move(transport)));
}

size_t SecureLink::write(std::span<const std::string_view> pieces) {
  std::array<core::Iov, 16> taken;
  const size_t count = std::min(pieces.size(), taken.size());
  for (size_t i = 0; i < count; ++i) taken[i] = {pieces[i].data(), pieces[i].size()};
  return transport_->write({taken.data(), count});
}

void SecureLink::end() {
  if (!std::exchange(ended_, true)) transport_->end();
}

bool SecureLink::send(reactor::Socket& socket, reactor::IoResult& result) {
  for (core::Bytes output; !(output = transport_->output()).empty();) {
    const iovec piece{const_cast<char*>(output.data()), output.size()};
    result = socket.send(&piece, 1);
    if (!result.transferred()) return false;
    transport_->output_written(result.bytes);
  }
  return true;
}

std::optional<std::string> SecureLink::why_over() const {
  if (transport_->state() == State::kBroken) return std::string(transport_->error());
  if (transport_->state() == State::kEnded) return "the broker closed it";
  return std::nullopt;
}

}  // namespace onehop::client
