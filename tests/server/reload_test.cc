// SIGHUP: what may change changes, all or nothing, and the log says who changed what.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "server_test/child_process.h"
#include "server_test/log_line.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

class ReloadTest : public testing::Test {
 protected:
  ~ReloadTest() override { std::filesystem::remove(path_); }

  void write(const std::string& text) const { std::ofstream(path_) << text; }

  // Sends SIGHUP and waits for the line that answers it.
  static LogLine reload(Onehopd& broker) {
    const size_t before = answers(broker.errors()).size();
    broker.send_signal(SIGHUP);
    const auto lines = broker.wait_for_errors([&](const auto& l) { return answers(l).size() > before; });
    return answers(lines).back();
  }

  static std::vector<LogLine> lines_about(const ChildProcess::Lines& lines, const std::string& event) {
    std::vector<LogLine> out;
    for (const std::string& line : lines) {
      const auto parsed = parse_log_line(line);
      if (parsed && value_of(*parsed, "event").starts_with(event)) out.push_back(*parsed);
    }
    return out;
  }

  // What CONNECTED tells of the largest frame, and so on, is what the broker has in force.
  static uint32_t keepalive_of(const Onehopd& broker) {
    return RawClient(broker.address()).connect("asks-" + std::to_string(++asked_)).keepalive_ms();
  }

  const std::string path_ = testing::TempDir() + "onehop-reload-" + std::to_string(::getpid()) + ".toml";
  static inline int asked_ = 0;

 private:
  static std::vector<LogLine> answers(const ChildProcess::Lines& lines) { return lines_about(lines, "reload"); }
};

// A metric's value, as text.
std::string metric(Onehopd& broker, const std::string& name) {
  RawClient operators(broker.admin_address());
  operators.send_bytes("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  std::string answer;
  std::string part(65'536, '\0');
  for (ssize_t size = 0; (size = ::read(operators.fd(), part.data(), part.size())) > 0;) {
    answer.append(part, 0, static_cast<size_t>(size));
  }
  const size_t at = answer.find("\n" + name + " ");
  if (at == std::string::npos) return {};
  const size_t value = at + name.size() + 2;
  return answer.substr(value, answer.find('\n', value) - value);
}

// Metrics hold for a moment after they were gathered.
std::string wait_for_metric(Onehopd& broker, const std::string& name, const std::string& wanted) {
  std::string value;
  while ((value = metric(broker, name)) != wanted) {
  }
  return value;
}

// What must not be read is refused like anything else that is wrong, and the broker goes on.
TEST_F(ReloadTest, AHostileFileChangesNothing) {
  write("keepalive_ms = 20000\n");
  Onehopd broker({"--shards", "1", "--config", path_});
  std::string deep = "a";
  for (int i = 0; i < 40'000; ++i) deep += ".a";
  write("keepalive_ms = 25000\n" + deep + " = 1\n");
  EXPECT_EQ("reload_refused", value_of(reload(broker), "event"));
  std::filesystem::remove(path_);
  ASSERT_EQ(0, ::mkfifo(path_.c_str(), 0600));
  EXPECT_EQ("reload_refused", value_of(reload(broker), "event"));
  EXPECT_EQ(20'000u, keepalive_of(broker));
}

TEST_F(ReloadTest, ItsSuccessIsAMetric) {
  write("keepalive_ms = 20000\n");
  Onehopd broker({"--shards", "1", "--config", path_, "--admin", "tcp://127.0.0.1:0"});
  const std::string started = metric(broker, "onehop_config_last_reload_success_timestamp_seconds");
  EXPECT_FALSE(started.empty());
  write("keepalive_ms = 'soon'\n");
  reload(broker);
  EXPECT_EQ("0", wait_for_metric(broker, "onehop_config_last_reload_successful", "0"));
  EXPECT_EQ(started, metric(broker, "onehop_config_last_reload_success_timestamp_seconds"));
  write("keepalive_ms = 25000\n");
  reload(broker);
  EXPECT_EQ("1", wait_for_metric(broker, "onehop_config_last_reload_successful", "1"));
  EXPECT_NE(started, metric(broker, "onehop_config_last_reload_success_timestamp_seconds"));
}

TEST_F(ReloadTest, TakesOverWhatChangedAndSaysSo) {
  write("keepalive_ms = 20000\n");
  Onehopd broker({"--shards", "1", "--config", path_});
  EXPECT_EQ(20'000u, keepalive_of(broker));
  write("keepalive_ms = 25000\nlog_level = 'debug'\n");
  const LogLine line = reload(broker);
  EXPECT_EQ("reloaded", value_of(line, "event"));
  EXPECT_EQ("true", value_of(line, "audit"));
  EXPECT_EQ("2", value_of(line, "changed"));
  const auto changes = lines_about(broker.errors(), "setting_changed");
  ASSERT_EQ(2u, changes.size());
  EXPECT_EQ("keepalive_ms", value_of(changes[0], "setting"));
  EXPECT_EQ("20000", value_of(changes[0], "from"));
  EXPECT_EQ("25000", value_of(changes[0], "to"));
  EXPECT_EQ(25'000u, keepalive_of(broker));
  const auto lines = broker.wait_for_errors([](const auto& l) { return !lines_about(l, "session_opened").empty(); });
  EXPECT_FALSE(lines_about(lines, "session_opened").empty());  // Which is told at level debug only.
}

TEST_F(ReloadTest, AnErrorKeepsEverythingAsItWas) {
  write("keepalive_ms = 20000\n");
  Onehopd broker({"--shards", "1", "--config", path_});
  for (const auto& [text, names] :
       {std::pair<std::string, std::string>{"keepalive_ms = 25000\nsend_window = 'x'\n", ":2: send_window: must be"},
        {"keepalive_ms = 25000\nqueue_bytes_max = 65536\n", ":2: queue_bytes_max: must be"},
        {"keepalive_ms = 25000\ncolour =\n", ":2: "},
        {"keepalive_ms = 25000\nsend_window = 7\npin = true\n", "pin, send_window: cannot"},
        {"keepalive_ms = 25000\nadmin_token_file = '/no/such'\n", ":2: admin_token_file:"}}) {
    write(text);
    const LogLine line = reload(broker);
    EXPECT_EQ("reload_refused", value_of(line, "event"));
    EXPECT_NE(std::string::npos, value_of(line, "text").find(names)) << value_of(line, "text");
    EXPECT_EQ(20'000u, keepalive_of(broker));
  }
  std::filesystem::remove(path_);
  EXPECT_EQ("reload_refused", value_of(reload(broker), "event"));
  write("keepalive_ms = 26000\n");
  EXPECT_EQ("reloaded", value_of(reload(broker), "event"));
  EXPECT_EQ(26'000u, keepalive_of(broker));
}

TEST_F(ReloadTest, FlagsStayAsGiven) {
  write("");
  Onehopd broker({"--shards", "1", "--config", path_, "--keepalive-ms", "11000"});
  write("keepalive_ms = 25000\n");
  EXPECT_EQ("0", value_of(reload(broker), "changed"));
  EXPECT_EQ(11'000u, keepalive_of(broker));
}

TEST_F(ReloadTest, WithoutAFileNothingHappens) {
  Onehopd broker;
  EXPECT_EQ("0", value_of(reload(broker), "changed"));
  broker.send_signal(SIGTERM);
  EXPECT_EQ(0, broker.wait());
}

}  // namespace
}  // namespace onehop::test
