// Identity: see the public header. A check passes these stages:
//
//   which method takes it ──▶ has its address failed too often? ──▶ what is quick ──▶ the pool: what is slow
#include "onehop/identity.h"

#include <sodium.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <utility>

#include "identity/certificate_rule.h"
#include "identity/check_pool.h"
#include "identity/grant.h"
#include "identity/narrowings.h"
#include "identity/policy.h"
#include "identity/principal.h"
#include "identity/right_for.h"
#include "identity/throttle.h"

namespace onehop {
namespace {

using identity::Grant;
using identity::Policy;
using identity::Throttle;
using PolicyPointer = std::shared_ptr<const Policy>;

// After 5 seconds the broker has given an answer up.
constexpr uint64_t kCheckLateMs = 4'000;
// When a client comes again whose check found no room: not all of them at once.
constexpr uint32_t kBusyRetryMs = 1'000;
constexpr uint32_t kBusyRetrySpreadMs = 2'000;
// And one whose token has roles for which there is no room: only a restart, or another token, helps.
constexpr uint32_t kTooManySetsRetryMs = 60'000;
constexpr std::string_view kTooManySets = "tokens have too many different sets of roles";

uint64_t system_unix_ms() {
  using std::chrono::milliseconds;
  return static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch() / milliseconds(1));
}

// A client that waits for its verdict. Its secret does not stay in memory.
struct Candidate {
  explicit Candidate(const Credentials& credentials) : token(credentials.token), peer(credentials.peer) {}
  Candidate(const Candidate&) = delete;
  Candidate& operator=(const Candidate&) = delete;
  ~Candidate() { sodium_memzero(token.data(), token.size()); }

  std::string token;
  const std::string peer;
};

bool has(const Policy& policy, AuthMethod method) {
  return std::find(policy.methods.begin(), policy.methods.end(), method) != policy.methods.end();
}

bool takes(const Policy& policy, AuthMethod method, const Credentials& credentials) {
  const std::string_view token = credentials.token;
  // Where no method looks at it, a certificate only opens the connection.
  const bool has_certificate = (!credentials.certificate.empty() || !credentials.certificate_name.empty()) &&
                               has(policy, AuthMethod::kCertificate);
  switch (method) {
    case AuthMethod::kCertificate:
      return has_certificate;
    case AuthMethod::kToken:
      return !token.empty() && token.find(':') == std::string_view::npos;
    case AuthMethod::kUsers:
      return token.find(':') != std::string_view::npos;
    case AuthMethod::kHook:
      return true;
    case AuthMethod::kAnonymous:
      break;
  }
  return token.empty() && !has_certificate;
}

// The two sides of the first colon.
std::pair<std::string_view, std::string_view> user_and_secret(std::string_view token) {
  const size_t colon = token.find(':');
  return {token.substr(0, colon), token.substr(colon + 1)};
}

class IdentityImpl final : public Identity, public std::enable_shared_from_this<IdentityImpl> {
 public:
  IdentityImpl(const IdentityOptions& options, PolicyPointer policy)
      : on_refused_(options.on_refused),
        unix_ms_(options.unix_ms ? options.unix_ms : system_unix_ms),
        policy_(std::move(policy)),
        pool_(options.checks_threads, options.checks_waiting_max, kCheckLateMs) {}

  bool reload(const IdentityOptions& options, std::string& error) override;
  std::optional<PermissionVerdict> explain(std::string_view principal, std::string_view action,
                                           std::string_view target) const override;
  void take_over(PolicyPointer policy) override {
    const std::lock_guard lock(mutex_);
    policy_ = std::move(policy);
  }
  Hooks hooks() override;
  IdentityCounters counters() const override;

 private:
  struct Counts {
    std::atomic<uint64_t> accepted{0}, refused{0};
  };

  PolicyPointer policy() const {
    const std::lock_guard lock(mutex_);
    return policy_;
  }
  Counts& counts_of(AuthMethod method) { return counts_[static_cast<size_t>(method)]; }

  void authenticate(const Credentials& credentials, const AuthenticateAnswer& answer);
  void check_certificate(const Policy& policy, const Credentials& credentials, const AuthenticateAnswer& answer);
  void check_user(const PolicyPointer& policy, const Credentials& credentials, const AuthenticateAnswer& answer);
  void check_token(const PolicyPointer& policy, const Credentials& credentials, const AuthenticateAnswer& answer);
  void accept_token(const Policy& policy, const Candidate& candidate, const AuthenticateAnswer& answer);
  void accept_user(const Policy& policy, std::string_view user, const AuthenticateAnswer& answer);
  void check_later(identity::CheckPool::Kind kind, const Credentials& credentials, const AuthenticateAnswer& answer,
                   std::function<void(const Candidate&)> check);
  bool is_throttled(std::string_view peer, const AuthenticateAnswer& answer);
  void tell_refused(const IdentityEvent& event) const;
  void refuse(AuthMethod method, std::string_view claimed, std::string_view peer, std::string_view why,
              const AuthenticateAnswer& answer);
  bool allows(const Policy& policy, std::string_view principal, uint64_t permissions, identity::Right right,
              std::string_view target);
  bool still_covers(const Policy& policy, std::string_view principal, const Grant& grant) const;

  const std::function<void(const IdentityEvent&)> on_refused_;
  const std::function<uint64_t()> unix_ms_;
  mutable std::mutex mutex_;
  PolicyPointer policy_;  // mutex_ guards it; what it points to never changes.
  identity::Narrowings narrowings_;
  Throttle throttle_;
  std::array<Counts, kAuthMethods> counts_;
  std::atomic<uint64_t> refused_without_method_{0}, throttled_{0}, busy_{0}, denied_{0};
  // Last: its threads end before what they use. Their checks hold nothing of this, which outlives them.
  identity::CheckPool pool_;
};

void IdentityImpl::authenticate(const Credentials& credentials, const AuthenticateAnswer& answer) {
  const PolicyPointer policy = this->policy();
  if (policy->methods.empty()) return answer.accept({});
  for (const AuthMethod method : policy->methods) {
    if (!takes(*policy, method, credentials)) continue;
    switch (method) {
      case AuthMethod::kCertificate:
        return check_certificate(*policy, credentials, answer);
      case AuthMethod::kToken:
        return check_token(policy, credentials, answer);
      case AuthMethod::kUsers:
        return check_user(policy, credentials, answer);
      case AuthMethod::kHook:
        return policy->hook(credentials, answer);
      case AuthMethod::kAnonymous:
        counts_of(method).accepted.fetch_add(1, std::memory_order_relaxed);
        return answer.accept({}, Grant{method}.number());
    }
  }
  refused_without_method_.fetch_add(1, std::memory_order_relaxed);
  const std::string_view why = credentials.token.empty() ? "no credentials" : "no method takes these credentials";
  tell_refused({{}, credentials.peer, "none", why});
  answer.refuse(Code::kBadCredentials);
}

// Whether the certificate is a good one has been found out before.
void IdentityImpl::check_certificate(const Policy& policy, const Credentials& credentials,
                                     const AuthenticateAnswer& answer) {
  std::optional<std::string> principal;
  if (!credentials.certificate.empty()) {
    principal = identity::principal_in_certificate(credentials.certificate, policy.certificate_principal);
  } else if (policy.certificate_principal == CertificatePrincipal::kCommonName &&
             identity::is_valid_principal(credentials.certificate_name)) {
    principal = credentials.certificate_name;
  }
  if (!principal) {
    return refuse(AuthMethod::kCertificate, credentials.certificate_name, credentials.peer,
                  "the certificate has no such name, or several", answer);
  }
  counts_of(AuthMethod::kCertificate).accepted.fetch_add(1, std::memory_order_relaxed);
  answer.accept(*principal, Grant{AuthMethod::kCertificate}.number());
}

void IdentityImpl::check_user(const PolicyPointer& policy, const Credentials& credentials,
                              const AuthenticateAnswer& answer) {
  if (is_throttled(credentials.peer, answer)) return;
  const auto [user, secret] = user_and_secret(credentials.token);
  switch (policy->users->check_quickly(user, secret)) {
    case identity::UsersFile::Verdict::kRight:
      return accept_user(*policy, user, answer);
    case identity::UsersFile::Verdict::kWrong:
      return refuse(AuthMethod::kUsers, user, credentials.peer, "no such user, or another secret", answer);
    case identity::UsersFile::Verdict::kUnknown:
      break;
  }
  check_later(identity::CheckPool::Kind::kSlow, credentials, answer,
              [this, policy, answer](const Candidate& candidate) {
                // Others from the same address may have failed while this one has waited.
                if (is_throttled(candidate.peer, answer)) return;
                const auto [name, its_secret] = user_and_secret(candidate.token);
                if (policy->users->check_slowly(name, its_secret)) return accept_user(*policy, name, answer);
                refuse(AuthMethod::kUsers, name, candidate.peer, "no such user, or another secret", answer);
              });
}

void IdentityImpl::accept_user(const Policy& policy, std::string_view user, const AuthenticateAnswer& answer) {
  counts_of(AuthMethod::kUsers).accepted.fetch_add(1, std::memory_order_relaxed);
  const Grant grant{AuthMethod::kUsers, policy.users->fingerprint(user).value_or(0)};
  answer.accept(user, grant.number());
}

void IdentityImpl::check_token(const PolicyPointer& policy, const Credentials& credentials,
                               const AuthenticateAnswer& answer) {
  if (is_throttled(credentials.peer, answer)) return;
  check_later(identity::CheckPool::Kind::kQuick, credentials, answer,
              [this, policy, answer](const Candidate& candidate) {
                if (!is_throttled(candidate.peer, answer)) accept_token(*policy, candidate, answer);
              });
}

void IdentityImpl::accept_token(const Policy& policy, const Candidate& candidate, const AuthenticateAnswer& answer) {
  const uint64_t now_ms = unix_ms_();
  const identity::TokenVerdict verdict = policy.tokens->verify(candidate.token, now_ms);
  if (verdict.fault != identity::TokenFault::kNone) {
    return refuse(AuthMethod::kToken, verdict.principal, candidate.peer, to_string(verdict.fault), answer);
  }
  Grant grant{AuthMethod::kToken, verdict.key_fingerprint};
  if (verdict.roles && policy.permissions != nullptr) {
    const std::optional<uint32_t> narrowing = narrowings_.number_of(*verdict.roles);
    if (!narrowing) {
      counts_of(AuthMethod::kToken).refused.fetch_add(1, std::memory_order_relaxed);
      tell_refused({verdict.principal, candidate.peer, to_string(AuthMethod::kToken), kTooManySets});
      return answer.refuse(Code::kServerBusy, {}, kTooManySetsRetryMs);
    }
    grant.narrowing = *narrowing;
  }
  counts_of(AuthMethod::kToken).accepted.fetch_add(1, std::memory_order_relaxed);
  // The clock of the issuer may be ahead, so a token that is just good here has a moment left.
  answer.accept(verdict.principal, grant.number(), verdict.expires_unix_ms + policy.token_rules.leeway_ms - now_ms);
}

void IdentityImpl::check_later(identity::CheckPool::Kind kind, const Credentials& credentials,
                               const AuthenticateAnswer& answer, std::function<void(const Candidate&)> check) {
  const auto candidate = std::make_shared<const Candidate>(credentials);
  const bool submitted = pool_.submit(kind, [candidate, check = std::move(check)](bool late) {
    if (!late) check(*candidate);
  });
  if (submitted) return;
  busy_.fetch_add(1, std::memory_order_relaxed);
  answer.refuse(Code::kServerBusy, "too many credentials are being checked",
                kBusyRetryMs + randombytes_uniform(kBusyRetrySpreadMs));
}

bool IdentityImpl::is_throttled(std::string_view peer, const AuthenticateAnswer& answer) {
  const std::optional<Throttle::Source> source = Throttle::source_of(peer);
  const uint32_t wait_ms = source ? throttle_.wait_ms(*source, unix_ms_()) : 0;
  if (wait_ms == 0) return false;
  throttled_.fetch_add(1, std::memory_order_relaxed);
  answer.refuse(Code::kServerBusy, "too many credentials from this address were wrong", wait_ms);
  return true;
}

// What the program throws ends neither a check nor its thread.
void IdentityImpl::tell_refused(const IdentityEvent& event) const {
  if (!on_refused_) return;
  try {
    on_refused_(event);
  } catch (...) {  // NOLINT(bugprone-empty-catch): there is nobody to tell.
  }
}

void IdentityImpl::refuse(AuthMethod method, std::string_view claimed, std::string_view peer, std::string_view why,
                          const AuthenticateAnswer& answer) {
  if (const auto source = Throttle::source_of(peer)) throttle_.failed(*source, unix_ms_());
  counts_of(method).refused.fetch_add(1, std::memory_order_relaxed);
  tell_refused({claimed, peer, to_string(method), why});
  answer.refuse(Code::kBadCredentials);
}

std::optional<PermissionVerdict> IdentityImpl::explain(std::string_view principal, std::string_view action,
                                                       std::string_view target) const {
  const std::optional<identity::Right> right = identity::right_named(action);
  if (!right) return std::nullopt;
  const PolicyPointer policy = this->policy();
  if (policy->permissions == nullptr) return PermissionVerdict{true, "there is no permissions file"};
  const std::string& role = policy->anonymous_role;
  if (principal.empty() && role.empty()) return PermissionVerdict{false, "anonymous clients have no role"};
  identity::Explanation found =
      policy->permissions->explain({principal, principal.empty() ? role : std::string_view()}, *right, target);
  return PermissionVerdict{found.allowed, std::move(found.why)};
}

bool IdentityImpl::allows(const Policy& policy, std::string_view principal, uint64_t permissions, identity::Right right,
                          std::string_view target) {
  if (policy.permissions == nullptr) return true;
  const Grant grant = Grant::of(permissions);
  identity::Subject subject{principal};
  if (grant.method == AuthMethod::kAnonymous) {
    subject.anonymous_role = policy.anonymous_role;
    // With no role at all nothing is allowed.
    if (policy.anonymous_role.empty()) return false;
  }
  if (grant.narrowing != 0) {
    subject.narrowed_to = narrowings_.find(grant.narrowing);
    if (subject.narrowed_to == nullptr) return false;
  }
  if (policy.permissions->decide(subject, right, target).allowed) return true;
  denied_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

// Whether what the client has shown is still in the files.
bool IdentityImpl::still_covers(const Policy& policy, std::string_view principal, const Grant& grant) const {
  if (!grant.method) return true;
  if (!has(policy, *grant.method)) return false;
  switch (*grant.method) {
    case AuthMethod::kUsers:
      return policy.users->fingerprint(principal) == grant.fingerprint;
    case AuthMethod::kToken:
      return policy.keys->has(grant.fingerprint);
    case AuthMethod::kCertificate:
    case AuthMethod::kHook:
    case AuthMethod::kAnonymous:
      break;
  }
  return true;
}

bool IdentityImpl::reload(const IdentityOptions& options, std::string& error) {
  std::vector<std::string> problems;
  PolicyPointer next = Policy::load(options, problems);
  if (next == nullptr) {
    error = problems.front();
    if (problems.size() > 1) error += " (and " + std::to_string(problems.size() - 1) + " more)";
    return false;
  }
  take_over(std::move(next));
  return true;
}

Hooks IdentityImpl::hooks() {
  Hooks out;
  const auto self = shared_from_this();
  out.authenticate = [self](const Credentials& credentials, const AuthenticateAnswer& answer) {
    self->authenticate(credentials, answer);
  };
  if (policy()->permissions != nullptr) {
    out.authorize = [self](const Access& access, const AuthorizeAnswer& answer) {
      const PolicyPointer policy = self->policy();
      const identity::Right right = identity::right_for(access.action);
      if (self->allows(*policy, access.principal, access.permissions, right, access.target)) return answer.allow();
      answer.deny();
    };
  }
  out.still_allowed = [self](const ConnectedClient& client) {
    const PolicyPointer policy = self->policy();
    return self->still_covers(*policy, client.principal, Grant::of(client.permissions)) &&
           self->allows(*policy, client.principal, client.permissions, identity::Right::kNames, client.name);
  };
  return out;
}

IdentityCounters IdentityImpl::counters() const {
  IdentityCounters out;
  for (size_t i = 0; i < kAuthMethods; ++i) {
    out.methods[i] = {counts_[i].accepted.load(std::memory_order_relaxed),
                      counts_[i].refused.load(std::memory_order_relaxed)};
  }
  out.refused_without_method = refused_without_method_.load(std::memory_order_relaxed);
  out.throttled = throttled_.load(std::memory_order_relaxed);
  out.busy = busy_.load(std::memory_order_relaxed);
  out.denied_by_permissions = denied_.load(std::memory_order_relaxed);
  return out;
}

}  // namespace

std::string_view to_string(AuthMethod method) {
  static constexpr std::string_view kNames[kAuthMethods] = {"certificate", "token", "users", "hook", "anonymous"};
  return kNames[static_cast<size_t>(method)];
}

std::shared_ptr<Identity> Identity::load(const IdentityOptions& options, std::string& error) {
  std::vector<std::string> problems;
  std::shared_ptr<const Policy> policy = Policy::load(options, problems);
  if (policy != nullptr) return start(options, std::move(policy));
  error = problems.front();
  if (problems.size() > 1) error += " (and " + std::to_string(problems.size() - 1) + " more)";
  return nullptr;
}

std::shared_ptr<Identity> Identity::start(const IdentityOptions& options, std::shared_ptr<const Policy> policy) {
  if (sodium_init() < 0) return nullptr;
  return std::make_shared<IdentityImpl>(options, std::move(policy));
}

}  // namespace onehop
