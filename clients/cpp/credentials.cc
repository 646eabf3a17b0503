// See the header.
#include "client/credentials.h"

#include <algorithm>
#include <utility>

#include "core/base/limits.h"

namespace onehop::client {
namespace {

// The least time between two renewals that the client tries by itself.
constexpr uint64_t kTryAgainMs = 1'000;

}  // namespace

// A source that throws has nothing newer.
void Credentials::ask_source() {
  if (options_.token_source) events_.call([this] { token_ = options_.token_source(); });
}

const std::string& Credentials::for_connect() {
  ask_source();
  shown_ = token_;
  return shown_;
}

void Credentials::opened(const v1::Connected& connected, core::Instant now) {
  open_ = true;
  refused_ = false;
  may_renew_ = (connected.features() & core::kFeatureRenewal) != 0;
  accepted_ = shown_;
  set_end(connected.credentials_expire_in_ms(), now);
  // The program had newer ones while the client was connecting.
  if (may_renew_ && token_ != shown_) send();
}

void Credentials::closed() {
  open_ = may_renew_ = under_way_ = waits_ = owes_unsupported_ = false;
  end_ = renew_at_ = core::Instant::never();
}

bool Credentials::is_replaced() {
  if (std::exchange(refused_, true)) return false;
  ask_source();
  return token_ != shown_;
}

SendStatus Credentials::renew(std::string_view token) {
  if (token.size() > kTokenBytesMax) return SendStatus::kTooLarge;
  token_ = token;
  if (!open_) return SendStatus::kAccepted;
  if (!may_renew_) {
    owes_unsupported_ = true;
  } else if (under_way_) {
    waits_ = true;
  } else {
    send();
  }
  return SendStatus::kAccepted;
}

void Credentials::send() {
  v1::Frame frame;
  frame.mutable_renew()->set_token(token_);
  sender_.append_frame(frame);
  shown_ = token_;
  under_way_ = true;
  waits_ = false;
  renew_at_ = core::Instant::never();
}

const char* Credentials::on_renewed(core::Bytes body, core::Instant now) {
  v1::Renewed renewed;
  if (!renewed.ParseFromArray(body.data(), static_cast<int>(body.size()))) return "a renewed that does not parse";
  if (!std::exchange(under_way_, false)) return "a renewed that was not asked for";
  if (renewed.reason() == v1::REASON_UNSPECIFIED) {
    accepted_ = shown_;
    set_end(renewed.expires_in_ms(), now);
  } else {
    if (renewed.reason() == v1::REASON_NOT_AUTHORIZED && !waits_) token_ = accepted_;
    try_again_later(now);
  }
  if (waits_) send();
  events_.on_renewed(static_cast<Reason>(renewed.reason()), renewed.expires_in_ms());
  return nullptr;
}

// A source is asked when a fifth of the time is left.
void Credentials::set_end(uint32_t expires_in_ms, core::Instant now) {
  end_ = expires_in_ms == 0 ? core::Instant::never() : now + expires_in_ms;
  const bool by_itself = may_renew_ && options_.token_source && expires_in_ms != 0;
  renew_at_ = by_itself ? now + (expires_in_ms - expires_in_ms / 5) : core::Instant::never();
}

void Credentials::try_again_later(core::Instant now) {
  if (!options_.token_source || end_ == core::Instant::never()) return;
  const core::Instant again = now + std::max((end_ - now) / 2, kTryAgainMs);
  if (again < end_) renew_at_ = again;
}

void Credentials::on_tick(core::Instant now) {
  if (std::exchange(owes_unsupported_, false)) events_.on_renewed(Reason::kUnsupported, 0);
  if (now < renew_at_ || under_way_) return;
  ask_source();
  send();
}

core::Instant Credentials::deadline() const {
  return owes_unsupported_ ? core::Instant{} : renew_at_;
}

}  // namespace onehop::client
