// Identity as a broker asks it: which method decides, what is too much, and what a reload leaves as it was.
#include "onehop/identity.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <future>
#include <thread>

#include "certificate_maker.h"
#include "identity/narrowings.h"
#include "identity/secret_hash.h"
#include "server/pending_answer.h"
#include "signer.h"

namespace onehop::identity {
namespace {

constexpr uint64_t kNowMs = 1'700'000'000'000;
constexpr const char* kPermissions = R"([roles.own]
allow.names = ["%p"]
allow.send = ["bob"]
[roles.guest]
allow.names = ["~*"]
[principals]
"*" = ["own"]
)";

// A question that is under way, or answered.
struct Asked {
  std::shared_ptr<server::PendingAnswer> pending = std::make_shared<server::PendingAnswer>(nullptr, core::Ticket{});

  // Waits until nobody can answer any more.
  server::HookVerdict verdict() const {
    while (pending.use_count() != 1) std::this_thread::yield();
    return pending->take_or_wait().value_or(server::HookVerdict());
  }
};

class Identities : public testing::Test {
 protected:
  Identities() {
    char name[] = "/tmp/onehop-identity-XXXXXX";
    folder_ = mkdtemp(name);
    options_.unix_ms = [this] { return now_ms_.load(); };
    options_.on_refused = [this](const IdentityEvent& event) { refused_.emplace_back(event.why); };
    options_.users_file = write("users", users_);
    options_.methods = {AuthMethod::kUsers};
  }
  ~Identities() override {
    for (const std::string& file : files_) ::unlink(file.c_str());
    ::rmdir(folder_.c_str());
  }

  std::string write(const std::string& name, const std::string& text) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path) << text;
    ::chmod(path.c_str(), 0600);
    files_.push_back(path);
    return path;
  }
  std::shared_ptr<Identity> loaded() {
    std::string error;
    auto identity = Identity::load(options_, error);
    EXPECT_NE(identity, nullptr) << error;
    return identity;
  }
  static Asked ask(Identity& identity, const Credentials& credentials) {
    const Asked asked;
    identity.hooks().authenticate(credentials, AuthenticateAnswer(asked.pending));
    return asked;
  }
  static server::HookVerdict judge(Identity& identity, std::string_view token, std::string_view peer = "unix:///x") {
    return ask(identity, {token, "", peer}).verdict();
  }
  static bool may(Identity& identity, const Access& access) {
    const Asked asked;
    identity.hooks().authorize(access, AuthorizeAnswer(asked.pending));
    return asked.verdict().accepted;
  }

  const std::string users_ = "alice:" + SecretHash::quick_text("a") + "\nbob:" + SecretHash::quick_text("b") + "\n";
  std::string folder_;
  std::vector<std::string> files_;
  std::atomic<uint64_t> now_ms_{kNowMs};
  std::vector<std::string> refused_;
  IdentityOptions options_;
};

TEST_F(Identities, WithoutAMethodEverybodyIsLetIn) {
  options_.methods = {};
  options_.users_file.clear();
  const auto identity = loaded();
  const server::HookVerdict verdict = judge(*identity, "anything");
  EXPECT_TRUE(verdict.accepted);
  EXPECT_EQ(verdict.principal, "");
  EXPECT_FALSE(identity->hooks().authorize);
}

TEST_F(Identities, TheKindOfACredentialSaysWhichMethodDecides) {
  const Signer signer("EdDSA");
  options_.methods = {AuthMethod::kCertificate, AuthMethod::kToken, AuthMethod::kUsers, AuthMethod::kAnonymous};
  options_.token_keys_file = write("keys", key_set(signer.jwk("")));
  options_.certificate_principal = CertificatePrincipal::kCommonName;
  const auto identity = loaded();
  const std::string token = signer.token(R"({"alg":"EdDSA"})", R"({"sub":"tina","exp":1700000600})");
  EXPECT_EQ(judge(*identity, token).principal, "tina");
  EXPECT_EQ(judge(*identity, token).expires_in_ms, 630'000U);  // With the leeway.
  EXPECT_EQ(judge(*identity, "alice:a").principal, "alice");
  EXPECT_TRUE(judge(*identity, "").accepted);
  // Whatever is wrong is final.
  for (const char* wrong : {"alice:b", "x.y.z", "alice", ":"}) {
    const server::HookVerdict verdict = judge(*identity, wrong);
    EXPECT_FALSE(verdict.accepted) << wrong;
    EXPECT_EQ(verdict.code, Code::kBadCredentials);
    EXPECT_EQ(verdict.text, "");
  }
  const std::string certificate = make_certificate({"carla"}, "");
  const std::string nobody = make_certificate({"a", "b"}, "");
  Credentials credentials{"", "", "unix:///x"};
  credentials.certificate = certificate;
  EXPECT_EQ(ask(*identity, credentials).verdict().principal, "carla");
  credentials.certificate = nobody;
  credentials.token = "alice:a";
  EXPECT_FALSE(ask(*identity, credentials).verdict().accepted);
  credentials.certificate = {};
  credentials.certificate_name = "carla";
  EXPECT_EQ(ask(*identity, credentials).verdict().principal, "carla");
  credentials.certificate_name = "a*";
  EXPECT_FALSE(ask(*identity, credentials).verdict().accepted);
  const IdentityCounters counters = identity->counters();
  EXPECT_EQ(counters.methods[static_cast<size_t>(AuthMethod::kToken)].accepted, 2U);
  EXPECT_EQ(counters.methods[static_cast<size_t>(AuthMethod::kToken)].refused, 2U);
  EXPECT_EQ(counters.methods[static_cast<size_t>(AuthMethod::kCertificate)].refused, 2U);
}

// A token may name a role that the permissions file does not have yet. It counts as soon as a reload brings it. The
// number of sets of roles that are kept has a bound.
TEST_F(Identities, SetsOfRolesAreKeptWholeAndAreBounded) {
  const Signer signer("EdDSA");
  options_.methods = {AuthMethod::kToken};
  options_.users_file.clear();
  options_.token_keys_file = write("keys", key_set(signer.jwk("")));
  options_.permissions_file = write("permissions", kPermissions);
  const auto identity = loaded();
  const auto judge_with = [&](const std::string& role) {
    const std::string claims = R"({"sub":"tina","exp":1700000600,"onehop":{"roles":[")" + role + R"("]}})";
    return judge(*identity, signer.token(R"({"alg":"EdDSA"})", claims), "tcp://10.0.0.1:5");
  };
  const server::HookVerdict later = judge_with("later");
  ASSERT_TRUE(later.accepted);
  const Access access{Action::kSend, "tina", later.permissions, "tina", "bob"};
  EXPECT_FALSE(may(*identity, access));
  std::string error;
  write("permissions", "[roles.later]\nallow.send = [\"bob\"]\n[principals]\n\"*\" = [\"later\"]\n");
  ASSERT_TRUE(identity->reload(options_, error)) << error;
  EXPECT_TRUE(may(*identity, access));

  for (size_t i = 1; i < Narrowings::kMost; ++i) ASSERT_TRUE(judge_with("role-" + std::to_string(i)).accepted) << i;
  for (int times = 0; times < 20; ++times) {
    const server::HookVerdict verdict = judge_with("one more");
    EXPECT_FALSE(verdict.accepted);
    EXPECT_EQ(verdict.code, Code::kServerBusy) << "nobody is throttled for it";
    EXPECT_GT(verdict.retry_after_ms, 0U);
  }
  EXPECT_EQ(refused_.back(), "tokens have too many different sets of roles");
  EXPECT_TRUE(judge_with("later").accepted);
}

TEST_F(Identities, CredentialsThatNoMethodTakes) {
  const auto identity = loaded();
  for (const char* token : {"", "a.b.c"}) EXPECT_EQ(judge(*identity, token).code, Code::kBadCredentials);
  EXPECT_EQ(identity->counters().refused_without_method, 2U);
  EXPECT_EQ(refused_.front(), "no credentials");
}

TEST_F(Identities, CertificateThatNoMethodLooksAtChangesNothing) {
  options_.methods = {AuthMethod::kAnonymous, AuthMethod::kUsers};
  const std::string certificate = make_certificate({"carla"}, "URI:urn:carla");
  Credentials credentials{"", "", "unix:///x"};
  credentials.certificate = certificate;
  EXPECT_EQ(ask(*loaded(), credentials).verdict().principal, "");
  EXPECT_TRUE(ask(*loaded(), credentials).verdict().accepted);
  // Where one does, it is no anonymous client, whatever the order.
  options_.methods = {AuthMethod::kAnonymous, AuthMethod::kUsers, AuthMethod::kCertificate};
  EXPECT_EQ(ask(*loaded(), credentials).verdict().principal, "urn:carla");
}

TEST_F(Identities, HookTakesWhatIsLeft) {
  options_.methods = {AuthMethod::kUsers, AuthMethod::kHook};
  options_.hook = [](const Credentials& credentials, const AuthenticateAnswer& answer) {
    answer.accept("hook-" + std::string(credentials.token));
  };
  const auto identity = loaded();
  EXPECT_EQ(judge(*identity, "x").principal, "hook-x");
  EXPECT_FALSE(judge(*identity, "alice:x").accepted);
}

TEST_F(Identities, ChecksThatFindNoRoomAreToldWhenToComeAgain) {
  const Signer signer("EdDSA");
  options_.methods = {AuthMethod::kToken};
  options_.users_file.clear();
  options_.token_keys_file = write("keys", key_set(signer.jwk("")));
  options_.checks_threads = 1;
  options_.checks_waiting_max = 1;
  std::promise<void> begun, go_on;
  std::shared_future<void> may_go_on = go_on.get_future().share();
  std::atomic<bool> is_first{true};
  // Asked for the time only within a check, because these peers have no address.
  options_.unix_ms = [&] {
    if (is_first.exchange(false)) begun.set_value();
    may_go_on.wait();
    return kNowMs;
  };
  const auto identity = loaded();
  const std::string token = signer.token(R"({"alg":"EdDSA"})", R"({"sub":"a","exp":1700000600})");
  const Asked first = ask(*identity, {token, "", "unix:///x"});
  begun.get_future().wait();
  const Asked second = ask(*identity, {token, "", "unix:///x"});
  const server::HookVerdict third = judge(*identity, token);
  EXPECT_EQ(third.code, Code::kServerBusy);
  EXPECT_GE(third.retry_after_ms, 1'000U);
  EXPECT_EQ(identity->counters().busy, 1U);
  go_on.set_value();
  EXPECT_TRUE(first.verdict().accepted);
  EXPECT_TRUE(second.verdict().accepted);
}

TEST_F(Identities, FailuresOfAnAddressAreThrottled) {
  const auto identity = loaded();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(judge(*identity, "alice:x", "tcp://10.0.0.1:" + std::to_string(i)).code, Code::kBadCredentials);
  }
  const server::HookVerdict right = judge(*identity, "alice:a", "tcp://10.0.0.1:99");
  EXPECT_EQ(right.code, Code::kServerBusy);
  EXPECT_EQ(right.retry_after_ms, 2'000U);
  EXPECT_TRUE(judge(*identity, "alice:a", "tcp://10.0.0.2:1").accepted);
  now_ms_ += right.retry_after_ms;
  EXPECT_TRUE(judge(*identity, "alice:a", "tcp://10.0.0.1:99").accepted);
}

TEST_F(Identities, ReloadIsAllOrNothing) {
  options_.permissions_file = write("permissions", kPermissions);
  const auto identity = loaded();
  const auto unchanged = [&](const IdentityOptions& options, const std::string& what) {
    std::string error;
    EXPECT_FALSE(identity->reload(options, error)) << what;
    EXPECT_FALSE(error.empty());
    EXPECT_EQ(judge(*identity, "alice:a").principal, "alice") << what;
    EXPECT_FALSE(judge(*identity, "eve:e").accepted) << what;
    EXPECT_TRUE(may(*identity, {Action::kSend, "alice", 0, "alice", "bob"})) << what;
    EXPECT_FALSE(may(*identity, {Action::kSend, "alice", 0, "alice", "carla"})) << what;
  };
  // Good users beside wrong permissions, and the other way round: neither half is taken.
  write("users", "eve:" + SecretHash::quick_text("e") + "\n");
  write("permissions", "[roles.own]\nallow.send = [\"**\"]\n");
  unchanged(options_, "permissions");
  write("permissions", "");
  write("users", "eve\n");
  unchanged(options_, "users");
  IdentityOptions other = options_;
  other.users_file += "-that-is-not-there";
  unchanged(other, "no file");
  other = options_;
  other.methods.push_back(AuthMethod::kToken);
  unchanged(other, "no keys");
  write("users", users_);
  std::string error;
  EXPECT_TRUE(identity->reload(options_, error)) << error;
  EXPECT_FALSE(may(*identity, {Action::kSend, "alice", 0, "alice", "bob"}));
}

TEST_F(Identities, WhoMayStay) {
  options_.permissions_file = write("permissions", kPermissions);
  const auto identity = loaded();
  const uint64_t alice = judge(*identity, "alice:a").permissions, bob = judge(*identity, "bob:b").permissions;
  const Hooks hooks = identity->hooks();
  const auto stays = [&](const char* name, uint64_t permissions) {
    ConnectedClient client;
    client.name = client.principal = name;
    client.permissions = permissions;
    return hooks.still_allowed(client);
  };
  std::string error;
  EXPECT_TRUE(stays("alice", alice));
  EXPECT_TRUE(stays("bob", bob));
  // Bob's secret changes, and alice goes.
  write("users", "bob:" + SecretHash::quick_text("other") + "\n");
  ASSERT_TRUE(identity->reload(options_, error)) << error;
  EXPECT_FALSE(stays("alice", alice));
  EXPECT_FALSE(stays("bob", bob));
  write("users", users_);
  ASSERT_TRUE(identity->reload(options_, error)) << error;
  EXPECT_TRUE(stays("bob", bob));
  // The name is no longer bob's.
  write("permissions", "[roles.own]\n[principals]\n\"*\" = [\"own\"]\n");
  ASSERT_TRUE(identity->reload(options_, error)) << error;
  EXPECT_FALSE(stays("bob", bob));
}

TEST_F(Identities, SaysWhatIsWrong) {
  const auto error_of = [](const IdentityOptions& options) {
    std::string error;
    EXPECT_EQ(Identity::load(options, error), nullptr);
    return error;
  };
  IdentityOptions options = options_;
  options.methods = {AuthMethod::kHook};
  EXPECT_EQ(error_of(options),
            "authentication: names a hook, and there is none (and 1 more)");  // The users file is for nothing.
  options = options_;
  ::chmod(options.users_file.c_str(), 0604);
  EXPECT_EQ(error_of(options),
            "users_file: " + options.users_file + ": others may read or write it: chmod o= " + options.users_file);
}

}  // namespace
}  // namespace onehop::identity
