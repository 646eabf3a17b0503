// A client and a server joined in memory, and how their handshake ends.
#pragma once

#include <memory>
#include <string>

#include "authority.h"
#include "tls/client_identity.h"
#include "tls/server_identity.h"
#include "tls/tls_transport.h"
#include "transport_test/contract.h"

namespace onehop::tls {

using State = transport::Transport::State;

inline std::shared_ptr<const ServerIdentity> server_of(const ServerFiles& files) {
  std::string error;
  auto identity = ServerIdentity::load(files, error);
  EXPECT_NE(nullptr, identity) << error;
  return identity;
}

inline std::shared_ptr<const ClientIdentity> client_of(const ClientFiles& files) {
  std::string error;
  auto identity = ClientIdentity::load(files, error);
  EXPECT_NE(nullptr, identity) << error;
  return identity;
}

inline transport::Pair join(std::shared_ptr<const ServerIdentity> server, const ClientIdentity& client,
                            ResumableSession& session, const std::string& host = "localhost") {
  return {{std::make_unique<TlsTransport>(client.new_ssl(host, session)), {}, {}},
          {std::make_unique<TlsTransport>(std::move(server)), {}, {}}};
}

inline TlsTransport& tls_of(const transport::End& end) {
  return static_cast<TlsTransport&>(*end.transport);
}

// Until neither has more to say.
inline void settle(transport::Pair& pair) {
  const auto has_output = [](const transport::End& end) { return !end.transport->output().empty(); };
  while (has_output(pair.client) || has_output(pair.server)) {
    transport::carry(pair.client, pair.server, SIZE_MAX, 1'000);
    transport::carry(pair.server, pair.client, SIZE_MAX, 1'000);
  }
}

}  // namespace onehop::tls
