// Who may ask for what. What is under /api/ names clients and ends them, so it is for people on this machine (a
// loopback address or a Unix socket) and, elsewhere, for those who bring the token. Probes and metrics are for anybody.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "admin/http_answer.h"
#include "admin/http_request.h"

namespace onehop::admin {

constexpr size_t kTokenBytesMin = 16;
constexpr size_t kTokenBytesMax = 512;

// The token in a file: its text without white space around it. On failure returns nothing and says why in `error`: the
// file cannot be read, others than its owner and group may read it, or its text is no token.
std::optional<std::string> read_token(const std::string& file, std::string& error);

// Where requests come in.
struct Entrance {
  enum class Kind { kUnix, kLoopback, kNetwork };
  Kind kind = Kind::kNetwork;
  std::string host;  // As the address was written; empty for a Unix socket.
  bool allow_plaintext = false;
};

// Any thread.
class Access {
 public:
  // `token`: empty, none.
  Access(Entrance entrance, std::string token) : entrance_(std::move(entrance)), token_(std::move(token)) {}

  void set_token(std::string token);

  // Why this request for something under /api/ is refused; nothing: it is not.
  std::optional<Answer> refusal(const Request& request) const;

 private:
  std::optional<Answer> local_refusal(const Request& request) const;
  std::optional<Answer> network_refusal(const Request& request) const;

  const Entrance entrance_;
  mutable std::mutex mutex_;
  std::string token_;
};

}  // namespace onehop::admin
