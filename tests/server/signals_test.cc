// SIGTERM and SIGINT: clients are told, then onehopd ends; a second signal ends it at once.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <deque>
#include <filesystem>
#include <string>

#include "server_test/child_process.h"
#include "server_test/log_line.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

LogLine line_about(const ChildProcess::Lines& lines, const std::string& event) {
  for (const std::string& line : lines) {
    const auto parsed = parse_log_line(line);
    if (parsed && value_of(*parsed, "event") == event) return *parsed;
  }
  ADD_FAILURE() << "nothing is logged about " << event;
  return {};
}

TEST(Signals, BothEndItInOrderAfterClientsAreTold) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Onehopd broker({"--shards", "2"});
    std::deque<RawClient> clients;
    for (int i = 0; i < 8; ++i) clients.emplace_back(broker.address()).connect("client-" + std::to_string(i));
    broker.send_signal(signal);
    for (RawClient& client : clients) {
      const v1::Goodbye goodbye = client.read_announcement();
      EXPECT_EQ(v1::CODE_SERVER_SHUTTING_DOWN, goodbye.code());
      EXPECT_GT(goodbye.grace_ms(), 0u);
      client.say_goodbye();
    }
    clients.clear();
    EXPECT_EQ(0, broker.wait());
    EXPECT_EQ(signal == SIGTERM ? "SIGTERM" : "SIGINT", value_of(line_about(broker.errors(), "stopping"), "signal"));
    EXPECT_EQ("8", value_of(line_about(broker.errors(), "served"), "sessions"));
    EXPECT_EQ("all ended", value_of(line_about(broker.errors(), "stopped"), "connections"));
  }
}

// What is open when the broker is told to end is lost while it ends, and counted as that.
TEST(Signals, WhatWasServedIsToldWhenEverythingIsSettled) {
  Onehopd broker({"--shards", "2", "--stop-deadline-ms", "600000"});
  RawClient sender(broker.address());
  RawClient recipient(broker.address());
  sender.connect("sender");
  recipient.connect("recipient");
  for (uint64_t id = 1; id <= 100; ++id) sender.send(confirmed_frame("recipient", id));
  for (int i = 0; i < 100; ++i) recipient.read_kind(v1::Frame::kMessage);
  broker.send_signal(SIGTERM);
  sender.read_announcement();
  recipient.read_announcement();
  broker.send_signal(SIGTERM);  // Nobody acknowledges, and nobody says goodbye.
  EXPECT_EQ(1, broker.wait());
  const LogLine served = line_about(broker.errors(), "served");
  EXPECT_EQ("100", value_of(served, "messages_admitted"));
  EXPECT_EQ("100", value_of(served, "messages_lost"));
}

TEST(Signals, WithNobodyConnectedItJustEnds) {
  Onehopd broker;
  broker.send_signal(SIGTERM);
  EXPECT_EQ(0, broker.wait());
}

TEST(Signals, ASecondSignalCutsTheWaitingShort) {
  Onehopd broker({"--shards", "2", "--stop-deadline-ms", "600000"});
  RawClient client(broker.address());
  client.connect("stays");
  broker.send_signal(SIGTERM);
  EXPECT_EQ(v1::CODE_SERVER_SHUTTING_DOWN, client.read_announcement().code());
  broker.send_signal(SIGINT);  // The client does not say goodbye.
  EXPECT_EQ(1, broker.wait());
  EXPECT_EQ("cut off at the deadline", value_of(line_about(broker.errors(), "stopped"), "connections"));
}

TEST(Signals, ItTellsWhomItWaitsForAndHowNotTo) {
  Onehopd broker({"--shards", "2", "--stop-deadline-ms", "600000"});
  std::deque<RawClient> clients;
  for (const char* name : {"anna", "bob", "carol", "dave", "erin"})
    clients.emplace_back(broker.address()).connect(name);
  for (uint64_t id = 1; id <= 3; ++id) clients[0].send(confirmed_frame("erin", id));
  for (int i = 0; i < 3; ++i) clients[4].read_kind(v1::Frame::kMessage);
  broker.send_signal(SIGINT);
  clients[1].read_announcement();
  clients[1].say_goodbye();
  const auto lines = broker.wait_for_errors([](const ChildProcess::Lines& all) {
    return !all.empty() && all.back().find("\"waiting\"") != std::string::npos;
  });
  const LogLine waiting = line_about(lines, "waiting");
  EXPECT_EQ("waits for erin, anna, carol and 1 more; 3 messages are unacknowledged; a second signal does not wait",
            value_of(waiting, "text"));
  EXPECT_EQ("4", value_of(waiting, "clients"));
  EXPECT_EQ("3", value_of(waiting, "unacknowledged"));
  broker.send_signal(SIGINT);
  EXPECT_EQ(1, broker.wait());
}

TEST(Signals, ItTellsThatItStillLetsClientsIn) {
  Onehopd broker({"--stop-deadline-ms", "600000", "--drain-delay-ms", "500000"});
  broker.send_signal(SIGTERM);
  const auto lines = broker.wait_for_errors([](const ChildProcess::Lines& all) {
    return !all.empty() && all.back().find("\"waiting\"") != std::string::npos;
  });
  EXPECT_TRUE(value_of(line_about(lines, "waiting"), "text").starts_with("lets clients in until drain_delay_ms"));
  broker.send_signal(SIGTERM);
  EXPECT_EQ(0, broker.wait());
}

TEST(Signals, TheDeadlineEndsItToo) {
  Onehopd broker({"--stop-deadline-ms", "1"});
  RawClient client(broker.address());
  client.connect("stays");
  broker.send_signal(SIGTERM);
  EXPECT_EQ(1, broker.wait());
}

TEST(Signals, TheUnixSocketsFileGoesAlong) {
  const std::string path = testing::TempDir() + "onehop-signals-" + std::to_string(::getpid());
  Onehopd broker({"--listen", "unix://" + path});
  ASSERT_TRUE(std::filesystem::exists(path));
  broker.send_signal(SIGTERM);
  EXPECT_EQ(0, broker.wait());
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Signals, AKilledBrokersUnixSocketIsTakenOverByTheNext) {
  const std::string path = testing::TempDir() + "onehop-killed-" + std::to_string(::getpid());
  Onehopd killed({"--listen", "unix://" + path});
  killed.send_signal(SIGKILL);
  EXPECT_EQ(128 + SIGKILL, killed.wait());
  ASSERT_TRUE(std::filesystem::exists(path));
  const Onehopd next({"--listen", "unix://" + path});
  EXPECT_EQ("a", RawClient(next.address()).connect("a").name());
}

}  // namespace
}  // namespace onehop::test
