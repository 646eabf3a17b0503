// Who may ask for what. What is under /api/ names clients and ends them, so it is for people on this machine (a
// loopback address or a Unix socket), who are operators, and elsewhere for those who bring a token. One token makes an
// operator, who may do everything, the other a viewer, who may only look. Probes and metrics are for anybody.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

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
  std::string host;               // As the address was written; empty for a Unix socket.
  bool may_carry_tokens = false;  // It is encrypted, or its owner has allowed plaintext.
};

enum class Role : uint8_t { kViewer, kOperator };
// "viewer".
std::string_view to_string(Role role);

// Empty: none.
struct Tokens {
  std::string of_operators;
  std::string of_viewers;
};

// Any thread.
class Access {
 public:
  Access(Entrance entrance, Tokens tokens) : entrance_(std::move(entrance)), tokens_(std::move(tokens)) {}

  void set_tokens(Tokens tokens);

  // Why this request for something under /api/ is refused; nothing: it is not, and `role` says who asks. Everything but
  // GET and HEAD changes something, and is for operators.
  std::optional<Answer> refusal(const Request& request, Role& role) const;

 private:
  std::optional<Answer> local_refusal(const Request& request) const;
  std::optional<Answer> network_refusal(const Request& request, Role& role) const;

  const Entrance entrance_;
  mutable std::mutex mutex_;
  Tokens tokens_;
};

}  // namespace onehop::admin
