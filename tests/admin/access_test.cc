// Who may: loopback, network, Unix socket; and which file holds a token.
#include "admin/access.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace onehop::admin {
namespace {

const std::string kToken = "0123456789abcdef";

Request from_host(const std::string& host) {
  Request request;
  request.host = host;
  return request;
}

unsigned status(const Access& access, const Request& request) {
  Role role;
  const auto refusal = access.refusal(request, role);
  return refusal ? refusal->status : 200;
}

TEST(Access, LoopbackIsForThisMachinesToolsOnly) {
  const Access access({Entrance::Kind::kLoopback, "Broker-Here", false}, {});
  for (const char* host : {"localhost", "LOCALHOST:7412", "127.0.0.1", "127.0.0.1:7412", "[::1]:7412", "192.0.2.1:1",
                           "broker-here:7412"}) {
    EXPECT_EQ(status(access, from_host(host)), 200u) << host;
  }
  for (const char* host : {"evil.example", "evil.example:7412", "localhost.evil.example", "127.0.0.1.evil.example", "",
                           "[::1", "[evil]:1"}) {
    EXPECT_EQ(status(access, from_host(host)), 403u) << host;
  }
  Request of_a_page = from_host("localhost");
  of_a_page.has_origin = true;
  EXPECT_EQ(status(access, of_a_page), 403u);
}

// Whatever is not a host, or a host and a port, and nothing else.
TEST(Access, AHostIsReadStrictly) {
  const Access access({Entrance::Kind::kLoopback, "broker-here", false}, {});
  const std::string nul(1, '\0');
  for (const std::string& host : {std::string("[::1]evil"),
                                  std::string("[::1]evil:7412"),
                                  std::string("[::1].evil.example"),
                                  std::string("[::1]:7412evil"),
                                  std::string("[::1]:evil"),
                                  std::string("[::1]:"),
                                  std::string("[::1]:+7"),
                                  std::string("[::1]:123456"),
                                  std::string("[::1]]"),
                                  std::string("[[::1]]"),
                                  std::string("[]"),
                                  std::string("[]:7412"),
                                  std::string("[localhost]"),
                                  std::string("[broker-here]"),
                                  std::string("[127.0.0.1]"),
                                  std::string("[::1%lo]"),
                                  std::string("[::1"),
                                  std::string("::1]"),
                                  std::string("::1"),
                                  std::string(":7412"),
                                  std::string("localhost:evil"),
                                  std::string("localhost:7412:evil"),
                                  std::string("localhost:7412evil"),
                                  std::string("localhost: 7412"),
                                  std::string("localhost:"),
                                  std::string("localhost:-1"),
                                  std::string("localhost."),
                                  std::string("localhost@evil"),
                                  std::string("evil@localhost"),
                                  std::string("localhost/evil"),
                                  std::string("localhost,evil"),
                                  std::string("localhost evil"),
                                  std::string(" localhost"),
                                  std::string("http://localhost"),
                                  std::string("127.0.0.1evil"),
                                  std::string("127.0.0.1:7412.evil"),
                                  std::string("127.0.0.1 evil"),
                                  std::string("127.1"),
                                  std::string("0x7f.1"),
                                  std::string("2130706433"),
                                  "127.0.0.1" + nul,
                                  "127.0.0.1" + nul + ".evil",
                                  "localhost" + nul,
                                  "[::1" + nul + "evil]"}) {
    EXPECT_EQ(status(access, from_host(host)), 403u) << host;
  }
}

TEST(Access, AUnixSocketIsTrustedWhateverTheHost) {
  const Access access({Entrance::Kind::kUnix, "", false}, {});
  EXPECT_EQ(status(access, from_host("anything")), 200u);
}

TEST(Access, TheNetworkNeedsTheToken) {
  Access access({Entrance::Kind::kNetwork, "0.0.0.0", true}, {kToken, {}});
  Request request = from_host("localhost");
  EXPECT_EQ(status(access, request), 401u) << "loopback as a Host is no loopback";
  const auto with = [&](const std::string& authorization) {
    request.authorization = authorization;
    return status(access, request);
  };
  EXPECT_EQ(with("Bearer " + kToken), 200u);
  EXPECT_EQ(with("bearer   " + kToken + " "), 200u);
  for (const std::string& wrong :
       {std::string(), std::string("Bearer"), std::string("Bearer "), "Basic " + kToken, kToken,
        "Bearer " + kToken + "0", "Bearer " + kToken.substr(1), std::string("Bearer 0123456789abcdeF")}) {
    EXPECT_EQ(with(wrong), 401u) << wrong;
  }
  access.set_tokens({"another-token-of-16", {}});
  EXPECT_EQ(with("Bearer " + kToken), 401u);
  EXPECT_EQ(with("Bearer another-token-of-16"), 200u);
  access.set_tokens({});
  EXPECT_EQ(with("Bearer "), 403u) << "no token never matches an empty one";
}

TEST(Access, AViewerLooksAndChangesNothing) {
  const std::string viewers = "token-of-the-viewers";
  const Access access({Entrance::Kind::kNetwork, "0.0.0.0", true}, {kToken, viewers});
  const auto admitted = [&](Request::Method method, const std::string& token) -> std::string {
    Request request = from_host("x");
    request.method = method;
    request.authorization = "Bearer " + token;
    Role role;
    const auto refusal = access.refusal(request, role);
    return refusal ? std::to_string(refusal->status) : std::string(to_string(role));
  };
  using Method = Request::Method;
  for (const Method method : {Method::kGet, Method::kHead}) {
    EXPECT_EQ("operator", admitted(method, kToken));
    EXPECT_EQ("viewer", admitted(method, viewers));
    EXPECT_EQ("401", admitted(method, "token-of-the-viewerS"));
  }
  for (const Method method : {Method::kPost, Method::kOther}) {
    EXPECT_EQ("operator", admitted(method, kToken));
    EXPECT_EQ("403", admitted(method, viewers));
  }
}

TEST(Access, ViewersMayBeTheOnlyOnes) {
  const Access access({Entrance::Kind::kNetwork, "0.0.0.0", true}, {{}, kToken});
  Request request = from_host("x");
  request.method = Request::Method::kGet;
  request.authorization = "Bearer " + kToken;
  EXPECT_EQ(status(access, request), 200u);
  request.authorization = "Bearer ";
  EXPECT_EQ(status(access, request), 401u) << "no token of operators never matches an empty one";
}

TEST(Access, ATokenDoesNotCrossANetworkInTheClearUnasked) {
  const Access access({Entrance::Kind::kNetwork, "0.0.0.0", false}, {kToken, {}});
  Request request = from_host("x");
  request.authorization = "Bearer " + kToken;
  EXPECT_EQ(status(access, request), 403u);
}

class TokenFile : public testing::Test {
 protected:
  TokenFile() {
    std::string name = testing::TempDir() + "onehop_token_XXXXXX";
    ::close(::mkstemp(name.data()));
    file_ = name;
  }
  ~TokenFile() override { ::unlink(file_.c_str()); }

  std::optional<std::string> read(const std::string& text, mode_t mode = 0600) {
    std::ofstream(file_) << text;
    ::chmod(file_.c_str(), mode);
    error_.clear();
    return read_token(file_, error_);
  }

  std::string file_;
  std::string error_;
};

TEST_F(TokenFile, IsTrimmed) {
  EXPECT_EQ(read("  " + kToken + "\r\n\n"), kToken);
  EXPECT_EQ(read(std::string(512, 'x'), 0440), std::string(512, 'x'));
}

TEST_F(TokenFile, RefusesWhatIsNoToken) {
  for (const std::string& text :
       {std::string(), kToken.substr(1), std::string(513, 'x'), std::string("0123456789 abcdef"), kToken + "\xC3\xA9",
        std::string("0123456789abcde\0f", 17)}) {
    EXPECT_FALSE(read(text)) << text;
    EXPECT_NE(error_.find(file_), std::string::npos) << error_;
  }
}

TEST_F(TokenFile, RefusesAFileThatIsOpenToOthers) {
  EXPECT_FALSE(read(kToken, 0644));
  EXPECT_NE(error_.find("others"), std::string::npos) << error_;
  EXPECT_FALSE(read(kToken, 0602));
}

TEST_F(TokenFile, RefusesWhatIsNoFile) {
  EXPECT_FALSE(read_token(testing::TempDir(), error_));
  ASSERT_EQ(0, ::mkfifo((file_ + ".pipe").c_str(), 0600));
  EXPECT_FALSE(read_token(file_ + ".pipe", error_)) << "nobody writes into it";
  ::unlink((file_ + ".pipe").c_str());
  EXPECT_FALSE(read_token(file_ + ".missing", error_));
  EXPECT_NE(error_.find(".missing"), std::string::npos);
}

}  // namespace
}  // namespace onehop::admin
