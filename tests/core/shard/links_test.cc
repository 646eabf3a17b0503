// Links by themselves: which are read, and how much at a time.
#include <gtest/gtest.h>

#include "confirmed.h"
#include "core/base/limits.h"
#include "parts_rig.h"

namespace onehop::core::test {
namespace {

using Log = std::vector<std::string>;

TEST(Links, OneThatIsNotReadIsReadAgainOnce) {
  PartsRig rig;
  Link& link = rig.link(rig.open_link());
  rig.parts.links.stop_reading(link);
  rig.parts.links.stop_reading(link);
  EXPECT_FALSE(link.reading);
  EXPECT_EQ(rig.parts.counters.reading_stopped, 1U);
  rig.parts.links.resume_reading(link);
  rig.parts.links.resume_reading(link);
  EXPECT_EQ(rig.host.log, (Log{"do not read", "read"}));
}

TEST(Links, WhileOneIsNotReadTheClockOfItsLifeStands) {
  PartsRig rig;
  Link& link = rig.link(rig.open_link());
  rig.parts.links.stop_reading(link);
  link.last_heard = {};
  link.pinged = true;
  rig.parts.links.resume_reading(link);
  EXPECT_EQ(link.last_heard, rig.now);
  EXPECT_FALSE(link.pinged);
}

TEST(Links, OneThatIsReadAgainHasTheWholeTimeToAcknowledge) {
  Limits limits;
  limits.ack_timeout_ms = 20'000;
  limits.keepalive_ms_default = 600'000;
  LastingPair pair(1, limits, 2);
  pair.broker.held_credits = {{0, 1}, {1, 0}};
  pair.send(1, 2);
  std::string to_alice;
  for (uint64_t id = 1; id <= 1'200; ++id) {
    to_alice += wire(message_frame(pair.alices_name, id, std::string(1'000, 'x')));
  }
  pair.bob.send_bytes(to_alice);
  ASSERT_FALSE(pair.bob.link().reading);
  pair.broker.advance(35'000);
  pair.alice.read();
  pair.broker.held_credits = {};
  pair.broker.settle();
  ASSERT_TRUE(pair.bob.link().reading);
  pair.broker.advance(19'900);
  EXPECT_FALSE(pair.bob.closed());
  pair.broker.advance(200);
  pair.bob.read();
  EXPECT_TRUE(pair.bob.closed());
}

TEST(Links, OneThatMayGoOnDecodesWhatItHadSent) {
  PartsRig rig;
  const LinkId id = rig.open_link();
  rig.receive(id, wire(connect_frame("bob")));
  Link& link = rig.link(id);
  ASSERT_EQ(link.state, LinkState::kOpen);
  link.waits_to_send = true;
  rig.receive(id, wire(goodbye_frame(v1::CODE_NORMAL)));
  EXPECT_EQ(link.state, LinkState::kOpen) << "nothing is decoded while it waits";
  rig.parts.links.may_go_on(id);
  rig.parts.links.resume_decoding();
  EXPECT_EQ(link.state, LinkState::kOpen) << "it still waits";
  link.waits_to_send = false;
  rig.parts.links.may_go_on(id);
  EXPECT_TRUE(rig.parts.links.has_resumable());
  rig.parts.links.resume_decoding();
  EXPECT_FALSE(rig.parts.links.has_resumable());
  EXPECT_EQ(link.state, LinkState::kClosing);
}

// Frames without end that are cheap to send and dear to handle: their sender is read in small portions.
TEST(Links, OneThatFloodsWithControlFramesIsReadInSmallPortionsUntilItStops) {
  PartsRig rig;
  const LinkId id = rig.open_link();
  rig.receive(id, wire(connect_frame("bob")));
  const size_t whole = rig.parts.links.receive_space(id).size();
  std::string flood;
  for (uint32_t i = 0; i < kManyControlFrames; ++i) flood += wire(ping_frame(i));
  rig.receive(id, flood);
  EXPECT_EQ(rig.parts.links.receive_space(id).size(), whole) << "as many as a normal client may send";
  rig.receive(id, flood + wire(ping_frame(1)));
  EXPECT_EQ(rig.parts.links.receive_space(id).size(), kChattyReceiveBytes);
  EXPECT_EQ(rig.parts.links.receive_space({}).size(), whole) << "others are read as before";
  std::string portion;
  for (uint32_t i = 0; i <= kManyControlFrames / 16; ++i) portion += wire(ping_frame(i));
  rig.receive(id, portion);
  EXPECT_EQ(rig.parts.links.receive_space(id).size(), kChattyReceiveBytes) << "it goes on";
  rig.receive(id, wire(ping_frame(1)));
  EXPECT_EQ(rig.parts.links.receive_space(id).size(), whole);
}

}  // namespace
}  // namespace onehop::core::test
