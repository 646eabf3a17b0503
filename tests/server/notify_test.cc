// What systemd is told, through a socket as systemd makes one.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "server_test/child_process.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

class NotifyTest : public testing::Test {
 protected:
  NotifyTest() : path_(testing::TempDir() + "onehop-notify-" + std::to_string(::getpid())) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    ::unlink(path_.c_str());
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(0, ::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  }
  ~NotifyTest() override {
    ::close(fd_);
    ::unlink(path_.c_str());
  }

  ChildOptions options(const std::string& watchdog_us = {}) const {
    ChildOptions options;
    options.command = {onehopd_path(), "--listen", "tcp://127.0.0.1:0", "--admin", "none", "--shards", "2"};
    options.environment = {"NOTIFY_SOCKET=" + path_};
    if (!watchdog_us.empty()) options.environment.push_back("WATCHDOG_USEC=" + watchdog_us);
    return options;
  }

  std::string next() const {
    char buffer[4096];
    const ssize_t size = ::recv(fd_, buffer, sizeof buffer, 0);
    return size < 0 ? std::string() : std::string(buffer, static_cast<size_t>(size));
  }

  const std::string path_;
  int fd_ = -1;
};

TEST_F(NotifyTest, ReadyReloadingStopping) {
  ChildProcess broker(options());
  EXPECT_TRUE(next().starts_with("READY=1\nSTATUS=serving on tcp://127.0.0.1:"));
  broker.send_signal(SIGHUP);
  const std::string reloading = next();
  EXPECT_TRUE(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC=")) << reloading;
  EXPECT_TRUE(next().starts_with("READY=1\n"));
  broker.send_signal(SIGTERM);
  EXPECT_TRUE(next().starts_with("STOPPING=1\n"));
  EXPECT_EQ(0, broker.wait());
}

TEST_F(NotifyTest, TheWatchdogIsFedWhileTheShardsAnswer) {
  ChildProcess broker(options("200000"));
  EXPECT_TRUE(next().starts_with("READY=1\n"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ("WATCHDOG=1", next());
  broker.send_signal(SIGTERM);
  std::string last;
  do {
    last = next();
  } while (last == "WATCHDOG=1");
  EXPECT_TRUE(last.starts_with("STOPPING=1\n"));
  EXPECT_EQ(0, broker.wait());
}

// Each reload follows the one before at once, so that the time between two signals is never long.
TEST_F(NotifyTest, TheWatchdogIsFedBetweenReloads) {
  ChildProcess broker(options("200000"));
  EXPECT_TRUE(next().starts_with("READY=1\n"));
  broker.send_signal(SIGHUP);
  for (int fed = 0; fed < 3;) {
    const std::string told = next();
    if (told == "WATCHDOG=1") ++fed;
    if (told.starts_with("READY=1\n")) broker.send_signal(SIGHUP);
  }
}

TEST_F(NotifyTest, AReplacedSocketOrNoneHarmsNobody) {
  ChildOptions without = options();
  without.environment = {"NOTIFY_SOCKET=/no/such/socket"};
  ChildProcess broker(without);
  broker.wait_for_output([](const auto& lines) { return !lines.empty(); });
  broker.send_signal(SIGTERM);
  EXPECT_EQ(0, broker.wait());
}

}  // namespace
}  // namespace onehop::test
