// How links end: what still goes out, what is forgotten, and what becomes of the session.
#include <gtest/gtest.h>

#include <algorithm>

#include "parts_rig.h"

namespace onehop::core::test {
namespace {

using Log = std::vector<std::string>;

class Ends : public testing::Test {
 protected:
  Ends() : id(rig.open_link()) {
    rig.receive(id, wire(connect_frame("bob")));
    rig.parts.writer.flush_dirty();
    rig.host.written.clear();
    rig.host.notes.clear();
  }
  Link& link() { return rig.link(id); }

  PartsRig rig;
  LinkId id;
};

TEST_F(Ends, TheGoodbyeGoesOutThenTheLinkClosesAndIsForgotten) {
  rig.parts.endings.end_link(id, link(), {v1::CODE_SLOW_CONSUMER, "too slow", 7});
  EXPECT_EQ(link().state, LinkState::kClosing);
  EXPECT_EQ(rig.parts.sessions.size(), 0U) << "no expiry was asked for";
  rig.parts.writer.flush_dirty();
  EXPECT_NE(rig.host.written.find("too slow"), std::string::npos);
  EXPECT_EQ(rig.host.log, Log{"close"});
  EXPECT_EQ(rig.parts.links.find(id), nullptr);
  EXPECT_EQ(rig.parts.counters.links, 0U);
  EXPECT_EQ(rig.parts.counters.queued_bytes, 0U);
}

TEST_F(Ends, WhatWasQueuedAndNotBegunIsDroppedUnlessTheEndIsInOrder) {
  for (const bool in_order : {false, true}) {
    PartsRig each;
    const LinkId bob = each.open_link();
    each.receive(bob, wire(connect_frame("bob")));
    Link& bobs = each.link(bob);
    if (in_order) {
      each.parts.endings.end_link_in_order(bob, bobs, {v1::CODE_NORMAL, {}, 0}, SessionThen::kEnd);
    } else {
      each.parts.endings.end_link(bob, bobs, {v1::CODE_NORMAL, {}, 0});
    }
    each.parts.writer.flush_dirty();
    const bool answered = each.host.written.find("bob") != std::string::npos;
    EXPECT_EQ(answered, in_order) << "the Connected that was queued";
  }
}

TEST_F(Ends, ALinkThatIsClosingEndsOnce) {
  rig.parts.endings.end_link(id, link(), {v1::CODE_NORMAL, "first", 0});
  rig.parts.endings.end_link(id, link(), {v1::CODE_NORMAL, "second", 0});
  rig.parts.writer.flush_dirty();
  EXPECT_EQ(rig.host.written.find("second"), std::string::npos);
  EXPECT_EQ(std::count(rig.host.notes.begin(), rig.host.notes.end(), Event::Kind::kConnectionEnded), 1);
}

TEST_F(Ends, WithoutASessionItIsARefusal) {
  const LinkId other = rig.open_link();
  rig.parts.endings.end_link(other, rig.link(other), {v1::CODE_CONNECT_TIMEOUT, "late", 0});
  EXPECT_EQ(rig.host.notes, std::vector<Event::Kind>{Event::Kind::kConnectRefused});
  EXPECT_EQ(rig.parts.counters.connects_refused, 1U);
  EXPECT_EQ(rig.parts.sessions.size(), 1U) << "bob's";
}

TEST_F(Ends, ALinkThatWaitedIsReadAgainToDiscardWhatComes) {
  rig.parts.links.stop_reading(link());
  link().waits_for_control = true;
  rig.parts.endings.end_link(id, link(), {v1::CODE_NORMAL, {}, 0});
  EXPECT_EQ(rig.host.log, (Log{"do not read", "read"}));
  EXPECT_FALSE(link().waits());
}

}  // namespace
}  // namespace onehop::core::test
