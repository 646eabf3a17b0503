// How a connection becomes a client: names, hand-over, conflicts, takeover, credentials.
#include <gtest/gtest.h>

#include <set>

#include "core/base/name.h"
#include "pair.h"

namespace onehop::core::test {
namespace {

v1::Frame connect_with(const std::string& name, void (*set)(v1::Connect&)) {
  v1::Frame frame = connect_frame(name);
  set(*frame.mutable_connect());
  return frame;
}

TEST(Connect, ConnectedStatesEveryValueInForce) {
  FakeBroker broker;
  const Limits limits;
  const v1::Connected connected = FakeClient(broker, "bob").connected();
  EXPECT_EQ(connected.name(), "bob");
  EXPECT_EQ(connected.protocol_version(), 1u);
  EXPECT_EQ(connected.server(), "onehop");
  EXPECT_FALSE(connected.resume_token().empty());
  EXPECT_FALSE(connected.resumed());
  EXPECT_NE(connected.session(), 0u);
  EXPECT_EQ(connected.keepalive_ms(), limits.keepalive_ms_default);
  EXPECT_EQ(connected.session_expiry_ms(), 0u);
  EXPECT_EQ(connected.frame_bytes_max(), limits.frame_bytes_max);
  EXPECT_EQ(connected.send_window(), limits.send_window);
  EXPECT_EQ(connected.last_id(), 0u);
  EXPECT_EQ(connected.features(), 0u);
  EXPECT_EQ(connected.ttl_ms_max(), limits.ttl_ms_max);
  EXPECT_EQ(connected.send_window_bytes(), limits.send_window_bytes);
}

TEST(Connect, ValuesAreClamped) {
  FakeBroker broker;
  const Limits limits;
  const auto low = connect_with("low", [](v1::Connect& c) {
    c.set_keepalive_ms(1);
    c.set_protocol_version(0);
    c.set_session_expiry_ms(60'000);
  });
  const v1::Connected granted = FakeClient(broker, low).connected();
  EXPECT_EQ(granted.keepalive_ms(), limits.keepalive_ms_min);
  EXPECT_EQ(granted.session_expiry_ms(), 60'000u);
  const auto high = connect_with("high", [](v1::Connect& c) {
    c.set_keepalive_ms(UINT32_MAX);
    c.set_protocol_version(7);
    c.set_session_expiry_ms(UINT32_MAX);
    c.set_features(~uint64_t{0});
    c.set_receive_window(UINT32_MAX);
    c.set_attempt(9);
    c.set_received_up_to(8);
    c.mutable_ack()->set_up_to(3);
  });
  const v1::Connected connected = FakeClient(broker, high).connected();
  EXPECT_EQ(connected.keepalive_ms(), limits.keepalive_ms_max);
  EXPECT_EQ(connected.protocol_version(), 1u);
  EXPECT_EQ(connected.session_expiry_ms(), limits.session_expiry_ms_max);
  EXPECT_EQ(connected.features(), kFeaturesServed) << "only what both name";
}

TEST(Connect, SessionNumbersRiseAndDiffer) {
  FakeBroker broker(2);
  std::set<uint64_t> sessions;
  std::set<std::string> tokens;
  uint64_t last[2] = {0, 0};
  for (int i = 0; i < 40; ++i) {
    const ShardIndex shard = i % 2 == 0 ? 0 : 1;
    FakeClient client(broker, broker.name_on(shard));
    const uint64_t session = client.connected().session();
    EXPECT_TRUE(sessions.insert(session).second);
    EXPECT_TRUE(tokens.insert(client.connected().resume_token()).second);
    EXPECT_GT(session, last[shard]);
    last[shard] = session;
    client.reset();
  }
}

TEST(Connect, AClientLivesOnTheShardOfItsName) {
  FakeBroker broker(4);
  for (int i = 0; i < 16; ++i) {
    const auto accepted_on = static_cast<ShardIndex>(i % 4);
    const auto home = static_cast<ShardIndex>(i / 4);
    FakeClient client(broker, broker.name_on(home, "n" + std::to_string(i) + "-"), accepted_on);
    EXPECT_EQ(client.link().shard, home);
    EXPECT_EQ(broker.counters(home).sessions, static_cast<uint64_t>(accepted_on + 1));
  }
  for (ShardIndex shard = 0; shard < 4; ++shard) EXPECT_EQ(broker.counters(shard).hand_overs, 3u);
}

TEST(Connect, WhatIsPipelinedBehindConnectMovesAlong) {
  for (const ShardIndex accepted_on : {ShardIndex{0}, ShardIndex{1}}) {
    FakeBroker broker(2);
    FakeClient bob(broker, "bob");
    std::string bytes = wire(connect_frame(broker.name_on(0)));
    std::vector<std::string> expected;
    for (uint64_t id = 1; id <= 16; ++id) {
      expected.push_back("pipelined " + std::to_string(id));
      bytes += wire(message_frame("bob", id, expected.back()));
    }
    bytes += wire(ping_frame(4));
    // All at once, and at each cut of the first frames.
    for (size_t cut = 0; cut < 120; ++cut) {
      FakeClient client(broker, accepted_on);
      client.send_bytes(bytes.substr(0, cut));
      client.send_bytes(bytes.substr(cut));
      const std::vector<v1::Frame> frames = client.read();
      ASSERT_EQ(frames.size(), 2u) << cut;
      EXPECT_TRUE(frames[0].has_connected());
      EXPECT_EQ(frames[1].pong().nonce(), 4u);
      EXPECT_EQ(payloads(bob.read()), expected) << cut;
      client.reset();
    }
  }
}

TEST(Connect, TheFirstFrameByteByByteAndHandedOver) {
  FakeBroker broker(2);
  FakeClient client(broker, ShardIndex{0});
  const std::string name = broker.name_on(1);
  for (const char byte : wire(connect_frame(name)) + wire(message_frame(name, 1, "to myself"))) {
    client.send_bytes(std::string(1, byte));
  }
  const std::vector<v1::Frame> frames = client.read();
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0].connected().name(), name);
  EXPECT_EQ(frames[1].message().payload(), "to myself");
  EXPECT_EQ(client.link().shard, 1);
}

TEST(ConnectName, AnEmptyOneIsMade) {
  FakeBroker broker(2);
  std::set<std::string> made;
  FakeClient sender(broker, "sender");
  for (int i = 0; i < 50; ++i) {
    const auto shard = static_cast<ShardIndex>(i % 2);
    FakeClient client(broker, "", shard);
    const std::string name = client.connected().name();
    EXPECT_TRUE(is_generated_name(name) && is_valid_name(name)) << name;
    EXPECT_TRUE(made.insert(name).second);
    EXPECT_EQ(client.link().shard, shard) << "made for the shard it is on";
    sender.send(name, static_cast<uint64_t>(i) + 1, "reached");
    EXPECT_EQ(client.read_one().message().payload(), "reached");
  }
}

TEST(ConnectName, AMadeNameIsOnlyTakenBackWithItsToken) {
  FakeBroker broker(2);
  FakeClient owner(broker, "");
  const std::string name = owner.connected().name();
  FakeClient thief(broker);
  thief.send(take_over_frame(name));
  expect_ended(broker, thief, v1::CODE_PROTOCOL_ERROR);
  // With a token that is not its own a new name is made.
  v1::Frame resume = take_over_frame(name);
  resume.mutable_connect()->set_resume_token("not the token");
  FakeClient other(broker, resume);
  EXPECT_NE(other.connected().name(), name);
  EXPECT_TRUE(is_generated_name(other.connected().name()));
  EXPECT_FALSE(other.connected().resumed());
  EXPECT_FALSE(owner.closed());
}

TEST(ConnectName, InUseIsRefusedAndTheOwnerIsNotDisturbed) {
  for (const v1::OnConflict on_conflict : {v1::ON_CONFLICT_UNSPECIFIED, v1::ON_CONFLICT_REJECT}) {
    FakeBroker broker(2);
    FakeClient owner(broker, "bob");
    v1::Frame connect = connect_frame("bob");
    connect.mutable_connect()->set_on_conflict(on_conflict);
    FakeClient second(broker, ShardIndex{1});
    second.send_bytes(wire(connect) + wire(message_frame("bob", 1, "never seen")));
    EXPECT_TRUE(expect_ended(broker, second, v1::CODE_NAME_IN_USE).empty());
    EXPECT_FALSE(owner.closed());
    EXPECT_TRUE(owner.read_one().has_ping()) << "it is only asked whether it is there";
    owner.send("bob", 1, "still here");
    EXPECT_EQ(owner.read_one().message().payload(), "still here");
  }
}

TEST(ConnectName, TakeOverEndsTheElder) {
  FakeBroker broker(2);
  FakeClient elder(broker, "bob");
  FakeClient younger(broker, take_over_frame("bob"), 1);
  EXPECT_GT(younger.connected().session(), elder.connected().session());
  expect_ended(broker, elder, v1::CODE_SESSION_TAKEN_OVER);
  ASSERT_EQ(broker.notes_of(elder.number(), {Event::Kind::kTakenOver}).size(), 1u);
  EXPECT_TRUE(broker.notes_of(elder.number(), {Event::Kind::kSessionEnded}).empty());
  FakeClient alice(broker, "alice");
  alice.send("bob", 1, "to the younger");
  EXPECT_EQ(younger.read_one().message().payload(), "to the younger");
  // Nobody to take it from: as any Connect.
  FakeClient first(broker, take_over_frame("carol"));
  EXPECT_EQ(first.connected().name(), "carol");
}

TEST(ConnectName, TheThirdTakeoverWithinASecondIsRefused) {
  FakeBroker broker;
  FakeClient first(broker, "bob");
  FakeClient second(broker, take_over_frame("bob"));
  FakeClient third(broker, take_over_frame("bob"));
  FakeClient fourth(broker);
  fourth.send(take_over_frame("bob"));
  const v1::Goodbye goodbye = fourth.read_one().goodbye();
  EXPECT_EQ(goodbye.code(), v1::CODE_NAME_IN_USE);
  EXPECT_GT(goodbye.retry_after_ms(), 0u);
  EXPECT_LE(goodbye.retry_after_ms(), 1'001u);
  EXPECT_FALSE(third.closed());
  EXPECT_EQ(broker.counters().takeovers, 2u);
  broker.advance(goodbye.retry_after_ms());
  FakeClient fifth(broker, take_over_frame("bob"));
  EXPECT_TRUE(third.closed());
}

TEST(ConnectLimits, ClientsBeyondTheLimitAreToldBusy) {
  Limits limits;
  limits.sessions_max = 2;
  FakeBroker broker(1, limits);
  FakeClient first(broker, "first");
  FakeClient second(broker, "second");
  FakeClient third(broker);
  third.send(connect_frame("third"));
  expect_ended(broker, third, v1::CODE_SERVER_BUSY);
  first.reset();
  FakeClient fourth(broker, "fourth");
}

TEST(Credentials, AreAskedForAndAnsweredLater) {
  FakeBroker broker(2);
  FakeClient watcher(broker, "watcher");
  broker.answer_later = true;
  broker.asked.clear();
  FakeClient client(broker, ShardIndex{1});
  v1::Frame connect = connect_frame(broker.name_on(0));
  connect.mutable_connect()->set_token("secret");
  client.send_bytes(wire(connect) + wire(message_frame("watcher", 1, "pipelined")).substr(0, 5));
  EXPECT_FALSE(client.link().reading);
  client.send_bytes(wire(message_frame("watcher", 1, "pipelined")).substr(5));
  EXPECT_TRUE(client.read().empty());
  EXPECT_TRUE(watcher.read().empty()) << "nothing is decoded before the answer";
  ASSERT_EQ(broker.asked.size(), 1u) << "asked once, at its home";
  EXPECT_EQ(broker.asked[0].name, connect.connect().name());
  EXPECT_EQ(broker.asked[0].token, "secret");
  broker.answer(broker.asked[0], {true, 5, 0, {}, 0});
  EXPECT_TRUE(client.read_one().has_connected());
  EXPECT_TRUE(client.link().reading);
  EXPECT_EQ(payloads(watcher.read()), std::vector<std::string>{"pipelined"});
  broker.answer(broker.asked[0], {false, 0, 0, {}, 0});
  EXPECT_FALSE(client.closed()) << "a second answer is ignored";
}

TEST(Credentials, ARefusalSaysWhy) {
  FakeBroker broker;
  for (const bool later : {false, true}) {
    broker.answer_later = later;
    broker.asked.clear();
    broker.verdict = {false, 0, v1::CODE_NOT_AUTHORIZED, "not this name", 750};
    FakeClient owner(broker);
    FakeClient client(broker);
    client.send(take_over_frame("bob"));
    if (later) broker.answer(broker.asked[0], broker.verdict);
    const v1::Goodbye goodbye = client.read_one().goodbye();
    EXPECT_EQ(goodbye.code(), v1::CODE_NOT_AUTHORIZED);
    EXPECT_EQ(goodbye.text(), "not this name");
    EXPECT_EQ(goodbye.retry_after_ms(), 750u);
    EXPECT_TRUE(client.closed());
  }
  broker.answer_later = false;
  broker.verdict = {false, 0, 0, {}, 0};
  FakeClient client(broker);
  client.send(connect_frame("bob"));
  expect_ended(broker, client, v1::CODE_BAD_CREDENTIALS);
}

TEST(Credentials, AreCheckedBeforeAnythingIsTakenFromAnybody) {
  FakeBroker broker;
  FakeClient owner(broker, "bob");
  broker.verdict.accepted = false;
  FakeClient thief(broker);
  thief.send(take_over_frame("bob"));
  expect_ended(broker, thief, v1::CODE_BAD_CREDENTIALS);
  EXPECT_FALSE(owner.closed());
}

TEST(Credentials, AnAnswerForALinkThatEndedIsIgnored) {
  FakeBroker broker;
  broker.answer_later = true;
  FakeClient client(broker);
  client.send(connect_frame("bob"));
  client.reset();
  broker.answer(broker.asked[0], {true, 0, 0, {}, 0});
  EXPECT_EQ(broker.counters().links, 0u);
  EXPECT_EQ(broker.counters().sessions, 0u);
}

TEST(Credentials, WithoutAnAnswerInTimeTheBrokerIsBusy) {
  FakeBroker broker;
  broker.answer_later = true;
  FakeClient client(broker);
  client.send(connect_frame("bob"));
  broker.advance(kConnectDeadlineMs - 1);
  EXPECT_FALSE(client.closed());
  broker.advance(20);
  expect_ended(broker, client, v1::CODE_SERVER_BUSY);
  broker.answer(broker.asked[0], {true, 0, 0, {}, 0});
  EXPECT_EQ(broker.counters().sessions, 0u);
}

// The host says what it tells whoever would be one more; core knows who that is, whenever the answer comes.
TEST(OneMore, IsRefusedBeforeASessionOpens) {
  for (const bool later : {false, true}) {
    FakeBroker broker;
    FakeClient bob(broker, "bob");
    broker.verdict.one_more = {v1::CODE_RATE_EXCEEDED, "so many", 5'000};
    broker.answer_later = later;
    v1::Frame guess = connect_frame("~abcdefghijklm");  // Nobody's: a name would be made.
    guess.mutable_connect()->set_resume_token("a guess");
    for (const v1::Frame& connect : {connect_frame("carol"), connect_frame(""), guess}) {
      FakeClient refused(broker);
      refused.send(connect);
      if (later) broker.answer(broker.asked.back(), broker.verdict);
      expect_ended(broker, refused, v1::CODE_RATE_EXCEEDED);
    }
    EXPECT_EQ(broker.counters().sessions, 1u);
    EXPECT_EQ(broker.counters().sessions_opened, 1u);
    EXPECT_EQ(broker.counters().connects_refused_full, 0u) << "there is room for others";
  }
}

TEST(OneMore, IsNobodyWhoResumesOrTakesAPlace) {
  FakeBroker broker;
  FakeClient bob(broker, "bob");
  broker.verdict.one_more = {v1::CODE_RATE_EXCEEDED, "so many", 5'000};
  v1::Frame resume = connect_frame("bob");
  resume.mutable_connect()->set_resume_token(bob.connected().resume_token());
  resume.mutable_connect()->set_attempt(1);
  FakeClient again(broker);
  again.send(resume);
  EXPECT_TRUE(again.read_one().connected().resumed());
  FakeClient instead(broker);
  instead.send(take_over_frame("bob"));
  EXPECT_TRUE(instead.read_one().has_connected());
  EXPECT_EQ(broker.counters().sessions, 1u);
}

}  // namespace
}  // namespace onehop::core::test
