// Credentials: what is shown with each connection, renewals that the program asks for and those of a token source, and
// what the end of credentials does to a client.
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "engine_rig.h"

namespace onehop::client {
namespace {

// Shorter than the keepalive, so that nobody misses the broker meanwhile.
constexpr uint32_t kHoldMs = 20'000;

v1::Frame renewed_frame(v1::Reason reason = v1::REASON_UNSPECIFIED, uint32_t expires_in_ms = 0) {
  v1::Frame frame;
  frame.mutable_renewed()->set_reason(reason);
  frame.mutable_renewed()->set_expires_in_ms(expires_in_ms);
  return frame;
}

// Connected, of a session that waits, with credentials that end after `expires_in_ms`.
v1::Frame holding_frame(uint32_t expires_in_ms, bool resumed = false) {
  v1::Frame frame = resumed ? resumed_frame() : lasting_frame();
  frame.mutable_connected()->set_features(3);
  frame.mutable_connected()->set_credentials_expire_in_ms(expires_in_ms);
  return frame;
}

class RenewalRecorder : public Recorder {
 public:
  void on_open(const SessionInfo& session) override {
    Recorder::on_open(session);
    last_open = session;
  }
  void on_renewed(Reason reason, uint32_t expires_in_ms) override {
    renewals.push_back(to_string(reason) + " " + std::to_string(expires_in_ms));
    if (at_renewed) at_renewed();
  }
  void on_exception(const std::exception_ptr&) override { ++exceptions; }

  std::vector<std::string> renewals;
  std::function<void()> at_renewed;
  SessionInfo last_open;
  int exceptions = 0;
};

// A client whose engine writes Connects and Renews that the test reads.
struct CredentialsRig {
  explicit CredentialsRig(ClientOptions options = {}) : engine(Rig::named(std::move(options)), events, 1) {}

  // The token of the Connect, which is then answered.
  std::string open(const v1::Frame& connected) {
    engine.start(now);
    return answer_connect(connected);
  }
  std::string reopen(const v1::Frame& connected) {
    wait(events.retry_in);
    return answer_connect(connected);
  }
  std::string answer_connect(const v1::Frame& connected) {
    engine.on_link_up(now);
    const std::vector<v1::Frame> frames = written();
    EXPECT_EQ(frames.size(), 1U);
    give(connected);
    return frames.empty() ? "" : frames[0].connect().token();
  }
  void give(const v1::Frame& frame) { engine.on_bytes(encode_frame(frame), now); }
  void wait(uint64_t ms) {
    now += ms;
    engine.on_tick(now);
  }
  // The tokens of the Renews that are written now.
  std::vector<std::string> renews() {
    std::vector<std::string> tokens;
    for (const v1::Frame& frame : written()) {
      if (frame.has_renew()) tokens.push_back(frame.renew().token());
    }
    return tokens;
  }
  std::vector<v1::Frame> written() {
    std::string bytes;
    std::string_view pieces[4];
    while (const size_t count = engine.output(pieces, now)) {
      size_t size = 0;
      for (size_t i = 0; i < count; ++i) {
        bytes += pieces[i];
        size += pieces[i].size();
      }
      engine.on_written(size, now);
    }
    std::vector<v1::Frame> found;
    core::Input input{.rest = bytes};
    core::FrameDecoder decoder;
    core::FrameView view;
    while (decoder.next(input, 64 << 20, view) == core::Next::kFrame) {
      found.emplace_back().ParseFromArray(view.bytes.data(), static_cast<int>(view.bytes.size()));
    }
    return found;
  }

  RenewalRecorder events;
  uint64_t now = 1'000'000;
  ClientEngine engine;
};

// Gives token1, token2 …
ClientOptions counting_source(int& given) {
  return {.token_source = [&given] { return "token" + std::to_string(++given); }};
}

using Tokens = std::vector<std::string>;

TEST(EngineCredentials, TheProgramIsToldWhenTheyEnd) {
  CredentialsRig rig({.token = "first"});
  EXPECT_EQ(rig.open(holding_frame(kHoldMs)), "first");
  EXPECT_EQ(rig.events.last_open.credentials_expire_in_ms, kHoldMs);
  EXPECT_TRUE(rig.events.last_open.may_renew);
  rig.wait(kHoldMs * 9 / 10);
  EXPECT_TRUE(rig.renews().empty()) << "without a source nothing is renewed by itself";
}

TEST(EngineCredentials, ARenewalIsSentAndItsAnswerTold) {
  CredentialsRig rig({.token = "first"});
  rig.open(holding_frame(kHoldMs));
  EXPECT_EQ(rig.engine.renew("second"), SendStatus::kAccepted);
  EXPECT_EQ(rig.renews(), Tokens{"second"});
  EXPECT_TRUE(rig.events.renewals.empty());
  rig.give(renewed_frame(v1::REASON_UNSPECIFIED, 5'000));
  EXPECT_EQ(rig.events.renewals, Tokens{"UNSPECIFIED 5000"});
  rig.engine.on_link_down("cut", rig.now);
  EXPECT_EQ(rig.reopen(holding_frame(0, true)), "second");
}

TEST(EngineCredentials, OneRenewalIsUnderWayAtATimeAndTheLatestFollows) {
  CredentialsRig rig;
  rig.open(holding_frame(kHoldMs));
  rig.engine.renew("one");
  rig.engine.renew("two");
  rig.engine.renew("three");
  EXPECT_EQ(rig.renews(), Tokens{"one"});
  rig.give(renewed_frame(v1::REASON_NOT_AUTHORIZED));
  EXPECT_EQ(rig.renews(), Tokens{"three"});
  rig.events.at_renewed = [&] { rig.engine.renew("four"); };
  rig.give(renewed_frame());
  EXPECT_EQ(rig.renews(), Tokens{"four"});
  EXPECT_EQ(rig.events.renewals, (Tokens{"NOT_AUTHORIZED 0", "UNSPECIFIED 0"}));
}

TEST(EngineCredentials, ARefusedTokenIsNotShownAgain) {
  CredentialsRig rig({.token = "good"});
  rig.open(holding_frame(kHoldMs));
  rig.engine.renew("bad");
  rig.renews();
  rig.give(renewed_frame(v1::REASON_NOT_AUTHORIZED));
  EXPECT_TRUE(rig.renews().empty());
  rig.engine.renew("cannot say");
  rig.renews();
  rig.give(renewed_frame(v1::REASON_BROKER_BUSY));
  rig.engine.on_link_down("cut", rig.now);
  EXPECT_EQ(rig.reopen(holding_frame(kHoldMs, true)), "cannot say") << "it may be good";
}

TEST(EngineCredentials, WithoutAConnectionTheyAreShownWithTheNextOne) {
  CredentialsRig rig({.token = "first"});
  EXPECT_EQ(rig.engine.renew("before the start"), SendStatus::kAccepted);
  rig.engine.start(rig.now);
  rig.engine.on_link_up(rig.now);
  EXPECT_EQ(rig.written().at(0).connect().token(), "before the start");
  rig.engine.renew("while it connects");
  rig.give(holding_frame(kHoldMs));
  EXPECT_EQ(rig.renews(), Tokens{"while it connects"});
  rig.engine.on_link_down("cut before the answer", rig.now);
  rig.engine.renew("while it is away");
  EXPECT_EQ(rig.reopen(holding_frame(kHoldMs, true)), "while it is away");
  EXPECT_TRUE(rig.renews().empty());
  EXPECT_TRUE(rig.events.renewals.empty());
}

TEST(EngineCredentials, ABrokerWithoutRenewalsIsTold) {
  CredentialsRig rig({.token = "first"});
  rig.open(lasting_frame());
  EXPECT_FALSE(rig.events.last_open.may_renew);
  EXPECT_EQ(rig.engine.renew("second"), SendStatus::kAccepted);
  EXPECT_TRUE(rig.events.renewals.empty()) << "no event out of a call";
  EXPECT_LE(rig.engine.deadline(), rig.now);
  rig.wait(0);
  EXPECT_EQ(rig.events.renewals, Tokens{"UNSUPPORTED 0"});
  EXPECT_TRUE(rig.renews().empty());
  rig.engine.on_link_down("cut", rig.now);
  EXPECT_EQ(rig.reopen(lasting_frame()), "second");
}

TEST(EngineCredentials, WhatCannotBeAcceptedIsRefused) {
  CredentialsRig rig;
  rig.open(holding_frame(kHoldMs));
  EXPECT_EQ(rig.engine.renew(std::string(kTokenBytesMax + 1, 'x')), SendStatus::kTooLarge);
  EXPECT_EQ(rig.engine.renew(std::string(kTokenBytesMax, 'x')), SendStatus::kAccepted);
  rig.engine.close();
  rig.wait(0);
  EXPECT_EQ(rig.engine.renew("x"), SendStatus::kClosed) << "it says goodbye";
  rig.give(goodbye_frame(v1::CODE_NORMAL));
  EXPECT_EQ(rig.engine.renew("x"), SendStatus::kClosed);
}

TEST(EngineCredentials, ARenewedThatWasNotAskedForIsWrong) {
  CredentialsRig rig;
  rig.open(holding_frame(kHoldMs));
  rig.give(renewed_frame());
  ASSERT_EQ(rig.events.endings.size(), 1U);
  EXPECT_EQ(rig.events.endings[0].cause, Ending::Cause::kBadBytes);
}

TEST(TokenSource, IsAskedForEachConnectionAndWhenAFifthIsLeft) {
  int given = 0;
  CredentialsRig rig(counting_source(given));
  EXPECT_EQ(rig.open(holding_frame(kHoldMs)), "token1");
  rig.wait(kHoldMs * 4 / 5 - 1);
  EXPECT_TRUE(rig.renews().empty());
  EXPECT_EQ(rig.engine.deadline(), rig.now + 1) << "the host is told when";
  rig.wait(1);
  EXPECT_EQ(rig.renews(), Tokens{"token2"});
  rig.give(renewed_frame(v1::REASON_UNSPECIFIED, 10'000));
  rig.wait(8'000);
  EXPECT_EQ(rig.renews(), Tokens{"token3"});
  rig.give(renewed_frame());
  rig.wait(20'000);
  EXPECT_TRUE(rig.renews().empty()) << "these do not end";
  rig.engine.on_link_down("cut", rig.now);
  EXPECT_EQ(rig.reopen(holding_frame(kHoldMs, true)), "token4");
}

// Keys and tokens are changed one after the other, and a client may come in between.
TEST(TokenSource, IsAskedOnceMoreWhereItsTokenIsBad) {
  int given = 0;
  CredentialsRig rig(counting_source(given));
  const v1::Frame bad = goodbye_frame(v1::CODE_BAD_CREDENTIALS);
  rig.engine.start(rig.now);
  rig.engine.on_link_up(rig.now);
  for (int times = 0; times < 3; ++times) {
    rig.give(bad);
    EXPECT_EQ(rig.events.log.back(), "down");
    rig.reopen(holding_frame(kHoldMs));
    rig.engine.on_link_down("cut", rig.now);
    rig.wait(rig.events.retry_in);
    rig.engine.on_link_up(rig.now);
  }
  rig.give(bad);
  rig.wait(rig.events.retry_in);
  rig.engine.on_link_up(rig.now);
  EXPECT_EQ(rig.events.log.back(), "down");
  rig.give(bad);
  EXPECT_EQ(rig.events.log.back(), "ended") << "twice in a row";
  EXPECT_EQ(rig.events.endings.back().code, Code::kBadCredentials);
}

TEST(TokenSource, ThatHasNothingElseForABadTokenEndsTheClient) {
  CredentialsRig rig({.token_source = [] { return std::string("the same"); }});
  rig.engine.start(rig.now);
  rig.engine.on_link_up(rig.now);
  rig.give(goodbye_frame(v1::CODE_BAD_CREDENTIALS));
  EXPECT_EQ(rig.events.log, std::vector<std::string>{"ended"});
  EXPECT_EQ(rig.events.endings.back().code, Code::kBadCredentials);
}

TEST(TokenSource, IsAskedAgainAfterARefusalAsLongAsThereIsTime) {
  int given = 0;
  CredentialsRig rig(counting_source(given));
  rig.open(holding_frame(10'000));
  rig.wait(8'000);
  EXPECT_EQ(rig.renews(), Tokens{"token2"});
  rig.give(renewed_frame(v1::REASON_BROKER_BUSY));
  rig.wait(999);
  EXPECT_TRUE(rig.renews().empty());
  rig.wait(1);
  EXPECT_EQ(rig.renews(), Tokens{"token3"});
  rig.give(renewed_frame(v1::REASON_BROKER_BUSY));
  rig.wait(1'000);
  EXPECT_TRUE(rig.renews().empty()) << "they have ended";
}

TEST(TokenSource, ThatThrowsIsCountedAndTheLatestTokenIsUsed) {
  int asked = 0;
  CredentialsRig rig({.token = "latest", .token_source = [&]() -> std::string {
                        ++asked;
                        throw std::runtime_error("no token");
                      }});
  EXPECT_EQ(rig.open(holding_frame(kHoldMs)), "latest");
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(rig.events.exceptions, 1);
  EXPECT_EQ(rig.engine.counts().exceptions, 1U);
}

// Credentials that have ended are worth another try only if newer ones may be shown.
TEST(EndOfCredentials, AClientWithASourceComesBackAndOneWithoutEnds) {
  int given = 0;
  CredentialsRig with(counting_source(given));
  with.open(holding_frame(kHoldMs));
  with.give(goodbye_frame(v1::CODE_NOT_AUTHORIZED));
  EXPECT_EQ(with.events.log.back(), "down");
  EXPECT_EQ(with.reopen(holding_frame(kHoldMs, true)), "token2");
  EXPECT_EQ(with.events.log.back(), "open alice");
  CredentialsRig without({.token = "first"});
  without.open(holding_frame(kHoldMs));
  without.give(goodbye_frame(v1::CODE_NOT_AUTHORIZED));
  EXPECT_EQ(without.events.log.back(), "ended");
  EXPECT_TRUE(without.engine.saved_session()) << "for a process with other credentials";
}

TEST(EndOfCredentials, NewerOnesThatWereNotAnsweredYetAreTried) {
  CredentialsRig rig({.token = "first"});
  rig.open(holding_frame(kHoldMs));
  rig.engine.renew("second");
  rig.give(goodbye_frame(v1::CODE_NOT_AUTHORIZED));
  EXPECT_EQ(rig.events.log.back(), "down");
  EXPECT_EQ(rig.reopen(holding_frame(kHoldMs, true)), "second");
}

TEST(EndOfCredentials, ARefusalOfTheConnectIsFinal) {
  int given = 0;
  CredentialsRig rig(counting_source(given));
  rig.open(goodbye_frame(v1::CODE_NOT_AUTHORIZED));
  EXPECT_EQ(rig.events.log.back(), "ended");
}

}  // namespace
}  // namespace onehop::client
