// A loop on a thread of its own.
#include "reactor/thread.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "reactor/mailbox.h"

namespace onehop::reactor {
namespace {

TEST(Thread, RunsItsLoopUnderItsName) {
  Thread thread("onehop-shard-with-a-long-name");
  char name[16] = {};
  std::thread::id inside;
  Mailbox<int> mailbox(thread.loop(), [&](int) {
    pthread_getname_np(pthread_self(), name, sizeof name);
    inside = std::this_thread::get_id();
    thread.loop().stop();
  });
  thread.start();
  EXPECT_TRUE(thread.running());
  mailbox.post(1);
  thread.stop_and_join();
  EXPECT_FALSE(thread.running());
  EXPECT_STREQ("onehop-shard-wi", name);
  EXPECT_NE(std::this_thread::get_id(), inside);
}

TEST(Thread, TakesNoSignalOfTheProgram) {
  Thread thread("onehop-quiet");
  sigset_t inside;
  Mailbox<int> mailbox(thread.loop(), [&](int) { pthread_sigmask(SIG_SETMASK, nullptr, &inside); });
  thread.start();
  mailbox.post(1);
  thread.stop_and_join();
  for (const int signal : {SIGTERM, SIGUSR1, SIGCHLD}) EXPECT_EQ(sigismember(&inside, signal), 1) << signal;
  EXPECT_EQ(sigismember(&inside, SIGSEGV), 0);
}

TEST(Thread, MayStartAgainAndEndsWithItsOwner) {
  Thread thread("onehop-again");
  thread.start();
  thread.stop_and_join();
  thread.start();
}

TEST(Thread, IsPinnedOnlyOnRequest) {
  cpu_set_t before, free_cores, pinned_cores;
  ASSERT_EQ(0, pthread_getaffinity_np(pthread_self(), sizeof before, &before));
  int core = 0;
  while (!CPU_ISSET(static_cast<size_t>(core), &before)) ++core;
  Thread free("free"), pinned("pinned", core);
  Mailbox<int> ask_free(free.loop(), [&](int) { sched_getaffinity(0, sizeof free_cores, &free_cores); });
  Mailbox<int> ask_pinned(pinned.loop(), [&](int) { sched_getaffinity(0, sizeof pinned_cores, &pinned_cores); });
  free.start();
  pinned.start();
  ask_free.post(1);
  ask_pinned.post(1);
  free.stop_and_join();
  pinned.stop_and_join();
  EXPECT_TRUE(CPU_EQUAL(&before, &free_cores));
  EXPECT_EQ(1, CPU_COUNT(&pinned_cores));
  EXPECT_TRUE(CPU_ISSET(static_cast<size_t>(core), &pinned_cores));
}

}  // namespace
}  // namespace onehop::reactor
