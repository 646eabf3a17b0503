// The log of a broker whose standard error nobody reads for a while.
#include "daemon/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace onehop::daemon {
namespace {

// Standard error goes into a pipe until this ends.
class UnreadPipe {
 public:
  UnreadPipe() : before_(::dup(STDERR_FILENO)) {
    EXPECT_EQ(::pipe2(ends_, O_CLOEXEC), 0);
    EXPECT_GE(::dup2(ends_[1], STDERR_FILENO), 0);
    ::close(ends_[1]);
  }
  ~UnreadPipe() {
    restore();
    ::close(ends_[0]);
  }

  void restore() {
    if (before_ < 0) return;
    EXPECT_GE(::dup2(before_, STDERR_FILENO), 0);
    ::close(std::exchange(before_, -1));
  }
  // To its end, which comes with restore().
  std::string read_all() {
    std::string all;
    std::string part(65'536, '\0');
    for (ssize_t size = 0; (size = ::read(ends_[0], part.data(), part.size())) > 0;) {
      all.append(part, 0, static_cast<size_t>(size));
    }
    return all;
  }

 private:
  int before_;
  int ends_[2];
};

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// It waits for nobody, and says how many lines were lost: with those that were not, they are all.
TEST(Log, CountsWhatIsLostWhereNobodyReads) {
  constexpr size_t kLines = 20'000;
  UnreadPipe pipe;
  auto log = std::make_unique<Log>(DaemonOptions{});
  for (size_t i = 0; i < kLines; ++i) log->line(Log::Level::kError, "many", {});
  log->audit(Log::Level::kInfo, "after", {});
  std::string all;
  std::thread reader([&] { all = pipe.read_all(); });
  log.reset();
  pipe.restore();
  reader.join();
  EXPECT_EQ(count_of(all, "\"event\":\"after\""), 1u);
  const size_t lost = all.find("\"event\":\"lines_lost\",\"audit\":true,\"count\":\"");
  ASSERT_NE(lost, std::string::npos);
  const std::string count = "\"count\":\"";
  // The two lines after the count was taken may have pushed out one each.
  const size_t told = std::stoul(all.substr(all.find(count, lost) + count.size()));
  const size_t written = count_of(all, "\"event\":\"many\"");
  EXPECT_GT(told, 0u);
  EXPECT_LE(told + written, kLines);
  EXPECT_GE(told + written + 2, kLines);
}

// However many lines wait, it waits once for somebody to read, and not for each line anew.
TEST(Log, EndsWhereNobodyReads) {
  UnreadPipe pipe;
  auto log = std::make_unique<Log>(DaemonOptions{});
  for (int i = 0; i < 20'000; ++i) log->line(Log::Level::kError, "many", {});
  log.reset();
}

}  // namespace
}  // namespace onehop::daemon
