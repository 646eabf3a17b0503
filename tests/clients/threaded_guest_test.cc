// The threaded client as a guest in a program: what its handlers may do and throw, threads, signals, fork().
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "started.h"

namespace onehop::client {
namespace {

// Each thread has a folder there, which is a link to the one above it. The folder is not opened: the thread sanitizer
// does not see that libuv has closed a descriptor, and takes the next one with its number for the same.
size_t threads_of_this_process() {
  return std::filesystem::hard_link_count("/proc/self/task");
}

TEST(IoThread, IsSharedByManyClients) {
  constexpr size_t kClients = 300;
  BrokerProcess broker;
  std::string error;
  auto thread = IoThread::start(error);
  ASSERT_NE(thread, nullptr) << error;
  const size_t before = threads_of_this_process();
  std::atomic<int> inside{0};
  std::atomic<bool> together{false};
  std::atomic<size_t> received{0};
  std::vector<std::unique_ptr<Client>> clients;
  for (size_t i = 0; i < kClients; ++i) {
    clients.push_back(
        started_on(*thread, broker.address(), named("c" + std::to_string(i)), {.on_message = [&](const Message&) {
          if (++inside != 1) together = true;
          ++received;
          --inside;
        }}));
  }
  for (const auto& client : clients) ASSERT_TRUE(opens(client));
  // libuv looks no name up here, so that it has no threads of its own either.
  EXPECT_EQ(threads_of_this_process(), before);
  std::vector<SendFuture> results;
  for (size_t i = 0; i < kClients; ++i) {
    results.push_back(clients[i]->send("c" + std::to_string((i + 1) % kClients), "hello"));
  }
  for (const SendFuture& result : results) EXPECT_EQ(result.get().outcome, Outcome::kDelivered);
  EXPECT_EQ(received, kClients);
  EXPECT_FALSE(together) << "handlers run one at a time";
  // The thread stays as long as a client does.
  thread.reset();
  EXPECT_EQ(clients[0]->send("c1", "again").get().outcome, Outcome::kDelivered);
  clients.clear();
  EXPECT_EQ(threads_of_this_process(), before - 1);
}

TEST(OwnThread, IsRefusedWhatWouldWaitForIt) {
  BrokerProcess broker;
  std::string error;
  const auto thread = IoThread::start(error);
  std::unique_ptr<Client> alice, bob;
  SendFuture result;
  Latch done;
  const auto handler = [&](const Message&) {
    EXPECT_EQ(bob->close(kLong).cause, Ending::Cause::kWouldDeadlock);
    EXPECT_EQ(alice->close(kLong).cause, Ending::Cause::kWouldDeadlock) << "it shares the thread";
    Ending ending;
    EXPECT_FALSE(bob->detach(kLong, &ending).has_value());
    EXPECT_EQ(ending.cause, Ending::Cause::kWouldDeadlock);
    EXPECT_EQ(bob->wait_until_open(kLong), WaitStatus::kWouldDeadlock);
    EXPECT_EQ(bob->flush(kLong), WaitStatus::kWouldDeadlock);
    result = bob->send("alice", "answer");
    EXPECT_EQ(result.wait_for(kLong), WaitStatus::kWouldDeadlock);
    EXPECT_EQ(result.get().status, SendStatus::kWouldDeadlock);
    done.open();
  };
  alice = started_on(*thread, broker.address(), named("alice"), {});
  bob = started_on(*thread, broker.address(), named("bob"), {.on_message = handler});
  ASSERT_TRUE(opens(alice) && opens(bob));
  EXPECT_EQ(alice->send("bob", "x").get().outcome, Outcome::kDelivered);
  done.wait();
  EXPECT_EQ(result.get().outcome, Outcome::kDelivered) << "it was accepted all the same";
}

TEST(OwnThread, DoesNotWaitForRoom) {
  BrokerProcess broker;
  std::unique_ptr<Client> bob;
  std::vector<SendStatus> statuses;
  Latch done;
  bob =
      started(broker.address(), named("bob"),
              {.on_message =
                   [&](const Message&) {
                     bob->send("nobody", "1", {}, {});
                     statuses.push_back(bob->send_within(kLong, "nobody", "2"));
                     bob->send("nobody", "3", {}, [&](const SendResult& result) { statuses.push_back(result.status); });
                     done.open();
                   }},
              {.destination_bytes_max = 1, .total_bytes_max = 10 << 20});
  ASSERT_TRUE(opens(bob));
  const auto alice = started(broker.address(), named("alice"), {});
  EXPECT_EQ(alice->send("bob", "x").get().outcome, Outcome::kDelivered);
  done.wait();
  EXPECT_EQ(statuses, (std::vector{SendStatus::kWouldBlock, SendStatus::kWouldBlock}));
}

TEST(OwnThread, MayDestroyItsClient) {
  BrokerProcess broker;
  for (const bool shared : {false, true}) {
    std::string error;
    const auto thread = IoThread::start(error);
    const size_t before = threads_of_this_process();
    const auto other = started_on(*thread, broker.address(), named("other"), {});
    std::unique_ptr<Client> bob;
    std::atomic<int> open_outcomes{0};
    Latch destroyed, told;
    const Client::Handlers handlers{
        .on_message =
            [&](const Message&) {
              bob->send("nobody", "x", {}, [&](const SendResult& result) {
                open_outcomes += result.outcome == Outcome::kNotSent;
                told.open();
              });
              bob.reset();
              destroyed.open();
            },
        .on_ended = [&](const Ending&) { ADD_FAILURE() << "no handler is called any more"; }};
    bob = shared ? started_on(*thread, broker.address(), named("bob"), handlers)
                 : started(broker.address(), named("bob"), handlers);
    ASSERT_TRUE(opens(bob));
    other->send("bob", "x");
    destroyed.wait();
    told.wait();
    EXPECT_EQ(open_outcomes, 1);
    // Its own thread has ended by itself, the shared one goes on.
    EXPECT_EQ(other->send("other", "x").get().outcome, Outcome::kDelivered);
    while (threads_of_this_process() != before) std::this_thread::yield();
  }
}

TEST(OwnThread, MayDestroyItsClientWhenThatHasEnded) {
  BrokerProcess broker;
  const auto elder = started(broker.address(), named("alice"), {});
  ASSERT_TRUE(opens(elder));
  ClientOptions impatient = named("alice");
  impatient.name_patience_ms = 0;
  Latch destroyed;
  Latch may_go;
  std::unique_ptr<Client> second;
  second = started(broker.address(), impatient, {.on_ended = [&](const Ending& ending) {
                     EXPECT_EQ(ending.code, Code::kNameInUse);
                     may_go.wait();
                     second.reset();
                     destroyed.open();
                   }});
  may_go.open();
  destroyed.wait();
}

TEST(Exceptions, OfAHandlerAreToldAndTheSenderLearnsOfThem) {
  BrokerProcess broker;
  std::vector<std::string> told;
  std::mutex mutex;
  const auto bob = started(broker.address(), named("bob"),
                           {.on_message =
                                [](const Message& message) {
                                  if (message.payload == "bad") throw std::runtime_error("cannot take it");
                                },
                            .on_exception =
                                [&](const std::exception_ptr& exception) {
                                  try {
                                    std::rethrow_exception(exception);
                                  } catch (const std::exception& what) {
                                    const std::lock_guard lock(mutex);
                                    told.emplace_back(what.what());
                                  }
                                  throw 1;
                                }});
  ASSERT_TRUE(opens(bob));
  const auto alice = started(broker.address(), named("alice"), {});
  for (int i = 0; i < 2; ++i) {
    const SendResult refused = alice->send("bob", "bad").get();
    EXPECT_EQ(refused.outcome, Outcome::kRejected);
    EXPECT_EQ(refused.reason, Reason::kRefusedByRecipient);
    EXPECT_EQ(refused.text, kHandlerFailedText);
    EXPECT_EQ(alice->send("bob", "good").get().outcome, Outcome::kDelivered);
  }
  EXPECT_EQ(bob->close(kLong).cause, Ending::Cause::kClosed);
  EXPECT_EQ(told, (std::vector<std::string>{"cannot take it", "cannot take it"}));
  EXPECT_EQ(bob->counts().exceptions, 4U) << "what on_exception throws is counted too";
}

TEST(Exceptions, OfEverythingElseAreContainedToo) {
  BrokerProcess broker;
  std::atomic<int> told{0};
  const auto fail = [](const auto&...) { throw std::runtime_error("no"); };
  const auto alice = started(
      broker.address(), named("alice"),
      {.on_open = fail, .on_ended = fail, .on_room = fail, .on_exception = [&](const std::exception_ptr&) { ++told; }});
  ASSERT_TRUE(opens(alice));
  alice->send("alice", "x", {}, fail);
  EXPECT_EQ(alice->flush(kLong), WaitStatus::kDone);
  alice->send("", "not accepted", {}, fail);
  EXPECT_TRUE(alice->flush([] { throw 2; }));
  EXPECT_EQ(alice->send("alice", "x").get().outcome, Outcome::kDelivered);
  EXPECT_EQ(alice->close(kLong).cause, Ending::Cause::kClosed);
  // on_open, the two completions, flush, on_ended.
  EXPECT_EQ(told, 5);
  EXPECT_EQ(alice->counts().exceptions, 5U);
}

TEST(Signals, AreNotForTheClientsThread) {
  sigset_t before, after, inside;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  BrokerProcess broker;
  const auto alice = started(broker.address(), named("alice"),
                             {.on_message = [&](const Message&) { pthread_sigmask(SIG_SETMASK, nullptr, &inside); }});
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  ASSERT_EQ(alice->send("alice", "x").get().outcome, Outcome::kDelivered);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD, SIGALRM, SIGPROF, SIGRTMIN}) {
    EXPECT_EQ(sigismember(&inside, signal), 1) << signal;
    EXPECT_EQ(sigismember(&after, signal), sigismember(&before, signal)) << "the program's own are as they were";
  }
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) EXPECT_EQ(sigismember(&inside, fault), 0) << fault;
}

// Everything that a copy of the process may call. Returns the number of the first that is wrong; 0: none.
int use_in_copy(std::unique_ptr<Client> client, std::unique_ptr<IoThread> thread, const SendFuture& open) {
  std::string error;
  Ending ending;
  SendStatus told = SendStatus::kAccepted;
  client->send("alice", "x", {}, [&](const SendResult& result) { told = result.status; });
  client->acknowledge({1, 1});
  const bool right[] = {client->send("alice", "x").get().status == SendStatus::kForked,
                        told == SendStatus::kForked,
                        client->try_send("alice", "x") == SendStatus::kForked,
                        client->send_within(kLong, "alice", "x") == SendStatus::kForked,
                        open.get().status == SendStatus::kForked,
                        open.wait_for(kLong) == WaitStatus::kForked,
                        client->wait_until_open(kLong) == WaitStatus::kForked,
                        client->flush(kLong) == WaitStatus::kForked,
                        !client->flush([] {}),
                        client->counts().pauses == 0,
                        client->close(kLong).cause == Ending::Cause::kForked,
                        !client->detach(kLong, &ending) && ending.cause == Ending::Cause::kForked,
                        Client::start(*thread, "tcp://127.0.0.1:1", {}, {}, {}, error) == nullptr && !error.empty()};
  client.reset();
  thread.reset();
  int number = 0;
  for (const bool is_right : right) {
    ++number;
    if (!is_right) return number;
  }
  return 0;
}

// Other threads send all the time, so that some of the copies have a client whose mutexes are locked for ever.
TEST(Fork, LeavesTheClientToTheParent) {
  BrokerProcess broker;
  Latch go_on;
  const auto bob = started(broker.address(), named("bob"), {.on_message = [&](const Message&) { go_on.wait(); }});
  ASSERT_TRUE(opens(bob));
  std::string error;
  auto thread = IoThread::start(error);
  auto alice = started_on(*thread, broker.address(), named("alice"), {});
  ASSERT_TRUE(opens(alice));
  const SendFuture open = alice->send("bob", "x");
  std::atomic<bool> enough{false};
  std::vector<std::thread> senders;
  for (int i = 0; i < 2; ++i) {
    senders.emplace_back([&] {
      while (!enough) alice->send("alice", "x", {}, {});
    });
  }
  for (int i = 0; i < 30; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      // Only so that a failure ends.
      alarm(60);
      _exit(use_in_copy(std::move(alice), std::move(thread), open));
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (status != 0) ADD_FAILURE() << "signal " << WTERMSIG(status) << ", or answer " << WEXITSTATUS(status);
    if (status != 0) break;
  }
  enough = true;
  for (std::thread& sender : senders) sender.join();
  go_on.open();
  EXPECT_EQ(open.get().outcome, Outcome::kDelivered);
  EXPECT_EQ(alice->close(kLong).cause, Ending::Cause::kClosed);
}

}  // namespace
}  // namespace onehop::client
