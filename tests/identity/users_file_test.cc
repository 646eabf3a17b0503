// Users files: who gets in, and which files are refused.
#include "identity/users_file.h"

#include <gtest/gtest.h>

namespace onehop::identity {
namespace {

using Verdict = UsersFile::Verdict;

std::shared_ptr<const UsersFile> parsed(const std::string& text) {
  std::vector<std::string> problems;
  auto users = UsersFile::parse(text, "users", problems);
  EXPECT_TRUE(problems.empty()) << problems.front();
  return users;
}

std::string wrong_with(const std::string& text) {
  std::vector<std::string> problems;
  EXPECT_EQ(UsersFile::parse(text, "users", problems), nullptr) << text;
  std::string out;
  for (const std::string& problem : problems) out += problem + "\n";
  return out;
}

const std::string& slow_hash() {
  static const std::string hash = SecretHash::slow_text("correct horse").value();
  return hash;
}

TEST(UsersFile, QuickSecrets) {
  const std::string secret = make_secret();
  const auto users =
      parsed("# who\n\nalice:" + SecretHash::quick_text(secret) + "\r\nbob:" + SecretHash::quick_text("b"));
  EXPECT_EQ(users->size(), 2U);
  EXPECT_EQ(users->check_quickly("alice", secret), Verdict::kRight);
  EXPECT_EQ(users->check_quickly("bob", "b"), Verdict::kRight);
  for (const char* user : {"alice", "bob", "carol", "Alice", "alice ", "*", ""}) {
    for (const std::string& wrong : {std::string(), std::string("x"), secret.substr(1), std::string(5'000, 'x')}) {
      EXPECT_EQ(users->check_quickly(user, wrong), Verdict::kWrong) << user;
    }
  }
  EXPECT_EQ(users->check_quickly("bob", std::string("b\0", 2)), Verdict::kWrong);
}

TEST(UsersFile, SlowSecretsAreQuickTheSecondTime) {
  const auto users = parsed("alice:" + slow_hash() + "\n");
  EXPECT_EQ(users->check_quickly("alice", "correct horse"), Verdict::kUnknown);
  EXPECT_FALSE(users->check_slowly("alice", "wrong horse"));
  EXPECT_EQ(users->check_quickly("alice", "wrong horse"), Verdict::kUnknown);
  EXPECT_TRUE(users->check_slowly("alice", "correct horse"));
  EXPECT_EQ(users->check_quickly("alice", "correct horse"), Verdict::kRight);
  EXPECT_EQ(users->check_quickly("alic", "ecorrect horse"), Verdict::kUnknown);
  // Another file does not remember it.
  EXPECT_EQ(parsed("alice:" + slow_hash() + "\n")->check_quickly("alice", "correct horse"), Verdict::kUnknown);
}

// Where any secret is slow to check, nobody learns from the time whether there is such a user.
TEST(UsersFile, UnknownUsersCostTheSame) {
  const std::string secret = make_secret();
  const auto users = parsed("alice:" + slow_hash() + "\nbob:" + SecretHash::quick_text(secret) + "\n");
  for (const char* user : {"alice", "bob", "carol"}) {
    EXPECT_EQ(users->check_quickly(user, "wrong"), Verdict::kUnknown) << user;
    EXPECT_FALSE(users->check_slowly(user, "wrong")) << user;
  }
  EXPECT_EQ(users->check_quickly("bob", secret), Verdict::kRight);
}

TEST(UsersFile, SaysWhatIsWrongAndNeverTheLine) {
  const std::string quick = SecretHash::quick_text("b");
  EXPECT_EQ(wrong_with("alice\n"), "users:1: must be user:hash\n");
  EXPECT_EQ(wrong_with("\nalice:hunter2\n"), "users:2: this is no hash that 'onehop hash-secret' makes\n");
  EXPECT_EQ(wrong_with("alice:\n"), "users:1: this is no hash that 'onehop hash-secret' makes\n");
  EXPECT_EQ(wrong_with("a:" + quick + "\na:" + quick + "\n"), "users:2: this user is in the file twice\n");
  const char* const kUser = ": a user has 1 to 255 visible ASCII characters other than the colon and the asterisk\n";
  EXPECT_EQ(wrong_with(":" + quick), std::string("users:1") + kUser);
  EXPECT_EQ(wrong_with("a b:" + quick), std::string("users:1") + kUser);
  EXPECT_EQ(wrong_with("a*:" + quick), std::string("users:1") + kUser);
  EXPECT_EQ(wrong_with("a:$blake2b$abcd"), "users:1: $blake2b$ must be followed by 64 hexadecimal digits\n");
  EXPECT_EQ(wrong_with("a:" + quick + "0"), "users:1: $blake2b$ must be followed by 64 hexadecimal digits\n");
  EXPECT_EQ(wrong_with("a:" + quick + " "), "users:1: $blake2b$ must be followed by 64 hexadecimal digits\n");
  EXPECT_EQ(wrong_with("a:" + slow_hash().substr(0, 40)), "users:1: this argon2id hash is damaged\n");
  EXPECT_EQ(
      wrong_with(
          "a:$argon2id$v=19$m=4194304,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
      "users:1: an argon2id hash may take 1 GiB and 16 passes at most\n");
  EXPECT_EQ(wrong_with("a:$argon2i$v=19$m=65536,t=2,p=1$AAAA$AAAA").find("hunter"), std::string::npos);
}

TEST(UsersFile, EmptyOneLetsNobodyIn) {
  const auto users = parsed("");
  for (const char* user : {"", "alice"}) {
    for (const char* secret : {"", "x"}) EXPECT_EQ(users->check_quickly(user, secret), Verdict::kWrong);
  }
}

TEST(UsersFile, FingerprintFollowsTheSecret) {
  const auto before = parsed("a:" + SecretHash::quick_text("1") + "\nb:" + SecretHash::quick_text("2"));
  const auto after = parsed("a:" + SecretHash::quick_text("1") + "\nb:" + SecretHash::quick_text("3"));
  EXPECT_EQ(before->fingerprint("a"), after->fingerprint("a"));
  EXPECT_NE(before->fingerprint("b"), after->fingerprint("b"));
  EXPECT_FALSE(after->fingerprint("c"));
}

TEST(VerifiedSecrets, ForgetsTheOldest) {
  VerifiedSecrets verified;
  for (size_t i = 0; i <= VerifiedSecrets::kMost; ++i) verified.learn("user", std::to_string(i));
  EXPECT_EQ(verified.size(), VerifiedSecrets::kMost);
  EXPECT_FALSE(verified.knows("user", "0"));
  EXPECT_TRUE(verified.knows("user", "1"));
  EXPECT_FALSE(verified.knows("use", "r1"));
}

}  // namespace
}  // namespace onehop::identity
