// When a local client may leave.
#include "local/departure.h"

#include <gtest/gtest.h>

namespace onehop::local {
namespace {

using Step = Departure::Step;
constexpr core::Instant kNow{1'000};

TEST(Departure, OfTheProgramsWillWaitsForNothingThatComes) {
  Departure departure;
  client::Receiver receiver;
  receiver.begin(1);
  receiver.receive(1, kNow + 100);
  EXPECT_FALSE(departure.begun());
  departure.begin(kNow + 10);
  EXPECT_TRUE(departure.begun());
  EXPECT_FALSE(departure.is_late(kNow));
  EXPECT_TRUE(departure.is_late(kNow + 10));
  EXPECT_EQ(Step::kLeave, departure.next(receiver, kNow));
}

TEST(Departure, FromABrokerThatGoesWaitsForWhatIsHeldAndOnItsWay) {
  Departure departure;
  client::Receiver receiver;
  receiver.begin(1);
  receiver.receive(1, kNow + 100);
  departure.hear({.code = client::Code::kServerShuttingDown}, true);
  EXPECT_TRUE(departure.begun());
  EXPECT_EQ(Step::kStay, departure.next(receiver, kNow));
  EXPECT_EQ(kNow + 100, departure.due()) << "then what it holds matters no more";
  receiver.take({1, 1});
  EXPECT_EQ(Step::kPing, departure.next(receiver, kNow));
  EXPECT_EQ(Step::kStay, departure.next(receiver, kNow));
  receiver.receive(2, kNow + 100);
  departure.hear_pong(departure.ping() + 1, receiver);
  EXPECT_EQ(Step::kStay, departure.next(receiver, kNow)) << "that answers nothing";
  departure.hear_pong(departure.ping(), receiver);
  receiver.take({1, 2});
  EXPECT_EQ(Step::kPing, departure.next(receiver, kNow)) << "one came in between";
  departure.hear_pong(departure.ping(), receiver);
  EXPECT_EQ(Step::kLeave, departure.next(receiver, kNow));
}

TEST(Departure, AGoodbyeThatIsNotAnnouncedIsOnlyKept) {
  Departure departure;
  departure.hear({.code = client::Code::kAdministrative}, false);
  EXPECT_FALSE(departure.begun());
  EXPECT_EQ(client::Code::kAdministrative, departure.goodbye()->code);
}

}  // namespace
}  // namespace onehop::local
