// Identity: who a client is, and what it may do, as files say: users with secrets, keys that sign tokens, permissions.
// It answers the hooks of a Broker, which itself needs none of it.
//
//   std::string error;
//   auto identity = onehop::Identity::load(options, error);   // null: error says why
//   broker_options.hooks = identity->hooks();
//   …
//   if (identity->reload(options, error)) broker->policy_changed();
//
// THREADS. Any thread may call any method. What options give to be called is called on the broker's threads and on
// those of the checks, on several at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "onehop/export.h"
#include "onehop/hooks.h"

namespace onehop {

namespace identity {
struct Policy;
}

// How a client shows who it is. A client has one credential: its kind says which method decides, and if that says no,
// no other one is tried.
enum class AuthMethod : uint8_t {
  kCertificate,  // The certificate of a TLS client, or the name in one that a trusted balancer tells.
  kToken,        // A signed token in Credentials::token.
  kUsers,        // `user:secret` in Credentials::token.
  kHook,         // IdentityOptions::hook decides about whatever no method before it in the order takes.
  kAnonymous,    // A client without any credential is let in, with no principal.
};
// How many methods there are.
inline constexpr size_t kAuthMethods = 5;
// "certificate", "token", "users", "hook", "anonymous".
ONEHOP_EXPORT std::string_view to_string(AuthMethod method);

// Where in a certificate the principal stands. One with several such names has none.
enum class CertificatePrincipal : uint8_t {
  kUri,         // The URI among its alternative names.
  kDns,         // The DNS name among them, in lower case.
  kCommonName,  // The common name of its subject.
};

// A client that was not let in. The views are valid during the call only.
struct IdentityEvent {
  // Who the client has claimed to be: a user, or the subject of a token whose signature is right. Empty: it is not
  // known. It may hold any bytes.
  std::string_view claimed;
  std::string_view peer;  // As Credentials::peer.
  // The method that has refused it; "none" if no method takes such credentials.
  std::string_view method;
  std::string_view why;  // For operators. Clients are not told.
};

// How clients show who they are, the files that say so, and the threads that check.
struct IdentityOptions {
  // In this order. Empty: everybody is let in.
  std::vector<AuthMethod> methods;
  // For kCertificate. A balancer tells nothing but the common name, which counts with kCommonName only.
  CertificatePrincipal certificate_principal = CertificatePrincipal::kUri;
  // For kUsers: lines of `user:hash`, with hashes that `onehop hash-secret` makes. Only its owner and group may be able
  // to read it.
  std::string users_file;
  // For kToken: a JWKS file of public keys. What a token must say of its issuer (empty: anything) and audience (empty:
  // there must be none).
  std::string token_keys_file;
  std::string token_issuer;
  std::string token_audience;
  // A TOML file that says what principals may do; empty: everything.
  std::string permissions_file;
  // The role of clients that kAnonymous lets in. There must be one if there is a permissions file.
  std::string anonymous_role;
  // For kHook. It gives 0 as `permissions`, and the rules for its principal hold.
  std::function<void(const Credentials&, AuthenticateAnswer)> hook;

  // load() takes the rest from here on; reload() ignores it.
  // How many threads check secrets and signatures, 1 to 64.
  uint32_t checks_threads = 2;
  // How many checks of passwords, and how many of tokens, may wait for a thread. Clients beyond are told SERVER_BUSY.
  uint32_t checks_waiting_max = 512;
  // Called for each client that is not let in; may be empty. What it throws is dropped.
  std::function<void(const IdentityEvent&)> on_refused;
  // Milliseconds since 1970; empty: the system's clock.
  std::function<uint64_t()> unix_ms;
};

// What has become of clients since load().
struct IdentityCounters {
  // Of one method.
  struct Method {
    uint64_t accepted = 0;
    uint64_t refused = 0;
  };
  std::array<Method, kAuthMethods> methods;  // By AuthMethod. What the hook decides is not counted.
  uint64_t refused_without_method = 0;       // No method takes what the client gave.
  uint64_t throttled = 0;                    // Its address had failed too often, so nothing was checked.
  uint64_t busy = 0;                         // Too many checks were waiting.
  uint64_t denied_by_permissions = 0;        // Verdicts of the permissions file that say no.
};

// What a client may do, in words for operators.
struct PermissionVerdict {
  // Whether it may do that.
  bool allowed = false;
  // Which rule of the permissions file decides, or that none does.
  std::string why;
};

// Made by load() or start(). See THREADS above.
class ONEHOP_EXPORT Identity {
 public:
  // Reads all files. Null: `error` says what is wrong, and in which file and line.
  static std::shared_ptr<Identity> load(const IdentityOptions& options, std::string& error);
  // For a program that has read the files itself, to know of all mistakes.
  static std::shared_ptr<Identity> start(const IdentityOptions& options,
                                         std::shared_ptr<const identity::Policy> policy);

  Identity(const Identity&) = delete;
  Identity& operator=(const Identity&) = delete;
  virtual ~Identity() = default;

  // Reads all files again. All or nothing: if anything is wrong, returns false, says what in `error`, and what was
  // before holds on. Otherwise call Broker::policy_changed() next: it ends clients whose user, key or name is no longer
  // in the files.
  virtual bool reload(const IdentityOptions& options, std::string& error) = 0;
  virtual void take_over(std::shared_ptr<const identity::Policy> policy) = 0;

  // For BrokerOptions::hooks. They keep this alive. Whether there is a permissions file must not change afterwards:
  // without one, messages are not asked about.
  virtual Hooks hooks() = 0;

  // What clients of this principal may do by the files that hold now; an empty one stands for anonymous clients.
  // `action` is names, take_over, send, publish, subscribe, serve, request or watch, and `target` is the name that it
  // is about. Tokens may narrow it further. Nothing: there is no such action.
  virtual std::optional<PermissionVerdict> explain(std::string_view principal, std::string_view action,
                                                   std::string_view target) const = 0;

  // As they are now.
  virtual IdentityCounters counters() const = 0;

 protected:
  Identity() = default;
};

}  // namespace onehop
