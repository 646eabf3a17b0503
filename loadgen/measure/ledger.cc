// See the header. reconcile() cuts the numbers of a stream wherever one of its sets begins or ends. All messages of a
// piece share one fate, so every message is judged and each piece costs one judgement.
#include "loadgen/measure/ledger.h"

#include <algorithm>
#include <cassert>

namespace onehop::loadgen {

using client::Outcome;

namespace {

struct Fate {
  bool had = false;  // The recipient had the message.
  bool admitted = false, delivered = false, rejected = false, expired = false, lost = false, unknown = false;
  bool not_sent = false;  // The sender was told each of these.
  // `overtaken`: a later message of the stream arrived. `overtaken_by_told`: the promised outcome of a later message
  // was told.
  bool overtaken = false, overtaken_by_told = false;
};

// `broken`: the connection of one of the stream's two clients broke.
void judge_delivered(const Fate& fate, uint64_t messages, bool broken, Outcome promised, Account& account) {
  account.delivered += messages;
  if (fate.rejected) account.contradicted += messages;
  // A sender may be told expired, lost or unknown although the recipient had the message. The code above has complained
  // of rejected.
  const bool told_otherwise = fate.rejected || fate.expired || fate.lost || fate.unknown;
  const bool kept =
      promised == Outcome::kNotSent || fate.delivered || (promised == Outcome::kAdmitted && fate.admitted);
  // As long as no later outcome of the stream was told, this one may still be on its way.
  if (!kept && !told_otherwise && !broken) (fate.overtaken_by_told ? account.untold : account.not_told) += messages;
}

void judge(const Fate& fate, uint64_t messages, bool broken, Outcome promised, Account& account) {
  if (fate.had) return judge_delivered(fate, messages, broken, promised, account);
  if (fate.rejected) {
    account.rejected += messages;
  } else if (fate.expired) {
    account.expired += messages;
  } else if (fate.lost) {
    account.lost += messages;
  } else if (fate.not_sent) {
    account.not_sent += messages;  // It never reached a socket, so a broken connection is not the cause.
  } else if (fate.unknown || (broken && !fate.delivered)) {
    // A broken connection does not excuse a delivery that was told: clients acknowledge only what they have read.
    account.unknown += messages;
  } else if (!fate.delivered && !fate.overtaken) {
    account.not_arrived += messages;  // It may still be on its way, since streams keep their order.
  } else {
    account.unexplained += messages;
    if (fate.delivered) account.contradicted += messages;
  }
}

// One past the highest number of the set, or 0 if the set is empty.
uint64_t end_of(const IntervalSet& set) {
  return set.empty() ? 0 : set.intervals().rbegin()->second;
}

}  // namespace

bool Ledger::told(Stream stream, uint32_t number, Outcome outcome) {
  Sent& sent = sent_of(stream);
  assert(number < sent.count);
  if (sent.delivered.contains(number)) return false;
  if (const Otherwise* o = sent.otherwise.get()) {
    for (const IntervalSet* last : {&o->rejected, &o->expired, &o->lost, &o->unknown, &o->not_sent}) {
      if (last->contains(number)) return false;
    }
  }
  if (outcome == Outcome::kAdmitted) return sent.admitted.insert(number, number) != 0;
  if (outcome == Outcome::kDelivered) return sent.delivered.insert(number, number) != 0;
  ++told_otherwise_;
  if (!sent.otherwise) sent.otherwise = std::make_unique<Otherwise>();
  Otherwise& otherwise = *sent.otherwise;
  IntervalSet& set = outcome == Outcome::kRejected  ? otherwise.rejected
                     : outcome == Outcome::kExpired ? otherwise.expired
                     : outcome == Outcome::kLost    ? otherwise.lost
                     : outcome == Outcome::kNotSent ? otherwise.not_sent
                                                    : otherwise.unknown;
  set.insert(number, number);
  return true;
}

void Ledger::told_all(Stream stream, uint32_t first, uint32_t last, Outcome outcome) {
  Sent& sent = sent_of(stream);
  assert(first <= last && last < sent.count);
  // Usually these messages have no other outcome yet.
  const bool plain = !sent.otherwise;
  if (plain && outcome == Outcome::kDelivered) {
    sent.delivered.insert(first, last);
  } else if (plain && outcome == Outcome::kAdmitted && sent.delivered.empty()) {
    sent.admitted.insert(first, last);
  } else {
    for (uint64_t number = first; number <= last; ++number) told(stream, static_cast<uint32_t>(number), outcome);
  }
}

Ledger::Arrival Ledger::received_out_of_turn(Received& received, uint32_t number) {
  if (number < received.next) {
    if (!received.missing.erase(number)) {
      ++received.duplicates;
      return Arrival::kDuplicate;
    }
    ++received.late;
    ++delivered_;
    return Arrival::kLate;
  }
  received.missing.insert(received.next, number - 1);
  received.next = number + 1;
  ++delivered_;
  return Arrival::kEarly;
}

void Ledger::broke(uint32_t client) {
  if (client >= broken_.size()) broken_.resize(client + 1);
  broken_[client] = true;
}

// Cuts the stream where any of its sets begins or ends, and judges each piece.
void Ledger::judge_stream(const Sent& sent, const Received& received, bool one_broke, Outcome promised,
                          Account& account) {
  static const Otherwise kNothingElse;
  const Otherwise& otherwise = sent.otherwise ? *sent.otherwise : kNothingElse;
  std::vector<uint64_t> cuts{0, sent.count, std::min(sent.count, received.next)};
  for (const IntervalSet* set : {&sent.admitted, &sent.delivered, &otherwise.rejected, &otherwise.expired,
                                 &otherwise.lost, &otherwise.unknown, &otherwise.not_sent, &received.missing}) {
    for (const auto& [first, end] : set->intervals()) {
      cuts.push_back(std::min<uint64_t>(first, sent.count));
      cuts.push_back(std::min<uint64_t>(end, sent.count));
    }
  }
  std::sort(cuts.begin(), cuts.end());
  const uint64_t told_end =
      promised == Outcome::kAdmitted ? std::max(end_of(sent.admitted), end_of(sent.delivered)) : end_of(sent.delivered);
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    if (cuts[i] == cuts[i + 1]) continue;
    const auto at = static_cast<uint32_t>(cuts[i]);
    const Fate fate{at < received.next && !received.missing.contains(at),
                    sent.admitted.contains(at),
                    sent.delivered.contains(at),
                    otherwise.rejected.contains(at),
                    otherwise.expired.contains(at),
                    otherwise.lost.contains(at),
                    otherwise.unknown.contains(at),
                    otherwise.not_sent.contains(at),
                    at < received.next,
                    at < told_end};
    judge(fate, cuts[i + 1] - cuts[i], one_broke, promised, account);
  }
}

Account Ledger::reconcile(const std::vector<const Ledger*>& ledgers, Outcome promised,
                          const std::function<bool(uint32_t)>& is_slow) {
  Account account;
  absl::flat_hash_map<Stream, const Received*> arrivals;
  std::vector<bool> broken;
  uint64_t came = 0;
  for (const Ledger* ledger : ledgers) {
    account.corrupted += ledger->corrupted_;
    account.misdirected += ledger->misdirected_;
    account.sent += ledger->sent_;
    if (broken.size() < ledger->broken_.size()) broken.resize(ledger->broken_.size());
    for (size_t i = 0; i < ledger->broken_.size(); ++i) broken[i] = broken[i] || ledger->broken_[i];
    for (const auto& [stream, received] : ledger->received_streams_) {
      assert(!arrivals.contains(stream));  // Each client belongs to one ledger.
      arrivals.emplace(stream, &received);
      account.duplicates += received.duplicates;
      account.out_of_order += received.late;
      came += received.next - received.missing.size();
    }
  }
  const auto is_broken = [&](uint32_t client) { return client < broken.size() && broken[client]; };

  const Received nothing;
  for (const Ledger* ledger : ledgers) {
    for (const auto& [stream, sent] : ledger->sent_streams_) {
      const auto found = arrivals.find(stream);
      const bool one_broke = is_broken(sender_of(stream)) || is_broken(recipient_of(stream));
      Account of_stream;
      judge_stream(sent, found == arrivals.end() ? nothing : *found->second, one_broke, promised, of_stream);
      if (is_slow && is_slow(recipient_of(stream))) {
        of_stream.provoked = {of_stream.rejected, of_stream.expired, of_stream.not_sent, of_stream.not_arrived};
      }
      account += of_stream;
    }
  }
  // These messages arrived intact, and no client of this run sent them.
  account.misdirected += came - account.delivered;
  return account;
}

}  // namespace onehop::loadgen
