// Client: what it says of deliveries, when and how: up to a tag, in ranges in any order, refused one by one; late,
// twice, or never.
#include <algorithm>

#include "sim/client.h"
#include "sim/trace.h"
#include "sim/wire.h"
#include "sim/world.h"

namespace onehop::sim {
namespace {

constexpr uint32_t kVerdictsPerAck = 100;
constexpr uint32_t kRefusalsPerAck = 20;
constexpr size_t kRefusalTextMax = 256;

// What is left of a text that is too long: whole characters.
core::Bytes cut(core::Bytes text) {
  size_t size = std::min(text.size(), kRefusalTextMax);
  while (size != text.size() && size != 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

std::string describe(const v1::Ack& ack) {
  std::string text = "of " + std::to_string(ack.session()) + ": up to " + std::to_string(ack.up_to()) + ", receipts " +
                     std::to_string(ack.receipts_up_to());
  for (const v1::Refusal& refusal : ack.refused()) text += ", not " + std::to_string(refusal.delivery_tag());
  for (const v1::Range& range : ack.taken()) {
    text += ", " + std::to_string(range.first()) + " to " + std::to_string(range.last());
  }
  return text;
}

}  // namespace

void Client::keep_delivery(uint64_t tag) {
  memory_.received_up_to = std::max(memory_.received_up_to, tag);
  uint64_t wait_us = random_.between(0, settle_us_max_);
  if (!settles_) wait_us = UINT64_MAX / 2;
  if (wait_us > 50'000) world_.oracle.session_of(connection_).lazy = true;
  memory_.open.push_back({tag, world_.now_us() + wait_us});
}

void Client::settle_deliveries() {
  v1::Ack& ack = *out_.mutable_ack();
  ack.Clear();
  const Connection& connection = world_.oracle.connection(connection_);
  add_verdicts(ack);
  const bool has_verdicts = ack.ByteSizeLong() != 0;
  const uint64_t acked = std::max(world_.oracle.session_of(connection_).acked_at_least, connection.receipts_up_to);
  if (acks_receipts_ && memory_.receipts_up_to > acked && (world_.ending || random_.chance(700))) {
    ack.set_receipts_up_to(memory_.receipts_up_to);
    world_.oracle.acknowledges_receipts(connection_, memory_.receipts_up_to);
  }
  if (ack.ByteSizeLong() == 0) return;
  if (random_.chance(500)) ack.set_session(memory_.number);
  if (world_.verbose) std::printf("             connection %u says %s\n", connection_, describe(ack).c_str());
  report(ack);
  append_frame(outbox_, out_);
  if (!has_verdicts) return;
  world_.oracle.connection(connection_).verdict_end = connection.sent_bytes + outbox_.size();
}

void Client::add_verdicts(v1::Ack& ack) {
  const uint64_t now_us = world_.now_us();
  const bool hurries = world_.ending && settles_;
  std::vector<bool> settles;
  for (const Memory::Open& open : memory_.open) {
    settles.push_back(settles.size() < kVerdictsPerAck && (hurries || open.due_us <= now_us));
  }
  if (std::find(settles.begin(), settles.end(), true) == settles.end()) return;
  uint32_t refusals = 0;
  for (size_t i = 0; i < settles.size() && refusals < kRefusalsPerAck; ++i) {
    if (!settles[i] || !random_.chance(world_.scenario.refuse_permille)) continue;
    add_refusal(ack, memory_.open[i].tag);
    ++refusals;
  }
  // A second word about what is settled already changes nothing.
  if (random_.chance(50) && !memory_.given.empty()) add_refusal(ack, memory_.given.back().tag);
  if (settles_in_order_ && random_.chance(900)) {
    add_prefix(ack, settles);
  } else {
    add_ranges(ack, settles);
  }
}

void Client::add_refusal(v1::Ack& ack, uint64_t tag) {
  v1::Refusal& refusal = *ack.add_refused();
  refusal.set_delivery_tag(tag);
  refusal.set_code(random_.below(3));
  if (random_.chance(300)) refusal.set_retry_after_ms(random_.between(1, 1'000));
  if (random_.chance(600)) refusal.set_text("no, said the recipient of " + std::to_string(tag % 3));
  if (!random_.chance(50)) return;
  std::string& text = *refusal.mutable_text();
  for (uint32_t left = random_.between(100, 200); left != 0; --left) text += "\xC3\xA9";
}

// Up to the last of those that are settled without a gap; the refusals among them come first.
void Client::add_prefix(v1::Ack& ack, const std::vector<bool>& settles) {
  size_t count = 0;
  while (count < settles.size() && settles[count]) ++count;
  if (count != 0) ack.set_up_to(memory_.open[count - 1].tag);
}

void Client::add_ranges(v1::Ack& ack, const std::vector<bool>& settles) {
  for (size_t i = 0; i < settles.size(); ++i) {
    if (!settles[i] || random_.chance(100)) continue;
    v1::Range& range = *ack.add_taken();
    range.set_first(memory_.open[i].tag);
    while (i + 1 < settles.size() && settles[i + 1] && random_.chance(800)) ++i;
    range.set_last(memory_.open[i].tag);
  }
  for (int i = ack.taken_size(); i > 1; --i) {
    const auto other = static_cast<int>(random_.below(static_cast<uint64_t>(i)));
    ack.mutable_taken()->SwapElements(i - 1, other);
  }
}

// Tells the oracle, in the order in which it counts, and forgets what is settled.
void Client::report(const v1::Ack& ack) {
  Oracle& oracle = world_.oracle;
  const uint32_t session = memory_.session;
  const uint64_t ping = oracle.connection(connection_).pings.size() + 1;
  const auto settle = [this, ping](uint64_t first, uint64_t last, const v1::Refusal* refusal) {
    for (const Memory::Open& open : memory_.open) {
      if (open.tag < first || open.tag > last) continue;
      memory_.given.push_back({open.tag, ping, refusal == nullptr, refusal == nullptr ? v1::Refusal() : *refusal});
    }
    std::erase_if(memory_.open,
                  [first, last](const Memory::Open& open) { return open.tag >= first && open.tag <= last; });
  };
  for (const v1::Refusal& refusal : ack.refused()) {
    Verdict verdict;
    verdict.code = refusal.code();
    verdict.retry_after_ms = refusal.retry_after_ms();
    verdict.text_hash = hash_bytes(cut(refusal.text()));
    oracle.gives_verdict(connection_, session, refusal.delivery_tag(), verdict);
    settle(refusal.delivery_tag(), refusal.delivery_tag(), &refusal);
  }
  Verdict taken;
  taken.taken = true;
  for (const v1::Range& range : ack.taken()) {
    oracle.takes_range(connection_, session, range.first(), range.last(), taken);
    settle(range.first(), range.last(), nullptr);
  }
  if (ack.up_to() == 0) return;
  oracle.takes_range(connection_, session, 0, ack.up_to(), taken);
  settle(0, ack.up_to(), nullptr);
}

// Of a session that is not this connection's: it is to be ignored, whatever it says.
void Client::send_stale_ack() {
  v1::Ack& ack = *out_.mutable_ack();
  ack.Clear();
  ack.set_session(stale_session_);
  ack.set_up_to(memory_.received_up_to + random_.below(3));
  ack.set_receipts_up_to(memory_.receipts_up_to);
  if (!memory_.open.empty()) add_refusal(ack, memory_.open.front().tag);
  append_frame(outbox_, out_);
  world_.coverage.add(Provoked::kStaleAck);
}

}  // namespace onehop::sim
