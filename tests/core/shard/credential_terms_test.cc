// Credentials that end: the connection ends with them and the session waits, unless they are renewed in time.
#include "core/shard/credential_terms.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "confirmed.h"
#include "pair.h"

namespace onehop::core::test {
namespace {

constexpr uint32_t kHoldMs = 10'000;
constexpr uint32_t kPrincipal = 7;
const Answer kCannotSay{false, 0, v1::CODE_SERVER_BUSY, {}, 0};

v1::Frame lasting_renewing_frame(const std::string& name) {
  v1::Frame frame = lasting_frame(name);
  frame.mutable_connect()->set_features(2);
  return frame;
}

// Alice's credentials hold for ten seconds; bob's do not end.
struct TermsWorld {
  explicit TermsWorld(bool asks_permission = false)
      : broker(1, {}, asks_permission), bob((broker.verdict.principal = kPrincipal, broker), "bob"), alice(broker) {
    hold_for(kHoldMs);
    alice.connect(lasting_renewing_frame("alice"));
  }

  Answer holding(uint64_t ms) const {
    Answer answer{true, kPrincipal, 0, {}, 0};
    answer.credentials_end = broker.now + ms;
    return answer;
  }
  void hold_for(uint64_t ms) { broker.verdict = broker.may_renew = holding(ms); }
  // Sends a renewal and returns its answer.
  v1::Renewed renew(const std::string& token = "fresh") {
    alice.send(renew_frame(token));
    return alice.read_one().renewed();
  }
  void answer(const Answer& answer) { broker.answer(broker.asked_to_renew.back(), answer); }
  bool is_connected() { return !alice.closed(); }
  void expect_expired() {
    const std::vector<Noted> notes = broker.notes_of(alice.number(), {Event::Kind::kSessionDetached});
    ASSERT_EQ(notes.size(), 1u);
    expect_ended(broker, alice, v1::CODE_NOT_AUTHORIZED);
    EXPECT_EQ(notes[0].text, "credentials expired");
    EXPECT_EQ(broker.counters().credentials_expired, 1u);
  }

  FakeBroker broker;
  FakeClient bob;
  FakeClient alice;
};

TEST(CredentialTerms, ConnectedSaysForHowLongTheyHold) {
  TermsWorld world;
  EXPECT_EQ(world.alice.connected().credentials_expire_in_ms(), kHoldMs);
  EXPECT_EQ(world.alice.connected().features(), kFeatureRenewal);
  EXPECT_EQ(world.bob.connected().credentials_expire_in_ms(), 0u);
  EXPECT_EQ(world.bob.connected().features(), 0u);
}

TEST(CredentialTerms, TheConnectionEndsWithThemAndTheSessionStays) {
  TermsWorld world;
  world.broker.advance(kHoldMs - kTick);
  EXPECT_TRUE(world.is_connected());
  world.broker.advance(2 * kTick);
  world.expect_expired();
  world.hold_for(kHoldMs);
  FakeClient again(world.broker);
  again.connect(resume_frame(world.alice.connected(), 1));
  EXPECT_TRUE(again.connected().resumed());
  EXPECT_EQ(again.connected().credentials_expire_in_ms(), kHoldMs);
  EXPECT_FALSE(world.bob.closed());
}

TEST(CredentialTerms, AClientWithoutTheFeatureIsEndedToo) {
  TermsWorld world;
  FakeClient carol(world.broker, connect_frame("carol"));
  world.broker.advance(kHoldMs + kTick);
  expect_ended(world.broker, carol, v1::CODE_NOT_AUTHORIZED);
}

TEST(CredentialTerms, WhatWasAdmittedKeepsItsOutcome) {
  TermsWorld world;
  world.bob.send(confirmed_frame("alice", 1, "one"));
  world.alice.send(confirmed_frame("bob", 1, "two"));
  ASSERT_EQ(payloads(world.alice.read()), std::vector<std::string>{"one"});
  world.broker.advance(kHoldMs + kTick);
  world.bob.send(ack_up_to(1));
  world.bob.send(confirmed_frame("alice", 2, "for the session that waits"));
  EXPECT_TRUE(outcomes(world.bob.read()).empty());
  world.hold_for(kHoldMs);
  FakeClient again(world.broker);
  const std::vector<v1::Frame> frames = again.connect(resume_frame(world.alice.connected(), 1));
  EXPECT_EQ(outcomes(frames), same_for(1, 1, v1::OUTCOME_DELIVERED));
  EXPECT_EQ(payloads(frames), (std::vector<std::string>{"one", "for the session that waits"}));
  again.send(ack_up_to(2));
  EXPECT_EQ(outcomes(world.bob.read()), same_for(1, 2, v1::OUTCOME_DELIVERED));
}

TEST(CredentialTerms, OtherPrincipalsDoNotResumeTheSession) {
  TermsWorld world;
  world.broker.advance(kHoldMs + kTick);
  world.hold_for(kHoldMs);
  world.broker.verdict.principal = kPrincipal + 1;
  FakeClient mallory(world.broker);
  mallory.send(resume_frame(world.alice.connected(), 1));
  EXPECT_EQ(mallory.read_one().goodbye().code(), v1::CODE_NAME_IN_USE);
}

TEST(CredentialTerms, ThoseThatHaveEndedLetNobodyIn) {
  TermsWorld world;
  world.hold_for(0);
  FakeClient carol(world.broker);
  carol.send(connect_frame("carol"));
  expect_ended(world.broker, carol, v1::CODE_NOT_AUTHORIZED);
}

TEST(CredentialTerms, ARenewalPutsTheEndOff) {
  TermsWorld world;
  world.broker.advance(kHoldMs / 2);
  world.hold_for(kHoldMs);
  const v1::Renewed renewed = world.renew("the token");
  EXPECT_EQ(renewed.reason(), v1::REASON_UNSPECIFIED);
  EXPECT_EQ(renewed.expires_in_ms(), kHoldMs);
  ASSERT_EQ(world.broker.asked_to_renew.size(), 1u);
  EXPECT_EQ(world.broker.asked_to_renew[0].token, "the token");
  EXPECT_EQ(world.broker.asked_to_renew[0].name, "alice");
  EXPECT_EQ(world.broker.asked_to_renew[0].session, world.alice.connected().session());
  world.broker.advance(kHoldMs - kTick);
  EXPECT_TRUE(world.is_connected());
  world.broker.advance(2 * kTick);
  world.expect_expired();
  EXPECT_EQ(world.broker.counters().renewals_accepted, 1u);
}

TEST(CredentialTerms, ARenewalMayBringTheEndForwardOrTakeItAway) {
  TermsWorld world;
  world.broker.may_renew = world.holding(1'000);
  EXPECT_EQ(world.renew().expires_in_ms(), 1'000u);
  world.broker.may_renew.credentials_end = Instant::never();
  EXPECT_EQ(world.renew().expires_in_ms(), 0u);
  world.broker.advance(kHoldMs);
  EXPECT_TRUE(world.is_connected());
  world.broker.may_renew = world.holding(1'000);
  EXPECT_EQ(world.renew().expires_in_ms(), 1'000u);
  world.broker.advance(1'000 + kTick);
  world.expect_expired();
}

// Refused, each in its own way.
struct Refusing {
  const char* why;
  Answer answer;
  v1::Reason reason;
};

TEST(CredentialTerms, ARefusedRenewalChangesNothing) {
  Answer ended{true, kPrincipal, 0, {}, 0};
  ended.credentials_end = Instant{1};
  const Refusing all[] = {
      {"bad credentials", {false, 0, 0, {}, 0}, v1::REASON_NOT_AUTHORIZED},
      {"bad, with a code", {false, 0, v1::CODE_BAD_CREDENTIALS, {}, 0}, v1::REASON_NOT_AUTHORIZED},
      {"another principal", {true, kPrincipal + 1, 0, {}, 0}, v1::REASON_NOT_AUTHORIZED},
      {"nobody in particular", {true, 0, 0, {}, 0}, v1::REASON_NOT_AUTHORIZED},
      {"ended already", ended, v1::REASON_NOT_AUTHORIZED},
      {"cannot say", kCannotSay, v1::REASON_BROKER_BUSY},
      {"too often", {false, 0, v1::CODE_RATE_EXCEEDED, {}, 0}, v1::REASON_RATE_LIMITED},
  };
  for (const Refusing& refusing : all) {
    SCOPED_TRACE(refusing.why);
    TermsWorld world;
    world.broker.may_renew = refusing.answer;
    const v1::Renewed renewed = world.renew();
    EXPECT_EQ(renewed.reason(), refusing.reason);
    EXPECT_EQ(renewed.expires_in_ms(), 0u);
    const bool undecided = refusing.reason == v1::REASON_BROKER_BUSY;
    EXPECT_EQ(world.broker.counters().renewals_undecided, undecided ? 1u : 0u);
    EXPECT_EQ(world.broker.counters().renewals_refused, undecided ? 0u : 1u);
    world.broker.advance(kHoldMs - kTick);
    EXPECT_TRUE(world.is_connected());
    world.broker.advance(2 * kTick);
    world.expect_expired();
  }
}

TEST(CredentialTerms, TheLinkWorksWhileTheHostThinks) {
  TermsWorld world;
  world.broker.answer_to_renew_later = true;
  world.alice.send(renew_frame("fresh"));
  world.alice.send("bob", 1, "meanwhile");
  EXPECT_EQ(payloads(world.bob.read()), std::vector<std::string>{"meanwhile"});
  EXPECT_TRUE(world.alice.read().empty());
  world.broker.advance(1'000);
  EXPECT_TRUE(world.broker.notes_of(world.alice.number(), {Event::Kind::kSessionRenewed}).empty());
  world.answer(world.holding(kHoldMs));
  EXPECT_EQ(world.broker.notes_of(world.alice.number(), {Event::Kind::kSessionRenewed}).size(), 1u);
  EXPECT_EQ(world.alice.read_one().renewed().expires_in_ms(), kHoldMs);
  world.broker.advance(kHoldMs - kTick);
  EXPECT_TRUE(world.is_connected());
}

TEST(CredentialTerms, AnAnswerThatDoesNotComeIsARefusal) {
  TermsWorld world;
  world.broker.answer_to_renew_later = true;
  world.alice.send(renew_frame("fresh"));
  world.broker.advance(kVerdictDeadlineMs + kTick);
  EXPECT_EQ(world.alice.read_one().renewed().reason(), v1::REASON_BROKER_BUSY);
  world.answer(world.holding(kHoldMs));  // It comes too late to count.
  EXPECT_TRUE(world.alice.read().empty());
  EXPECT_TRUE(world.broker.notes_of(world.alice.number(), {Event::Kind::kSessionRenewed}).empty());
  world.broker.advance(kHoldMs - kVerdictDeadlineMs);
  world.expect_expired();
}

TEST(CredentialTerms, CredentialsEndWhileTheirRenewalIsWithTheHost) {
  TermsWorld world;
  world.broker.advance(kHoldMs - 1'000);
  world.broker.answer_to_renew_later = true;
  world.alice.send(renew_frame("late"));
  world.broker.advance(1'000 + kTick);
  world.expect_expired();
  world.answer(world.holding(kHoldMs));
  EXPECT_TRUE(world.alice.read().empty());
}

TEST(CredentialTerms, AnAnswerForAConnectionThatHasGoneHarmsNobody) {
  TermsWorld world;
  world.broker.answer_to_renew_later = true;
  world.alice.send(renew_frame("fresh"));
  world.alice.reset();
  world.hold_for(kHoldMs);
  FakeClient again(world.broker);
  again.connect(resume_frame(world.alice.connected(), 1));
  world.answer(world.holding(10 * kHoldMs));
  EXPECT_TRUE(again.read().empty());
  world.broker.advance(kHoldMs + kTick);
  expect_ended(world.broker, again, v1::CODE_NOT_AUTHORIZED);
}

TEST(CredentialTerms, ARenewalBeforeTheAnswerToTheOneBeforeIsAnError) {
  TermsWorld world;
  world.broker.answer_to_renew_later = true;
  world.alice.send(renew_frame("one"));
  world.alice.send(renew_frame("two"));
  expect_ended(world.broker, world.alice, v1::CODE_PROTOCOL_ERROR);
  TermsWorld not_reading;
  not_reading.alice.stop_reading();
  for (int i = 0; i < 3; ++i) not_reading.alice.send(renew_frame("again"));
  EXPECT_LE(not_reading.broker.asked_to_renew.size(), 2u) << "answers that nobody reads do not pile up";
  not_reading.alice.take();
  expect_ended(not_reading.broker, not_reading.alice, v1::CODE_PROTOCOL_ERROR);
}

TEST(CredentialTerms, ARenewalOfAClientWithoutTheFeatureIsAnError) {
  TermsWorld world;
  world.bob.send(renew_frame("fresh"));
  expect_ended(world.broker, world.bob, v1::CODE_PROTOCOL_ERROR);
  EXPECT_TRUE(world.broker.asked_to_renew.empty());
}

TEST(CredentialTerms, AClientMayNotSendRenewed) {
  TermsWorld world;
  v1::Frame frame;
  frame.mutable_renewed();
  world.alice.send(frame);
  expect_ended(world.broker, world.alice, v1::CODE_PROTOCOL_ERROR);
}

TEST(CredentialTerms, RenewedCredentialsMayAllowLess) {
  TermsWorld world(true);
  world.alice.send("bob", 1, "one");
  EXPECT_EQ(payloads(world.bob.read()), std::vector<std::string>{"one"});
  world.broker.may_send.accepted = false;
  world.renew();
  world.alice.send("bob", 2, "two");
  EXPECT_EQ(refused_ids(world.alice.read(), v1::REASON_NOT_AUTHORIZED), std::vector<uint64_t>{2});
  world.broker.may_send.accepted = true;
  world.alice.reset();
  FakeClient again(world.broker);
  again.connect(resume_frame(world.alice.connected(), 1));
  again.send("bob", 3, "three");
  EXPECT_EQ(payloads(world.bob.read()), std::vector<std::string>{"three"});
}

}  // namespace
}  // namespace onehop::core::test
