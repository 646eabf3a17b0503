// Audit lines: who was refused or lost a name is told, with a mark, however much else is logged; and a log that nobody
// reads keeps nobody from anything.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "server_test/child_process.h"
#include "server_test/log_line.h"
#include "server_test/raw_client.h"

extern char** environ;

namespace onehop::test {
namespace {

TEST(Audit, RefusalsTakeoversAndTheStopHaveTheMark) {
  Onehopd broker({"--shards", "1"});
  RawClient first(broker.address());
  first.connect("a");
  RawClient second(broker.address());
  second.send(connect_frame("a"));
  EXPECT_EQ(v1::CODE_NAME_IN_USE, second.read_goodbye().code());
  RawClient third(broker.address());
  third.connect("a", [](v1::Connect& connect) { connect.set_on_conflict(v1::ON_CONFLICT_TAKE_OVER); });
  EXPECT_EQ(v1::CODE_SESSION_TAKEN_OVER, first.read_goodbye().code());
  first.close();
  second.close();
  third.close();
  broker.send_signal(SIGTERM);
  broker.wait();
  std::vector<std::string> marked;
  for (const std::string& line : broker.errors()) {
    const auto parsed = parse_log_line(line);
    ASSERT_TRUE(parsed) << line;
    if (value_of(*parsed, "audit") == "true") marked.push_back(value_of(*parsed, "event"));
  }
  for (const std::string event : {"connect_refused", "session_taken_over", "stopping"}) {
    EXPECT_NE(marked.end(), std::find(marked.begin(), marked.end(), event)) << event;
  }
}

// A pipe that is full and is never read.
class FullPipe {
 public:
  FullPipe() {
    EXPECT_EQ(0, ::pipe2(ends_, O_CLOEXEC | O_NONBLOCK));
    const std::string block(4096, 'x');
    while (::write(ends_[1], block.data(), block.size()) > 0) {
    }
    ::fcntl(ends_[1], F_SETFL, 0);  // As programs are given it: a write would block.
  }
  ~FullPipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  int end() const { return ends_[1]; }

 private:
  int ends_[2] = {-1, -1};
};

TEST(Audit, ALogThatNobodyReadsStopsNothing) {
  const FullPipe full;
  const std::string path = testing::TempDir() + "onehop-audit-" + std::to_string(::getpid());
  int out[2];
  ASSERT_EQ(0, ::pipe2(out, O_CLOEXEC));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, full.end(), STDERR_FILENO);
  std::vector<std::string> words{onehopd_path(), "--listen", "unix://" + path,     "--admin", "none",
                                 "--log-level",  "debug",    "--stop-deadline-ms", "60000"};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t pid = -1;
  ASSERT_EQ(0, ::posix_spawn(&pid, words[0].c_str(), &actions, nullptr, arguments.data(), environ));
  posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  char first;
  ASSERT_EQ(1, ::read(out[0], &first, 1));  // It listens.
  for (int i = 0; i < 10'000; ++i) {        // More lines than may wait for the log's thread.
    RawClient client("unix://" + path);
    client.connect("a-" + std::to_string(i));
  }
  ::kill(pid, SIGTERM);
  int status = 0;
  EXPECT_EQ(pid, ::waitpid(pid, &status, 0));
  EXPECT_TRUE(WIFEXITED(status));
  ::close(out[0]);
}

}  // namespace
}  // namespace onehop::test
