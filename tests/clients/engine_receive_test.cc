// What a client engine says about the deliveries that it has handed out.
#include <gtest/gtest.h>

#include <functional>

#include "core/base/limits.h"
#include "engine_rig.h"

namespace onehop::client {
namespace {

struct ManualRig : Rig {
  ManualRig() : Rig({.ack = AckMode::kManual}) { open(lasting_frame(kSession)); }
  void deliver(std::initializer_list<uint64_t> tags) {
    for (const uint64_t tag : tags) give(delivery_frame(tag));
  }
  void take(std::initializer_list<uint64_t> tags) {
    for (const uint64_t tag : tags) engine.acknowledge(tag_of(tag));
  }
};

TEST(EngineReceive, AcknowledgesByItselfOnceForAll) {
  Rig rig;
  rig.open(lasting_frame());
  for (uint64_t tag = 1; tag <= 3; ++tag) rig.give(delivery_frame(tag));
  const auto frames = rig.frames();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(in_words(frames[0]), "ack to 3");
  EXPECT_EQ(frames[0].ack().session(), kSession);
  EXPECT_TRUE(rig.written().empty());
  rig.give(delivery_frame(9));
  EXPECT_EQ(rig.written(), Words{"ack to 9"});
}

TEST(EngineReceive, WhatWantsNoAckGetsNone) {
  Rig rig;
  rig.open(lasting_frame());
  rig.give(delivery_frame(0));
  rig.give(delivery_frame(0));
  EXPECT_EQ(rig.events.log, (Words{"open alice", "message bob x", "message bob x"}));
  EXPECT_TRUE(rig.written().empty());
}

struct HandlerEvents : Recorder {
  void on_message(const Message& message) override { handle(message); }
  std::function<void(const Message&)> handle;
};

TEST(EngineReceive, AcknowledgesAfterTheHandlerAndNotWhatItRefused) {
  HandlerEvents events;
  ClientEngine engine({.name = "alice"}, events, 1);
  engine.start(0);
  engine.on_link_up(0);
  engine.on_bytes(encode_frame(lasting_frame()), 0);
  std::array<std::string_view, 4> pieces;
  ASSERT_EQ(engine.output(pieces, 0), 1U);
  engine.on_written(pieces[0].size(), 0);
  int handled = 0;
  events.handle = [&](const Message& message) {
    EXPECT_EQ(message.tag, tag_of(static_cast<uint64_t>(++handled)));
    if (handled == 2) engine.refuse(message.tag, {.text = "no"});
  };
  for (uint64_t tag = 1; tag <= 3; ++tag) engine.on_bytes(encode_frame(delivery_frame(tag)), 0);
  ASSERT_EQ(engine.output(pieces, 0), 1U);
  v1::Frame frame;
  ASSERT_TRUE(frame.ParseFromArray(pieces[0].data() + 1, pieces[0][0]));
  EXPECT_EQ(in_words(frame), "ack refused 2 to 3");
}

TEST(EngineReceive, HandsOutTagAndWhatIsLeftOfTheTtl) {
  HandlerEvents events;
  ClientEngine engine({.name = "alice"}, events, 1);
  engine.start(0);
  engine.on_link_up(0);
  engine.on_bytes(encode_frame(lasting_frame()), 0);
  v1::Frame frame = delivery_frame(5);
  frame.mutable_message()->set_redelivered(true);
  frame.mutable_message()->set_ttl_left_ms(300);
  events.handle = [&](const Message& message) {
    EXPECT_EQ(message.tag, tag_of(5));
    EXPECT_TRUE(message.redelivered);
    EXPECT_EQ(message.ttl_left_ms, 300U);
    events.log.push_back("seen");
  };
  engine.on_bytes(encode_frame(frame), 0);
  EXPECT_EQ(events.log, (Words{"open alice", "seen"}));
}

TEST(EngineReceive, NothingIsHandedOutTwice) {
  Rig rig;
  rig.open(lasting_frame());
  rig.give(delivery_frame(4, "once"));
  rig.give(delivery_frame(4, "twice"));
  rig.give(delivery_frame(2, "older"));
  EXPECT_EQ(rig.events.log, (Words{"open alice", "message bob once"}));
}

TEST(EngineReceive, SaysNothingWithoutAVerdict) {
  ManualRig rig;
  rig.deliver({2, 5, 9});
  EXPECT_TRUE(rig.written().empty());
}

TEST(EngineReceive, AcknowledgesInAnyOrder) {
  ManualRig rig;
  rig.deliver({2, 5, 9, 10, 11, 20});
  rig.take({10, 5, 11});
  EXPECT_EQ(rig.written(), (Words{"ack taken 5-5 taken 10-11"}));
  rig.take({2});
  EXPECT_EQ(rig.written(), (Words{"ack to 8"}));
  rig.take({20});
  EXPECT_EQ(rig.written(), (Words{"ack taken 20-20 to 8"}));
  rig.take({9});
  EXPECT_EQ(rig.written(), (Words{"ack to 20"}));
  EXPECT_TRUE(rig.written().empty());
}

TEST(EngineReceive, RangesRunOverGapsAndNotOverWhatIsOpen) {
  ManualRig rig;
  rig.deliver({1, 3, 6, 7, 12});
  rig.take({12, 3, 6});
  EXPECT_EQ(rig.written(), (Words{"ack taken 3-6 taken 12-12"}));
}

TEST(EngineReceive, AcknowledgesUpTo) {
  ManualRig rig;
  rig.deliver({1, 2, 3, 4, 5});
  rig.engine.refuse(tag_of(2), {});
  rig.engine.acknowledge_up_to(tag_of(3));
  EXPECT_EQ(rig.written(), (Words{"ack refused 2 to 3", "ping"}));
  rig.engine.acknowledge_up_to(tag_of(2));
  EXPECT_TRUE(rig.written().empty());
  // Above everything that has come: it speaks of what has come.
  rig.engine.acknowledge_up_to(tag_of(99));
  EXPECT_EQ(rig.written(), (Words{"ack to 5"}));
}

TEST(EngineReceive, TheFirstVerdictWins) {
  ManualRig rig;
  rig.deliver({1, 2, 3});
  rig.take({2});
  rig.engine.refuse(tag_of(2), {});
  rig.engine.refuse(tag_of(3), {});
  rig.take({3});
  EXPECT_EQ(rig.written(), (Words{"ack refused 3 taken 2-2", "ping"}));
  rig.engine.acknowledge_up_to(tag_of(3));
  rig.engine.refuse(tag_of(1), {});
  EXPECT_EQ(rig.written(), (Words{"ack to 3"}));
}

TEST(EngineReceive, IgnoresTagsThatMeanNothing) {
  ManualRig rig;
  rig.deliver({1, 4});
  for (const DeliveryTag tag : {DeliveryTag{kSession - 1, 1}, tag_of(0), tag_of(2), tag_of(5), DeliveryTag{0, 1}}) {
    rig.engine.acknowledge(tag);
    rig.engine.refuse(tag, {});
  }
  rig.engine.acknowledge_up_to({kSession + 1, 4});
  EXPECT_TRUE(rig.written().empty());
}

TEST(EngineReceive, RefusesInTheProgramsWords) {
  ManualRig rig;
  rig.deliver({1, 2, 3});
  const std::string long_text = "é" + std::string(254, '.') + "é";
  rig.engine.refuse(tag_of(1), {.text = "not today", .code = 42, .retry_after_ms = 100});
  rig.engine.refuse(tag_of(2), {.text = long_text});
  rig.engine.refuse(tag_of(3), {.text = "\xFF"});
  const auto frames = rig.frames();
  ASSERT_EQ(frames.size(), 2U);
  const v1::Ack& ack = frames[0].ack();
  ASSERT_EQ(ack.refused_size(), 3);
  EXPECT_EQ(ack.refused(0).delivery_tag(), 1U);
  EXPECT_EQ(ack.refused(0).text(), "not today");
  EXPECT_EQ(ack.refused(0).code(), 42U);
  EXPECT_EQ(ack.refused(0).retry_after_ms(), 100U);
  EXPECT_EQ(ack.refused(1).text(), "é" + std::string(254, '.'));
  EXPECT_EQ(ack.refused(2).text(), "");
  EXPECT_TRUE(frames[1].has_ping());
}

TEST(EngineReceive, AsksOnlyWhileARefusalIsNotKnownToHaveArrived) {
  ManualRig rig;
  rig.deliver({1, 2, 3});
  rig.engine.refuse(tag_of(1), {});
  EXPECT_EQ(rig.written(), (Words{"ack refused 1 to 1", "ping"}));
  rig.engine.refuse(tag_of(2), {});
  EXPECT_EQ(rig.written(), (Words{"ack refused 2 to 2"}));
  rig.pong();
  EXPECT_EQ(rig.written(), (Words{"ping"}));
  rig.pong();
  EXPECT_TRUE(rig.written().empty());
}

// All frames of an ack that does not fit into one.
struct Split {
  explicit Split(Rig& rig) {
    for (const v1::Frame& frame : rig.frames()) {
      if (!frame.has_ack()) continue;
      EXPECT_LE(frame.ByteSizeLong(), core::kControlFrameBytesMax);
      for (const v1::Refusal& refusal : frame.ack().refused()) refused.push_back(refusal.delivery_tag());
      taken += static_cast<size_t>(frame.ack().taken_size());
      if (up_to != 0 || !frame.ack().taken().empty()) refused_behind_taken |= !frame.ack().refused().empty();
      up_to = std::max(up_to, frame.ack().up_to());
      ++frames;
    }
  }
  int frames = 0;
  std::vector<uint64_t> refused;
  size_t taken = 0;
  uint64_t up_to = 0;
  bool refused_behind_taken = false;
};

TEST(EngineReceive, SplitsRefusalsAndTellsThemBeforeWhatRunsOverThem) {
  ManualRig rig;
  std::vector<uint64_t> expected;
  for (uint64_t tag = 1; tag <= 300; ++tag) rig.give(delivery_frame(tag));
  for (uint64_t tag = 2; tag <= 300; ++tag) {
    if (tag % 3 == 0) continue;
    rig.engine.refuse(tag_of(tag), {.text = std::string(256, 'x')});
    expected.push_back(tag);
  }
  rig.engine.acknowledge_up_to(tag_of(300));
  const Split split(rig);
  EXPECT_GT(split.frames, 3);
  EXPECT_EQ(split.refused, expected);
  EXPECT_EQ(split.up_to, 300U);
  // The last refusals may share a frame with what is above them, which is applied after them.
  EXPECT_FALSE(split.refused_behind_taken);
}

TEST(EngineReceive, SplitsRanges) {
  ManualRig rig;
  constexpr uint64_t kDeliveries = 4'000;
  for (uint64_t tag = 1; tag <= kDeliveries; ++tag) rig.give(delivery_frame(tag));
  for (uint64_t tag = kDeliveries; tag > 1; tag -= 2) rig.take({tag});
  const Split split(rig);
  EXPECT_GT(split.frames, 1);
  EXPECT_EQ(split.taken, kDeliveries / 2);
  EXPECT_EQ(split.up_to, 0U);
  for (uint64_t tag = 1; tag <= kDeliveries; tag += 2) rig.take({tag});
  EXPECT_EQ(rig.written(), (Words{"ack to 4000"}));
}

TEST(EngineReceive, OneThatIsNeverSettledDoesNotHoldTheOthersBack) {
  ManualRig rig;
  rig.deliver({1});
  for (uint64_t tag = 2; tag <= 10'000; ++tag) {
    rig.deliver({tag});
    rig.take({tag});
    ASSERT_EQ(rig.written(), (Words{"ack taken " + std::to_string(tag) + "-" + std::to_string(tag)}));
  }
  rig.take({1});
  EXPECT_EQ(rig.written(), (Words{"ack to 10000"}));
}

TEST(EngineReceive, AcknowledgesBeforeItsGoodbye) {
  Rig rig;
  rig.open(lasting_frame());
  rig.give(delivery_frame(1));
  rig.engine.close();
  EXPECT_EQ(rig.written(), (Words{"ack to 1", "goodbye"}));
  // What can no longer be acknowledged is not handed out either.
  rig.give(delivery_frame(2, "too late"));
  rig.give(delivery_frame(0, "wants no ack"));
  EXPECT_EQ(rig.events.log, (Words{"open alice", "message bob x", "message bob wants no ack"}));
  EXPECT_TRUE(rig.written().empty());
}

TEST(EngineReceive, ReceiptsAreAcknowledgedInTheSameFrame) {
  Rig rig;
  rig.open(lasting_frame());
  rig.send("bob", "hello", Confirm::kDelivered);
  EXPECT_EQ(rig.written(), (Words{"bob:1=hello"}));
  rig.give(delivery_frame(1));
  rig.give(receipts_frame(1, 1, 1, v1::OUTCOME_DELIVERED));
  EXPECT_EQ(rig.written(), (Words{"ack to 1 receipts 1"}));
  EXPECT_EQ(rig.events.outcomes, (Words{"1 DELIVERED"}));
}

}  // namespace
}  // namespace onehop::client
