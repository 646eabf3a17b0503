// The admin port: HTTP for operators, their tools and their probes, on a thread of its own beside the broker's shards.
// Nothing that happens here, slow and hostile peers included, touches a shard but by the questions of Broker.
#pragma once

#include <memory>
#include <string>

#include "admin/access.h"
#include "admin/api.h"
#include "onehop/broker.h"
#include "transport/security.h"

namespace onehop::admin {

struct Options {
  std::string listen;            // tcp://127.0.0.1:7412 or unix:///path; port 0 takes a free one.
  Tokens tokens;                 // What is under /api/ needs one of them when `listen` is not loopback or Unix.
  bool allow_plaintext = false;  // Whether a token may cross a network unencrypted.
  // The server's side of TLS, which `listen` needs if it begins with tls://.
  std::shared_ptr<TransportSecurity> tls;
};

class Port {
 public:
  // Whether `listen` is an address that a port may have; if not, says why in `error`. Binds nothing, asks no resolver.
  static bool check(const std::string& listen, std::string& error);
  // Starts listening and answering. On failure returns nothing and says why in `error`. The broker must outlive it;
  // `actions` are called on its thread.
  static std::unique_ptr<Port> start(const Options& options, Broker& broker, Actions actions, std::string& error);
  virtual ~Port() = default;

  // With the port that was really bound.
  virtual std::string address() const = 0;
  // ANY THREAD: the tokens from now on.
  virtual void set_tokens(Tokens tokens) = 0;
};

}  // namespace onehop::admin
