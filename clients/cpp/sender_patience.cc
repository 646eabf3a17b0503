// Messages whose recipient is not there yet: which of them wait for it, and for how long. See proven_names.h.
#include <algorithm>
#include <utility>

#include "client/sender.h"
#include "message/message_codec.h"

namespace onehop::client {
namespace {

core::Instant end_of(core::Instant missing_since, uint32_t patience_ms) {
  return patience_ms == kForever ? core::Instant::never() : missing_since + patience_ms;
}

}  // namespace

// Whatever is held has to be proven anew: it is another broker, or another session.
void Sender::begin_proving(core::Instant now, uint32_t prove_ms) {
  if (prove_ms == 0) return proven_.end();
  proven_.begin(now + prove_ms);
  due_ = std::min(due_, proven_.end_due());
  for (auto& [key, hold] : holds_) {
    if (!hold.is_client()) continue;
    hold.proof = {.wanted = true};
    hold.probe = true;
  }
}

void Sender::prove(Hold& hold) {
  if (!hold.proof.wanted) return;
  hold.proof = {};
  proven_.add(hold.key->name);
}

// Of a message that was refused because nobody owns the name: whether it waits until somebody does.
bool Sender::waits_for_name(const SendLog::Record& record, core::Instant now) {
  Hold* hold = find_hold(destination_of(record.body_bytes()));
  if (hold == nullptr || !hold->proof.wanted || hold->proof.probe_id != record.id) return false;
  hold->proof.probe_id = 0;
  if (hold->proof.missing_since == core::Instant::never()) {
    hold->proof.missing_since = now;
    for (const Held& held : hold->waiting) note_patience(*hold, held.patience_ms);
  }
  if (now >= end_of(hold->proof.missing_since, record.patience_ms)) return false;
  note_patience(*hold, record.patience_ms);
  return true;
}

// A message that is held there may wait so long.
void Sender::note_patience(Hold& hold, uint32_t patience_ms) {
  if (hold.proof.missing_since == core::Instant::never()) return;
  hold.proof.gives_up = std::min(hold.proof.gives_up, end_of(hold.proof.missing_since, patience_ms));
  due_ = std::min(due_, hold.proof.gives_up);
}

// Moves to `over` what has waited long enough for the owner of the name.
void Sender::give_up(Hold& hold, core::Instant now, std::vector<Held>& over) {
  if (now < hold.proof.gives_up) {
    due_ = std::min(due_, hold.proof.gives_up);
    return;
  }
  hold.proof.gives_up = core::Instant::never();
  const auto stays = [&](const Held& held) {
    if (now >= end_of(hold.proof.missing_since, held.patience_ms)) return false;
    note_patience(hold, held.patience_ms);
    return true;
  };
  const auto refused = std::stable_partition(hold.refused.begin(), hold.refused.end(), stays);
  std::move(refused, hold.refused.end(), std::back_inserter(over));
  hold.refused.erase(refused, hold.refused.end());
  const auto waiting = std::stable_partition(hold.waiting.begin(), hold.waiting.end(), stays);
  for (auto held = waiting; held != hold.waiting.end(); ++held) {
    leave(hold, *held);
    over.push_back(std::move(*held));
  }
  hold.waiting.erase(waiting, hold.waiting.end());
}

}  // namespace onehop::client
