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

// Of the numbers that follow each `part`.
size_t sum_after(const std::string& text, const std::string& part) {
  size_t sum = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    sum += std::stoul(text.substr(at + part.size()));
  }
  return sum;
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
  // The line after the last count was taken may have pushed out one more.
  const size_t told = sum_after(all, "\"event\":\"lines_lost\",\"audit\":true,\"count\":");
  const size_t written = count_of(all, "\"event\":\"many\"");
  EXPECT_GT(told, 0u);
  EXPECT_LE(told + written, kLines);
  EXPECT_GE(told + written + 2, kLines);
}

// Nothing follows the flood, and the number of lines that it left out is told all the same. A slow machine may spread
// the flood over several seconds, each with a number of its own.
TEST(Log, TellsWhatItLeftOutAlthoughNothingFollows) {
  constexpr size_t kLines = 5'000;
  UnreadPipe pipe;
  std::string all;
  std::thread reader([&] { all = pipe.read_all(); });
  auto log = std::make_unique<Log>(DaemonOptions{});
  for (size_t i = 0; i < kLines; ++i) log->line(Log::Level::kInfo, "many", {{"number", i}});
  const uint64_t missing = log->lines_missing();
  log.reset();
  pipe.restore();
  reader.join();
  const size_t told = sum_after(all, "\"event\":\"lines_left_out\",\"count\":");
  EXPECT_EQ(told, missing);
  EXPECT_EQ(told + count_of(all, "\"event\":\"many\",\"number\":"), kLines);
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
