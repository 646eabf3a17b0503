// Answers to a Connect that are none of a broker, and names that are in use: what a client engine tries again, for how
// long, and what it says about it.
#include <gtest/gtest.h>

#include "engine_rig.h"

namespace onehop::client {
namespace {

struct WrongAnswer {
  const char* name;
  std::string bytes;
  // What the program is told, where it is closed behind these bytes.
  std::string text;
};

constexpr const char* kNotABroker = "what answers there is not a onehop broker: it ";

const std::vector<WrongAnswer>& wrong_answers() {
  static const std::vector<WrongAnswer> all = {
      {"Http503", "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\r\n",
       std::string(kNotABroker) + "speaks HTTP: HTTP/1.1 503 Service Unavailable"},
      {"ShortHttp", "HTTP/1.0 502", std::string(kNotABroker) + "speaks HTTP: HTTP/1.0 502"},
      {"LongHttp", "HTTP/1.1 400 " + std::string(200, 'x'),
       std::string(kNotABroker) + "speaks HTTP: HTTP/1.1 400 " + std::string(51, 'x')},
      {"UnprintableHttp", "HTTP/1.1 \x1B[2J\r\n", std::string(kNotABroker) + "speaks HTTP: HTTP/1.1 ?[2J"},
      {"TlsAlert", std::string("\x15\x03\x01\x00\x02\x02\x28", 7),
       std::string(kNotABroker) + "speaks TLS, and expects an encrypted connection"},
      {"TlsHello", std::string("\x16\x03\x03\x00\x10", 5),
       std::string(kNotABroker) + "speaks TLS, and expects an encrypted connection"},
      {"Ssh", "SSH-2.0-OpenSSH_9.2\r\n", std::string(kNotABroker) + "speaks SSH: SSH-2.0-OpenSSH_9.2"},
      {"ZeroLength", std::string(1, '\0'), std::string(kNotABroker) + "sent a length that cannot be"},
      {"LengthWithoutAnEnd", "\xFF\xFF\xFF\xFF\xFF\xFF", std::string(kNotABroker) + "sent a length that cannot be"},
      {"TooLarge", "\xFF\xFF\x7F", std::string(kNotABroker) + "sent a frame over the maximum"},
      {"AnotherFrame", encode_frame(pong_frame(1)),
       std::string(kNotABroker) + "sent another first frame than connected"},
      {"NotParsed", std::string("\x03\x12\x01\xFF", 4),
       std::string(kNotABroker) + "sent a connected that does not parse"},
      {"Nothing", "", "the connection was lost: the broker closed it"},
      {"APartOfAFrame", encode_frame(connected_frame()).substr(0, 9), "the connection was lost: the broker closed it"},
      {"OneByteOfHttp", "H", "the connection was lost: the broker closed it"},
  };
  return all;
}

class EngineWrongAnswer : public testing::TestWithParam<WrongAnswer> {
 protected:
  // Connects, is answered so, and then gets a broker.
  static void live_through(Rig& rig, size_t step) {
    rig.engine.on_link_up(rig.now);
    rig.written();
    const std::string& bytes = GetParam().bytes;
    for (size_t at = 0; at < bytes.size(); at += step) {
      rig.engine.on_bytes(std::string_view(bytes).substr(at, step), rig.now);
    }
    if (rig.engine.link() == Link::kWanted) rig.engine.on_link_down("the broker closed it", rig.now);
    ASSERT_EQ(rig.events.log.back(), "down");
    EXPECT_EQ(describe(rig.events.endings.back()), GetParam().text);
    EXPECT_GT(rig.events.retry_in, 0U);
    EXPECT_EQ(rig.engine.deadline(), rig.now + rig.events.retry_in);
    rig.reopen(lasting_frame(8));
    EXPECT_EQ(rig.events.log.back(), "open alice");
  }
};

TEST_P(EngineWrongAnswer, IsTriedAgainFromTheFirstAttemptOn) {
  for (const size_t step : {1U, 3U, 1'000U}) {
    Rig rig;
    rig.engine.start(rig.now);
    rig.send("bob", "x", Confirm::kDelivered);
    live_through(rig, step);
    EXPECT_EQ(rig.written(), Words{"bob:1=x"});
  }
}

TEST_P(EngineWrongAnswer, EndsNoSessionThatWasOpen) {
  ResumeRig rig;
  rig.cut();
  rig.wait(rig.events.retry_in);
  live_through(rig, 1'000);
}

TEST_P(EngineWrongAnswer, EndsAClientThatMayNotReconnect) {
  Rig rig({.reconnect = false});
  rig.engine.start(rig.now);
  rig.engine.on_link_up(rig.now);
  rig.engine.on_bytes(GetParam().bytes, rig.now);
  if (rig.engine.link() == Link::kWanted) rig.engine.on_link_down("the broker closed it", rig.now);
  EXPECT_EQ(rig.events.log, Words{"ended"});
  EXPECT_EQ(describe(rig.events.endings.at(0)), GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(, EngineWrongAnswer, testing::ValuesIn(wrong_answers()),
                         [](const auto& tested) { return tested.param.name; });

TEST(EngineWrongAnswers, AreTriedAgainLessAndLessOften) {
  Rig rig({.backoff_ms_min = 100, .backoff_ms_max = 3'200});
  rig.engine.start(rig.now);
  for (uint64_t full = 100; full <= 3'200; full *= 2) {
    rig.engine.on_link_up(rig.now);
    rig.engine.on_bytes("HTTP/1.1 503 Service Unavailable\r\n", rig.now);
    EXPECT_GE(rig.events.retry_in, full / 2);
    EXPECT_LE(rig.events.retry_in, full);
    rig.wait(rig.events.retry_in);
  }
}

// The answer of a real broker is never mistaken for another's: the length of a first frame may be any byte.
TEST(EngineWrongAnswers, AConnectedOfAnyLengthIsOne) {
  for (size_t size = 0; size < 300; ++size) {
    Rig rig;
    rig.engine.start(rig.now);
    rig.engine.on_link_up(rig.now);
    v1::Frame connected = connected_frame();
    connected.mutable_connected()->set_server(std::string(size, 's'));
    for (const char byte : encode_frame(connected)) rig.engine.on_bytes({&byte, 1}, rig.now);
    ASSERT_EQ(rig.events.log, Words{"open alice"}) << size;
  }
}

// What the broker says of a client's own doing stays so.
TEST(EngineWrongAnswers, WhatIsPermanentEndsTheClientAtTheFirstAttempt) {
  for (const v1::Code code : {v1::CODE_BAD_CREDENTIALS, v1::CODE_UNSUPPORTED_VERSION, v1::CODE_NOT_AUTHORIZED,
                              v1::CODE_PROTOCOL_ERROR, v1::CODE_FRAME_TOO_LARGE}) {
    Rig rig;
    rig.engine.start(rig.now);
    rig.engine.on_link_up(rig.now);
    rig.give(goodbye_frame(code));
    EXPECT_EQ(rig.events.log, Words{"ended"}) << code;
  }
}

// A code of a later broker is the end of the connection, not that of the client, whatever its number ends with.
TEST(EngineWrongAnswers, ACodeThatIsNotKnownIsTriedAgain) {
  for (const int code : {99, 256 + v1::CODE_BAD_CREDENTIALS, 65'536 + v1::CODE_SESSION_TAKEN_OVER}) {
    Rig rig;
    rig.open();
    rig.give(goodbye_frame(static_cast<v1::Code>(code)));
    EXPECT_EQ(rig.events.log.back(), "down") << code;
  }
}

class EngineNameInUse : public testing::Test {
 protected:
  // One attempt after another that is refused, until the client ends; how long that took.
  static uint64_t wait_for_name(Rig& rig, uint32_t retry_after_ms = 0) {
    const uint64_t began = rig.now;
    rig.engine.start(rig.now);
    do {
      rig.engine.on_link_up(rig.now);
      rig.give(goodbye_frame(v1::CODE_NAME_IN_USE, retry_after_ms));
      if (rig.events.log.back() != "down") break;
      EXPECT_GE(rig.events.retry_in, std::max<uint64_t>(1'000, retry_after_ms));
      EXPECT_LE(rig.events.retry_in, std::max<uint64_t>(1'500, retry_after_ms));
      rig.wait(rig.events.retry_in);
    } while (rig.now < began + 1'000'000);
    EXPECT_EQ(rig.events.endings.back().code, Code::kNameInUse);
    return rig.now - began;
  }
};

TEST_F(EngineNameInUse, IsTriedAgainForTenSecondsByDefault) {
  Rig rig;
  const uint64_t waited = wait_for_name(rig);
  EXPECT_GT(waited, 8'000U);
  EXPECT_LE(waited, 10'000U);
  EXPECT_EQ(rig.events.log.back(), "ended");
  EXPECT_GE(rig.events.log.size(), 7U) << "on_down() tells of each attempt";
}

// The broker gives a name away 3 seconds after it asked its owner, and says so.
TEST_F(EngineNameInUse, KeepsToTheBrokersTimeAndGetsTheName) {
  Rig rig;
  rig.engine.start(rig.now);
  rig.engine.on_link_up(rig.now);
  rig.give(goodbye_frame(v1::CODE_NAME_IN_USE, 3'000));
  EXPECT_EQ(rig.events.retry_in, 3'000U);
  rig.reopen();
  EXPECT_EQ(rig.events.log, (Words{"down", "open alice"}));
}

TEST_F(EngineNameInUse, HasAPatienceThatCanBeStated) {
  for (const uint32_t patience_ms : {0U, 999U, 1'600U, 5'000U, 60'000U}) {
    Rig rig({.name_patience_ms = patience_ms});
    const uint64_t waited = wait_for_name(rig);
    EXPECT_LE(waited, patience_ms);
    EXPECT_GE(waited + 1'500, patience_ms);
    EXPECT_EQ(rig.events.log.back(), "ended");
  }
  Rig rig({.name_patience_ms = kForever});
  EXPECT_GE(wait_for_name(rig), 1'000'000U);
  EXPECT_EQ(rig.events.log.back(), "down");
}

TEST_F(EngineNameInUse, DoesNotWaitBeyondItsPatienceForTheBrokersTime) {
  Rig rig({.name_patience_ms = 2'000});
  EXPECT_EQ(wait_for_name(rig, 3'000), 0U);
}

// Attempts that failed for another reason, for minutes perhaps, make the waits for the name no longer.
TEST_F(EngineNameInUse, IsNotHeldUpByEarlierFailures) {
  Rig rig;
  rig.engine.start(rig.now);
  for (int i = 0; i < 12; ++i) {
    rig.engine.on_link_down("refused", rig.now);
    rig.wait(rig.events.retry_in);
  }
  EXPECT_GT(wait_for_name(rig), 8'000U);
}

TEST_F(EngineNameInUse, PatienceBeginsAnewWithAnotherAnswer) {
  Rig rig;
  rig.engine.start(rig.now);
  rig.engine.on_link_up(rig.now);
  rig.give(goodbye_frame(v1::CODE_NAME_IN_USE));
  rig.wait(rig.events.retry_in);
  rig.engine.on_link_down("refused", rig.now);
  rig.wait(rig.events.retry_in);
  EXPECT_GT(wait_for_name(rig), 8'000U);
}

TEST_F(EngineNameInUse, WhatIsSentMeanwhileWaits) {
  Rig rig;
  rig.engine.start(rig.now);
  rig.send("bob", "early");
  rig.engine.on_link_up(rig.now);
  rig.give(goodbye_frame(v1::CODE_NAME_IN_USE));
  rig.send("bob", "later");
  rig.reopen();
  EXPECT_EQ(rig.written(), (Words{"bob:1=early", "bob:2=later", "ping"}));
}

}  // namespace
}  // namespace onehop::client
