// Tests of the accounts: each rule by itself, and random models against an oracle that judges message by message.
#include "loadgen/measure/ledger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "loadgen/measure/random.h"

namespace onehop::loadgen {
namespace {

using client::Outcome;
constexpr Stream kStream = stream_of(1, 2);

Account reconcile(const Ledger& ledger, Outcome promised = Outcome::kDelivered) {
  return Ledger::reconcile({&ledger}, promised);
}

uint64_t sum(const Account& a) {
  return a.delivered + a.rejected + a.expired + a.lost + a.unknown + a.not_sent + a.not_arrived + a.unexplained;
}

TEST(Ledger, SaysHowAMessageArrives) {
  Ledger ledger;
  EXPECT_EQ(ledger.received(kStream, 0), Ledger::Arrival::kNext);
  EXPECT_EQ(ledger.received(kStream, 3), Ledger::Arrival::kEarly);
  EXPECT_EQ(ledger.received(kStream, 1), Ledger::Arrival::kLate);
  EXPECT_EQ(ledger.received(kStream, 1), Ledger::Arrival::kDuplicate);
  EXPECT_EQ(ledger.received(kStream, 4), Ledger::Arrival::kNext);
  EXPECT_EQ(ledger.delivered(), 4u);
}

TEST(Ledger, ALossAndAContradictionDoNotCancelOut) {
  Ledger ledger;
  for (int i = 0; i < 3; ++i) ledger.next_number(kStream);
  EXPECT_TRUE(ledger.told(kStream, 0, Outcome::kRejected));
  EXPECT_FALSE(ledger.told(kStream, 0, Outcome::kDelivered));
  EXPECT_TRUE(ledger.told(kStream, 2, Outcome::kDelivered));
  ledger.received(kStream, 0);
  ledger.received(kStream, 2);
  const Account account = reconcile(ledger);
  EXPECT_EQ(account.delivered, 2u);
  EXPECT_EQ(account.rejected, 0u);
  EXPECT_EQ(account.unexplained, 1u);
  EXPECT_EQ(account.contradicted, 1u);
  EXPECT_EQ(account.untold, 0u);
  EXPECT_EQ(ledger.told_otherwise(), 1u);
}

TEST(Ledger, WhatNobodySentIsMisdirected) {
  Ledger ledger;
  ledger.next_number(kStream);
  ledger.received(kStream, 0);
  ledger.received(kStream, 1);
  ledger.received(stream_of(7, 8), 5);
  EXPECT_EQ(reconcile(ledger).delivered, 1u);
  EXPECT_EQ(reconcile(ledger).misdirected, 2u);
}

// The account of one message that never arrives.
Account account_of_missing(Outcome told, std::vector<uint32_t> broken) {
  Ledger ledger;
  ledger.told(kStream, ledger.next_number(kStream), told);
  for (const uint32_t client : broken) ledger.broke(client);
  return reconcile(ledger);
}

TEST(Ledger, ABreakExplainsWhatIsMissing) {
  for (const Outcome told : {Outcome::kAdmitted, Outcome::kDelivered}) {
    const Account account = account_of_missing(told, {});
    // No message came after it, so it may still be on its way, unless its delivery was told.
    EXPECT_EQ(account.unexplained, told == Outcome::kDelivered ? 1u : 0u);
    EXPECT_EQ(account.not_arrived, told == Outcome::kDelivered ? 0u : 1u);
    EXPECT_EQ(account.contradicted,
              told == Outcome::kDelivered ? 1u : 0u);  // An admitted message is not promised to be delivered.
    for (const uint32_t client : {1u, 2u}) {
      // A broken connection does not excuse a delivery that was told.
      EXPECT_EQ(account_of_missing(told, {client}).unknown, told == Outcome::kDelivered ? 0u : 1u);
      EXPECT_EQ(account_of_missing(told, {client}).sound(), told != Outcome::kDelivered);
    }
    EXPECT_EQ(account_of_missing(told, {3}).unknown, 0u);  // This client has nothing to do with the stream.
  }
  EXPECT_EQ(account_of_missing(Outcome::kNotSent, {1, 2}).not_sent, 1u);
  EXPECT_EQ(account_of_missing(Outcome::kLost, {1, 2}).lost, 1u);
}

TEST(Ledger, WhatIsAwaitedStillIsNoFault) {
  Ledger ledger;
  for (int i = 0; i < 6; ++i) ledger.next_number(kStream);
  for (const uint32_t number : {0u, 1u, 3u}) ledger.received(kStream, number);
  ledger.told(kStream, 1, Outcome::kDelivered);
  const Account account = reconcile(ledger);
  EXPECT_EQ(account.delivered, 3u);
  EXPECT_EQ(account.unexplained, 1u) << "the third: the fourth has overtaken it";
  EXPECT_EQ(account.not_arrived, 2u) << "the fifth and the sixth";
  EXPECT_EQ(account.untold, 1u) << "the first: a later one was told";
  EXPECT_EQ(account.not_told, 1u) << "the fourth";
}

TEST(Ledger, WhatSlowReadersAreRefusedIsProvoked) {
  Ledger ledger;
  ledger.told(kStream, ledger.next_number(kStream), Outcome::kRejected);
  ledger.told(stream_of(1, 3), ledger.next_number(stream_of(1, 3)), Outcome::kRejected);
  ledger.told(kStream, ledger.next_number(kStream), Outcome::kLost);
  const Account account =
      Ledger::reconcile({&ledger}, Outcome::kDelivered, [](uint32_t client) { return client == 2; });
  EXPECT_EQ(account.rejected, 2u);
  EXPECT_EQ(account.provoked.rejected, 1u);
  EXPECT_EQ(account.provoked.all(), 1u) << "a loss is not";
}

struct Message {
  bool had = false;
  std::set<Outcome> told;
};

// Judges one message by the written rules, without sets of numbers. `later` are the messages after it in its stream.
void judge(const Message& m, const std::vector<Message>& later, bool sender_broke, bool recipient_broke,
           Outcome promised, Account& a) {
  const auto told = [&](Outcome outcome) { return m.told.contains(outcome); };
  const bool broke = sender_broke || recipient_broke;
  if (m.had) {
    ++a.delivered;
    a.contradicted += told(Outcome::kRejected);
    const bool excused =
        broke || told(Outcome::kRejected) || told(Outcome::kExpired) || told(Outcome::kLost) || told(Outcome::kUnknown);
    const bool kept = promised == Outcome::kNotSent || told(Outcome::kDelivered) ||
                      (promised == Outcome::kAdmitted && told(Outcome::kAdmitted));
    const bool overtaken = std::any_of(later.begin(), later.end(), [&](const Message& other) {
      return other.told.contains(Outcome::kDelivered) ||
             (promised == Outcome::kAdmitted && other.told.contains(Outcome::kAdmitted));
    });
    (overtaken ? a.untold : a.not_told) += !excused && !kept;
    return;
  }
  // The first of these that is true counts, in the order in which Account lists them.
  const bool overtaken = std::any_of(later.begin(), later.end(), [](const Message& other) { return other.had; });
  uint64_t& count = told(Outcome::kRejected)    ? a.rejected
                    : told(Outcome::kExpired)   ? a.expired
                    : told(Outcome::kLost)      ? a.lost
                    : told(Outcome::kNotSent)   ? a.not_sent
                    : told(Outcome::kUnknown)   ? a.unknown
                    : told(Outcome::kDelivered) ? a.unexplained
                    : broke                     ? a.unknown
                    : !overtaken                ? a.not_arrived
                                                : a.unexplained;
  a.contradicted += &count == &a.unexplained && told(Outcome::kDelivered);
  ++count;
}

TEST(Ledger, RandomModelsAgreeWithTheOracle) {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    Random random(seed);
    Ledger ledgers[3];
    Account expected;
    const Outcome promised = std::array{Outcome::kNotSent, Outcome::kAdmitted, Outcome::kDelivered}[random.below(3)];
    bool broke[6] = {};
    for (uint32_t i = 0; i < 6; ++i) {
      if (random.below(5) == 0) broke[i] = true, ledgers[i % 3].broke(i);
    }
    for (uint32_t stream_number = 0; stream_number < 4; ++stream_number) {
      const uint32_t from = random.below(6), to = stream_number;
      const Stream stream = stream_of(from, to);
      std::vector<Message> messages(random.below(40));
      std::vector<uint32_t> arrivals;
      for (uint32_t i = 0; i < messages.size(); ++i) {
        Message& m = messages[i];
        EXPECT_EQ(ledgers[from % 3].next_number(stream), i);
        ++expected.sent;
        m.had = random.below(10) != 0;
        if (m.had) arrivals.push_back(i);
        for (uint32_t k = random.below(3); k > 0; --k) {
          const auto outcome = random.below(2) == 0 ? Outcome::kDelivered : static_cast<Outcome>(random.below(7));
          const bool done = !m.told.empty() && *m.told.rbegin() != Outcome::kAdmitted;
          const bool is_new = !done && !m.told.contains(outcome);
          EXPECT_EQ(ledgers[from % 3].told(stream, i, outcome), is_new);
          if (is_new) m.told.insert(outcome);
        }
      }
      for (size_t i = 0; i < messages.size(); ++i) {
        const std::vector<Message> later(messages.begin() + static_cast<ptrdiff_t>(i) + 1, messages.end());
        judge(messages[i], later, broke[from], broke[to], promised, expected);
      }
      for (size_t i = 0; i + 1 < arrivals.size(); ++i) {
        if (random.below(8) == 0) std::swap(arrivals[i], arrivals[i + 1]);
      }
      uint32_t next = 0;
      for (const uint32_t number : arrivals) {
        expected.out_of_order += number < next;
        next = std::max(next, number + 1);
        ledgers[to % 3].received(stream, number);
        if (random.below(20) == 0) ++expected.duplicates, ledgers[to % 3].received(stream, number);
      }
    }
    const Account a = Ledger::reconcile({&ledgers[0], &ledgers[1], &ledgers[2]}, promised);
    const auto all = [](const Account& x) {
      return std::vector<uint64_t>{x.sent,         x.delivered,    x.rejected,    x.expired,
                                   x.lost,         x.unknown,      x.not_sent,    x.unexplained,
                                   x.duplicates,   x.out_of_order, x.misdirected, x.untold,
                                   x.contradicted, x.corrupted,    x.not_arrived, x.not_told};
    };
    ASSERT_EQ(all(a), all(expected)) << seed;
    ASSERT_EQ(sum(a), a.sent) << seed;
  }
}

// Telling many outcomes at once has the same effect as telling them one after the other.
TEST(Ledger, ManyToldAtOnceAreEachTold) {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    Random random(seed);
    Ledger together, apart;
    constexpr uint32_t kCount = 30;
    for (uint32_t i = 0; i < kCount; ++i) {
      together.next_number(kStream), apart.next_number(kStream);
      if (random.below(3) != 0) together.received(kStream, i), apart.received(kStream, i);
    }
    for (uint32_t tellings = random.below(8); tellings != 0; --tellings) {
      const uint32_t first = random.below(kCount), last = first + random.below(kCount - first);
      const auto outcome = random.below(2) == 0 ? Outcome::kDelivered : static_cast<Outcome>(random.below(7));
      together.told_all(kStream, first, last, outcome);
      for (uint32_t number = first; number <= last; ++number) apart.told(kStream, number, outcome);
    }
    EXPECT_EQ(together.told_otherwise(), apart.told_otherwise());
    for (const Outcome promised : {Outcome::kNotSent, Outcome::kAdmitted, Outcome::kDelivered}) {
      const Account a = Ledger::reconcile({&together}, promised), b = Ledger::reconcile({&apart}, promised);
      const auto all = [](const Account& x) {
        return std::vector<uint64_t>{x.sent,     x.delivered,   x.rejected, x.expired,      x.lost,        x.unknown,
                                     x.not_sent, x.unexplained, x.untold,   x.contradicted, x.not_arrived, x.not_told};
      };
      ASSERT_EQ(all(a), all(b)) << seed;
    }
  }
}

// A stream is found again after many others, though only the last one is remembered.
TEST(Ledger, StreamsTakeTurns) {
  Ledger ledger;
  for (uint32_t round = 0; round < 3; ++round) {
    for (uint32_t other = 0; other < 1'000; ++other) {
      EXPECT_EQ(ledger.next_number(stream_of(0, other)), round);
      EXPECT_EQ(ledger.received(stream_of(0, other), round), Ledger::Arrival::kNext);
    }
  }
  EXPECT_EQ(Ledger::reconcile({&ledger}, Outcome::kNotSent).delivered, 3'000U);
}

}  // namespace
}  // namespace onehop::loadgen
