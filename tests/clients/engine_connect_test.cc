// The life of a client engine: handshake, liveness, endings, reconnecting.
#include <gtest/gtest.h>

#include "engine_rig.h"

namespace onehop::client {
namespace {

TEST(EngineConnect, SaysWhoItIsFirst) {
  Rig rig({.name = "alice",
           .software = "test/1",
           .token = "secret",
           .on_conflict = OnConflict::kTakeOver,
           .keepalive_ms = 5'000,
           .frame_bytes_max = 65'536});
  EXPECT_EQ(rig.engine.link(), Link::kNone);
  rig.engine.start(rig.now);
  EXPECT_EQ(rig.engine.link(), Link::kWanted);
  EXPECT_TRUE(rig.frames().empty());
  rig.engine.on_link_up(rig.now);
  const auto frames = rig.frames();
  ASSERT_EQ(frames.size(), 1U);
  const v1::Connect& connect = frames[0].connect();
  EXPECT_EQ(connect.name(), "alice");
  EXPECT_EQ(connect.protocol_version(), 1U);
  EXPECT_EQ(connect.software(), "test/1");
  EXPECT_EQ(connect.token(), "secret");
  EXPECT_EQ(connect.on_conflict(), v1::ON_CONFLICT_TAKE_OVER);
  EXPECT_EQ(connect.keepalive_ms(), 5'000U);
  EXPECT_EQ(connect.frame_bytes_max(), 65'536U);
  EXPECT_EQ(connect.features(), 23U);
  rig.give(connected_frame());
  EXPECT_EQ(rig.events.log, Words{"open alice"});
}

TEST(EngineConnect, AProgramThatSaysNothingOfItselfIsTheLibraryToTheBroker) {
  Rig rig;
  rig.engine.start(rig.now);
  rig.engine.on_link_up(rig.now);
  const auto frames = rig.frames();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].connect().software(), "onehop-cpp/" ONEHOP_VERSION);
}

TEST(EngineConnect, WhatIsSentBeforeTheSessionIsOpenWaits) {
  Rig rig;
  EXPECT_EQ(rig.send("bob", "early"), SendStatus::kAccepted);
  rig.engine.start(rig.now);
  rig.engine.on_link_up(rig.now);
  EXPECT_EQ(rig.send("bob", "later"), SendStatus::kAccepted);
  EXPECT_EQ(rig.written(), Words{"connect"});
  rig.give(connected_frame());
  EXPECT_EQ(rig.written(), (Words{"bob:1=early", "bob:2=later", "ping"}));
}

TEST(EngineConnect, FramesMaySplitAnywhere) {
  Rig rig;
  rig.engine.start(rig.now);
  rig.engine.on_link_up(rig.now);
  v1::Frame frame;
  frame.mutable_message()->set_from("bob");
  frame.mutable_message()->set_payload(std::string(300, 'x'));
  std::string bytes = encode_frame(connected_frame());
  for (int i = 0; i < 3; ++i) bytes += encode_frame(frame);
  for (const char byte : bytes) rig.engine.on_bytes({&byte, 1}, rig.now);
  EXPECT_EQ(rig.events.log.size(), 4U);
  EXPECT_EQ(rig.events.log.back(), "message bob " + std::string(300, 'x'));
}

struct MessageRecorder : Recorder {
  void on_message(const Message& message) override {
    EXPECT_EQ(message.from, "bob");
    EXPECT_EQ(message.id, 9U);
    EXPECT_EQ(message.from_session, 77U);
    EXPECT_EQ(message.in_reply_to, 5U);
    EXPECT_EQ(message.in_reply_to_session, 6U);
    EXPECT_TRUE(message.redelivered);
    EXPECT_TRUE(message.maybe_repeated);
    ASSERT_EQ(message.headers.size(), 2U);
    EXPECT_EQ(message.headers[0].key, "a");
    EXPECT_EQ(message.headers[1].value, std::string_view("\0\1", 2));
    EXPECT_EQ(message.payload, "hello");
    ++messages;
  }
  int messages = 0;
};

TEST(EngineConnect, HandsOutEverythingOfAMessage) {
  MessageRecorder events;
  ClientEngine engine({.name = "alice"}, events, 1);
  engine.start(0);
  engine.on_link_up(0);
  engine.on_bytes(encode_frame(connected_frame()), 0);
  v1::Frame frame;
  v1::Message& message = *frame.mutable_message();
  message.set_client("alice");
  message.set_from("bob");
  message.set_id(9);
  message.set_from_session(77);
  message.set_in_reply_to(5);
  message.set_in_reply_to_session(6);
  message.set_redelivered(true);
  message.set_maybe_repeated(true);
  message.add_headers()->set_key("a");
  message.add_headers()->set_value(std::string("\0\1", 2));
  message.set_payload("hello");
  engine.on_bytes(encode_frame(frame), 0);
  EXPECT_EQ(events.messages, 1);
}

TEST(EngineConnect, AnswersAPingOnceForAPile) {
  Rig rig;
  rig.open();
  v1::Frame frame;
  for (uint64_t nonce = 1; nonce <= 3; ++nonce) {
    frame.mutable_ping()->set_nonce(nonce);
    rig.give(frame);
  }
  const auto frames = rig.frames();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].pong().nonce(), 3U);
}

TEST(EngineConnect, PingsInSilenceThenGivesUp) {
  Rig rig;
  rig.open(connected_frame(1 << 20, 10'000));
  EXPECT_EQ(rig.engine.deadline(), rig.now + 10'000);
  rig.wait(9'999);
  EXPECT_TRUE(rig.written().empty());
  rig.wait(1);
  EXPECT_EQ(rig.written(), Words{"ping"});
  EXPECT_EQ(rig.engine.deadline(), rig.now + 5'000);
  rig.wait(4'999);
  EXPECT_TRUE(rig.written().empty());
  EXPECT_EQ(rig.engine.link(), Link::kWanted);
  rig.wait(1);
  EXPECT_EQ(rig.engine.link(), Link::kNone);
  ASSERT_EQ(rig.events.endings.size(), 1U);
  EXPECT_EQ(rig.events.endings[0].cause, Ending::Cause::kSilence);
}

TEST(EngineConnect, AnyByteIsLife) {
  Rig rig;
  rig.open(connected_frame(1 << 20, 10'000));
  for (int i = 0; i < 10; ++i) {
    rig.wait(10'000);
    rig.engine.on_bytes("\x80", rig.now);  // The beginning of a length that never ends would be bad: one byte is not.
    if (i == 0) break;
  }
  EXPECT_EQ(rig.written(), Words{"ping"});
  rig.wait(9'999);
  EXPECT_EQ(rig.engine.link(), Link::kWanted);
}

TEST(EngineConnect, WhileItDoesNotReadItWritesAndDoesNotDie) {
  Rig rig;
  rig.open(connected_frame(1 << 20, 10'000));
  rig.engine.set_reading(false, rig.now);
  for (int i = 0; i < 10; ++i) {
    rig.wait(5'000);
    EXPECT_EQ(rig.written(), Words{"ping"});
  }
  rig.engine.set_reading(true, rig.now);
  rig.wait(9'999);
  EXPECT_EQ(rig.engine.link(), Link::kWanted);
  EXPECT_TRUE(rig.events.endings.empty());
}

// What ends a connection, and whether another is tried.
struct EndCase {
  const char* name;
  v1::Code code;
  bool retried;
};

class EngineGoodbye : public testing::TestWithParam<EndCase> {};

TEST_P(EngineGoodbye, IsTriedAgainOrNot) {
  Rig rig;
  rig.open();
  rig.give(goodbye_frame(GetParam().code));
  EXPECT_EQ(rig.events.log.back(), GetParam().retried ? "down" : "ended");
  ASSERT_EQ(rig.events.endings.size(), 1U);
  EXPECT_EQ(rig.events.endings[0].cause, Ending::Cause::kGoodbye);
  EXPECT_EQ(static_cast<int>(rig.events.endings[0].code), GetParam().code);
  EXPECT_EQ(rig.engine.link(), Link::kNone);
  EXPECT_EQ(rig.engine.deadline() != UINT64_MAX, GetParam().retried);
  EXPECT_EQ(rig.send("bob", "x"), GetParam().retried ? SendStatus::kAccepted : SendStatus::kClosed);
}

INSTANTIATE_TEST_SUITE_P(Codes, EngineGoodbye,
                         testing::Values(EndCase{"Normal", v1::CODE_NORMAL, true},
                                         EndCase{"ProtocolError", v1::CODE_PROTOCOL_ERROR, false},
                                         EndCase{"UnsupportedVersion", v1::CODE_UNSUPPORTED_VERSION, false},
                                         EndCase{"BadCredentials", v1::CODE_BAD_CREDENTIALS, false},
                                         EndCase{"NotAuthorized", v1::CODE_NOT_AUTHORIZED, false},
                                         EndCase{"NameInUse", v1::CODE_NAME_IN_USE, true},
                                         EndCase{"SessionTakenOver", v1::CODE_SESSION_TAKEN_OVER, false},
                                         EndCase{"FrameTooLarge", v1::CODE_FRAME_TOO_LARGE, false},
                                         EndCase{"KeepaliveTimeout", v1::CODE_KEEPALIVE_TIMEOUT, true},
                                         EndCase{"SlowConsumer", v1::CODE_SLOW_CONSUMER, true},
                                         EndCase{"ServerBusy", v1::CODE_SERVER_BUSY, true},
                                         EndCase{"ServerShuttingDown", v1::CODE_SERVER_SHUTTING_DOWN, true},
                                         EndCase{"UseAnotherServer", v1::CODE_USE_ANOTHER_SERVER, true},
                                         EndCase{"Administrative", v1::CODE_ADMINISTRATIVE, false}),
                         [](const auto& tested) { return tested.param.name; });

TEST(EngineReconnect, WaitsLongerWithEachFailureUpToTheMaximum) {
  Rig rig({.backoff_ms_min = 100, .backoff_ms_max = 1'000});
  rig.engine.start(rig.now);
  uint64_t full = 100;
  uint64_t link = rig.engine.link_number();
  for (int i = 0; i < 8; ++i) {
    rig.engine.on_link_down("refused", rig.now);
    EXPECT_EQ(rig.events.endings.back().cause, Ending::Cause::kConnectFailed);
    EXPECT_EQ(rig.events.endings.back().text, "refused");
    EXPECT_GE(rig.events.retry_in, full / 2);
    EXPECT_LE(rig.events.retry_in, full);
    EXPECT_EQ(rig.engine.deadline(), rig.now + rig.events.retry_in);
    rig.wait(rig.events.retry_in - 1);
    EXPECT_EQ(rig.engine.link(), Link::kNone);
    rig.wait(1);
    EXPECT_EQ(rig.engine.link(), Link::kWanted);
    EXPECT_EQ(rig.engine.link_number(), ++link);
    full = std::min<uint64_t>(full * 2, 1'000);
  }
}

TEST(EngineReconnect, BeginsAnewAfterASessionThatLasted) {
  Rig rig({.backoff_ms_min = 100, .backoff_ms_max = 60'000});
  rig.engine.start(rig.now);
  for (int i = 0; i < 6; ++i) {
    rig.engine.on_link_down("refused", rig.now);
    rig.wait(rig.events.retry_in);
  }
  rig.engine.on_link_up(rig.now);
  rig.give(connected_frame());
  rig.wait(10'000);
  rig.engine.on_link_down("cut", rig.now);
  EXPECT_LE(rig.events.retry_in, 100U);
}

TEST(EngineReconnect, KeepsToTheBrokersWaitIfItIsLonger) {
  Rig rig;
  rig.open();
  rig.give(goodbye_frame(v1::CODE_SERVER_SHUTTING_DOWN, 12'345));
  EXPECT_EQ(rig.events.retry_in, 12'345U);
}

TEST(EngineReconnect, NotWhenItWasNotAskedFor) {
  Rig rig({.reconnect = false});
  rig.open();
  rig.engine.on_link_down("cut", rig.now);
  EXPECT_EQ(rig.events.log.back(), "ended");
  EXPECT_EQ(rig.events.endings[0].cause, Ending::Cause::kConnectionLost);
}

TEST(EngineReconnect, NoAnswerToTheConnectIsAFailure) {
  Rig rig({.connect_timeout_ms = 2'000});
  rig.engine.start(rig.now);
  rig.wait(1'500);
  rig.engine.on_link_up(rig.now);
  rig.wait(499);
  EXPECT_EQ(rig.engine.link(), Link::kWanted);
  rig.wait(1);
  EXPECT_EQ(rig.engine.link(), Link::kNone);
  EXPECT_EQ(rig.events.endings.at(0).cause, Ending::Cause::kSilence);
}

TEST(EngineBadBytes, InAnOpenSessionLoseTheConnection) {
  const std::string bad[] = {std::string(1, '\0'), "\x02\x1A\x7F", "\x03\x2A\x01\xFF", "\xFF\xFF\xFF\xFF\x7F",
                             encode_frame(connected_frame())};
  for (const std::string& bytes : bad) {
    Rig rig;
    rig.open();
    rig.engine.on_bytes(bytes, rig.now);
    EXPECT_EQ(rig.events.log, (Words{"open alice", "down"}));
    EXPECT_EQ(rig.events.endings.at(0).cause, Ending::Cause::kBadBytes);
  }
}

TEST(EngineBadBytes, UnknownKindsAndValuesAreNot) {
  Rig rig;
  rig.open();
  rig.engine.on_bytes(std::string("\x05\xA2\x06\x02hi", 6), rig.now);  // Field 100.
  rig.give(refusal_frame(1, 9, v1::REASON_QUEUE_FULL));                // Ids that were never sent.
  rig.give(flow_frame("bob", v1::STATE_UNSPECIFIED));
  rig.give(pong_frame(4'711));
  EXPECT_EQ(rig.engine.link(), Link::kWanted);
  EXPECT_EQ(rig.events.log, (Words{"open alice", "pong 4711"}));
}

TEST(EngineClose, SaysGoodbyeWhenEverythingIsSettled) {
  Rig rig;
  rig.open();
  rig.send("bob", "last");
  rig.engine.close();
  EXPECT_EQ(rig.send("bob", "late"), SendStatus::kClosed);
  EXPECT_EQ(rig.written(), (Words{"bob:1=last", "ping"}));
  EXPECT_EQ(rig.engine.link(), Link::kWanted);
  rig.pong();
  EXPECT_EQ(rig.written(), Words{"goodbye"});
  EXPECT_EQ(rig.engine.link(), Link::kFinishing);
  rig.give(goodbye_frame(v1::CODE_NORMAL));
  EXPECT_EQ(rig.events.outcomes, Words{"1 ADMITTED"});
  EXPECT_EQ(rig.events.log.back(), "ended");
  EXPECT_EQ(rig.events.endings[0].cause, Ending::Cause::kClosed);
  EXPECT_EQ(rig.engine.link(), Link::kNone);
}

TEST(EngineClose, AtOnceWhereThereIsNoConnection) {
  Rig rig;
  rig.engine.start(rig.now);
  rig.engine.close();
  EXPECT_LE(rig.engine.deadline(), rig.now);
  rig.wait(0);
  EXPECT_EQ(rig.events.log, Words{"ended"});
}

TEST(EngineClose, DoesNotWaitForeverForTheAnswer) {
  Rig rig;
  rig.open();
  rig.engine.close();
  EXPECT_EQ(rig.written(), Words{"goodbye"});
  rig.wait(5'000);
  EXPECT_EQ(rig.events.log.back(), "ended");
}

TEST(EngineClose, AbortTellsEveryOutcome) {
  Rig rig;
  rig.open();
  rig.send("bob", "written");
  rig.written();
  rig.send("bob", "not written");
  rig.engine.abort({.text = "enough"}, rig.now);
  EXPECT_EQ(rig.events.outcomes, (Words{"1 UNKNOWN", "2 NOT_SENT"}));
  EXPECT_EQ(rig.events.endings.at(0).text, "enough");
  EXPECT_EQ(rig.engine.unsettled(), 0U);
}

}  // namespace
}  // namespace onehop::client
