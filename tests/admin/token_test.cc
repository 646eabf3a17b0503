// The token of the admin port through onehopd: read once with all other settings, and taken over with them or not at
// all.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "http_client.h"
#include "server_test/child_process.h"
#include "server_test/log_line.h"

namespace onehop::test {
namespace {

class AdminToken : public testing::Test {
 protected:
  ~AdminToken() override {
    std::filesystem::remove(config_);
    std::filesystem::remove(token_);
  }

  static void write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
    std::filesystem::permissions(path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  // Sends SIGHUP and waits for the event that answers it.
  static std::string reload(Onehopd& broker) {
    const size_t before = answers(broker.errors()).size();
    broker.send_signal(SIGHUP);
    return answers(broker.wait_for_errors([&](const auto& lines) { return answers(lines).size() > before; })).back();
  }
  static unsigned status_with(Onehopd& broker, const std::string& token) {
    return ask_once(broker.admin_address(), "GET /api/v1/counters", "Authorization: Bearer " + token + "\r\n").status;
  }

  const std::string config_ = testing::TempDir() + "onehop-token-" + std::to_string(::getpid()) + ".toml";
  const std::string token_ = config_ + ".token";

 private:
  static std::vector<std::string> answers(const ChildProcess::Lines& lines) {
    std::vector<std::string> events;
    for (const std::string& line : lines) {
      const auto parsed = parse_log_line(line);
      if (parsed && value_of(*parsed, "event").starts_with("reload")) events.push_back(value_of(*parsed, "event"));
    }
    return events;
  }
};

TEST_F(AdminToken, ChangesWithAllElseOrNotAtAll) {
  const std::string first = "the-first-of-two-tokens", second = "the-second-of-two-tokens";
  write(token_, first);
  write(config_, "admin_token_file = '" + token_ + "'\n");
  // Not on loopback, so that the token is asked for.
  Onehopd broker({"--config", config_, "--admin", "tcp://0.0.0.0:0", "--allow-plaintext"});
  EXPECT_EQ(200u, status_with(broker, first));
  EXPECT_EQ(401u, status_with(broker, second));

  write(token_, second);
  EXPECT_EQ(200u, status_with(broker, first)) << "nobody has asked to read it again";
  for (const char* wrong : {"send_window = 'x'\n", "shards = 3\n", "proxy_from = ['10.0.0.1/8']\n"}) {
    write(config_, "admin_token_file = '" + token_ + "'\n" + wrong);
    EXPECT_EQ("reload_refused", reload(broker)) << wrong;
    EXPECT_EQ(200u, status_with(broker, first)) << wrong;
    EXPECT_EQ(401u, status_with(broker, second)) << wrong;
  }

  write(config_, "admin_token_file = '" + token_ + "'\n");
  EXPECT_EQ("reloaded", reload(broker));
  EXPECT_EQ(401u, status_with(broker, first));
  EXPECT_EQ(200u, status_with(broker, second));
}

TEST_F(AdminToken, OfAViewerLooksAndIsTold) {
  const std::string operators = "the-token-of-operators", viewers = "the-token-of-viewers";
  write(token_, operators);
  const std::string viewer_file = token_ + ".viewer";
  write(viewer_file, viewers);
  Onehopd broker({"--admin", "tcp://0.0.0.0:0", "--allow-plaintext", "--admin-token-file", token_,
                  "--admin-viewer-token-file", viewer_file});
  const auto kick = [&](const std::string& token) {
    return ask_once(broker.admin_address(), "POST /api/v1/kick?name=bob&for_ms=1000",
                    "Authorization: Bearer " + token + "\r\n")
        .status;
  };
  EXPECT_EQ(200u, status_with(broker, operators));
  EXPECT_EQ(200u, status_with(broker, viewers));
  EXPECT_EQ(403u, kick(viewers));
  EXPECT_EQ(200u, kick(operators));
  std::filesystem::remove(viewer_file);

  // What was changed is told, with who has changed it, and what was refused is not: nothing has happened.
  const auto is_request = [](const std::string& line) { return line.find("admin_request") != std::string::npos; };
  const auto lines =
      broker.wait_for_errors([&](const auto& so_far) { return std::any_of(so_far.begin(), so_far.end(), is_request); });
  const auto request = std::find_if(lines.begin(), lines.end(), is_request);
  const auto told = parse_log_line(*request);
  ASSERT_TRUE(told);
  EXPECT_EQ("true", value_of(*told, "audit"));
  EXPECT_EQ("operator", value_of(*told, "role"));
  EXPECT_EQ("/api/v1/kick", value_of(*told, "path"));
  EXPECT_EQ("name=bob&for_ms=1000", value_of(*told, "query"));
  EXPECT_EQ("200", value_of(*told, "status"));
  EXPECT_TRUE(value_of(*told, "peer").starts_with("tcp://127.0.0.1:")) << *request;
  EXPECT_EQ(1, std::count_if(lines.begin(), lines.end(), is_request));
}

}  // namespace
}  // namespace onehop::test
