// What a program has, it still has with a broker and clients inside: its signals, its processors, its locale, its
// streams. And when they are gone, nothing of them is left.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <clocale>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "onehop/broker.h"
#include "onehop/client.h"
#include "server_test/broker_rig.h"
#include "server_test/local_program.h"
#include "server_test/sanitizers.h"

namespace onehop::test {
namespace {

size_t entries_of(const char* folder) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) count += !entry.path().empty();
  return count;
}
size_t threads() {
  return entries_of("/proc/self/task");
}
size_t descriptors() {
  return entries_of("/proc/self/fd");
}

// The resident memory of the process, in bytes.
size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  size_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

// A broker with a local client and a remote one, that have exchanged a message.
void live_a_life(unsigned shards) {
  BrokerRig rig(test_options(shards));
  LocalProgram local(*rig, "local");
  local.wait_until_open();
  std::string error;
  const auto remote = client::Client::start(rig.address(), {.name = "remote"}, {}, error);
  ASSERT_NE(nullptr, remote) << error;
  EXPECT_EQ(Outcome::kDelivered, remote->send("local", "hello").get().outcome);
  EXPECT_EQ("hello", local.wait_for_messages(1)[0].payload);
}

// What a program could notice of a guest.
struct Surroundings {
  std::array<void (*)(int), 65> handlers{};
  std::array<int, 65> flags{};
  sigset_t mask{};
  cpu_set_t processors{};
  std::string locale;
  std::array<int, 3> stream_flags{};

  static Surroundings look() {
    Surroundings seen;
    for (int number = 1; number < NSIG; ++number) {
      struct sigaction action {};
      if (::sigaction(number, nullptr, &action) != 0) continue;
      seen.handlers.at(static_cast<size_t>(number)) = action.sa_handler;
      seen.flags.at(static_cast<size_t>(number)) = action.sa_flags;
    }
    ::pthread_sigmask(SIG_SETMASK, nullptr, &seen.mask);
    ::sched_getaffinity(0, sizeof seen.processors, &seen.processors);
    seen.locale = std::setlocale(LC_ALL, nullptr);
    for (int fd = 0; fd < 3; ++fd) seen.stream_flags.at(static_cast<size_t>(fd)) = ::fcntl(fd, F_GETFL);
    return seen;
  }
  bool operator==(const Surroundings& other) const {
    return handlers == other.handlers && flags == other.flags && locale == other.locale &&
           stream_flags == other.stream_flags && CPU_EQUAL(&processors, &other.processors) &&
           std::memcmp(&mask, &other.mask, sizeof mask) == 0;
  }
};

TEST(Guest, LeavesTheProgramAsItWas) {
  const Surroundings before = Surroundings::look();
  {
    BrokerOptions options = test_options(2);
    options.pin = true;  // Threads of its own only.
    BrokerRig rig(options);
    LocalProgram local(*rig, "local");
    local.wait_until_open();
    std::string error;
    const auto remote = client::Client::start(rig.address(), {.name = "remote"}, {}, error);
    ASSERT_NE(nullptr, remote) << error;
    remote->send("local", "hello").get();
    EXPECT_TRUE(before == Surroundings::look());
  }
  EXPECT_TRUE(before == Surroundings::look());
}

// A signal for the process is for a thread of the program: those of the libraries take none.
TEST(Guest, LeavesSignalsToTheProgram) {
  static std::atomic<int> taken;
  static std::atomic<pthread_t> taken_by;
  taken = 0;
  struct sigaction action {
  }, before{};
  action.sa_handler = [](int) {
    taken_by = ::pthread_self();
    ++taken;
  };
  ASSERT_EQ(0, ::sigaction(SIGUSR1, &action, &before));
  {
    BrokerRig rig(test_options(2));
    std::string error;
    const auto remote = client::Client::start(rig.address(), {.name = "remote"}, {}, error);
    ASSERT_NE(nullptr, remote) << error;
    ASSERT_EQ(client::WaitStatus::kDone, remote->wait_until_open(60'000));
    // The program blocks it, so that it goes to any other thread that takes it.
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    ::pthread_sigmask(SIG_BLOCK, &usr1, nullptr);
    ::kill(::getpid(), SIGUSR1);
    EXPECT_EQ(0, taken) << "a thread of a library took it";
    ::pthread_sigmask(SIG_UNBLOCK, &usr1, nullptr);
    while (taken == 0) std::this_thread::yield();
    EXPECT_TRUE(::pthread_equal(taken_by, ::pthread_self()));
  }
  ::sigaction(SIGUSR1, &before, nullptr);
}

// Eight brokers at a time, one after the other: neither threads nor descriptors nor memory are left of them.
TEST(Guest, LeavesNothingBehind) {
  constexpr int kTimes = kAddressSanitized || kThreadSanitized ? 20 : 100;
  // libuv closes descriptors by system calls that the thread sanitizer does not see. If lives ran side by side, whoever
  // got the number of a closed one would seem to race with who had it before.
  constexpr int kAtATime = kThreadSanitized ? 1 : 8;
  const auto eight_lives = [] {
    std::vector<std::thread> lives;
    for (int i = 0; i < kAtATime; ++i) lives.emplace_back([] { live_a_life(2); });
    for (std::thread& life : lives) life.join();
  };
  for (int warm = 0; warm < kTimes / 10; ++warm) eight_lives();
  const size_t threads_before = threads(), descriptors_before = descriptors(), bytes_before = resident_bytes();
  for (int i = 0; i < kTimes; ++i) eight_lives();
  EXPECT_EQ(threads_before, threads());
  EXPECT_EQ(descriptors_before, descriptors());
  // Sanitizers keep what was freed.
  if (!kAddressSanitized && !kThreadSanitized) {
    EXPECT_LT(resident_bytes(), bytes_before + (8 << 20));
  }
}

}  // namespace
}  // namespace onehop::test
