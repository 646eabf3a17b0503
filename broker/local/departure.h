// How a local client leaves, because the program closes it or because the broker has announced its end. The client
// stays until everything that it sent has its outcome. If the broker ends, the client also stays for messages that are
// on their way to it: all of them have come when a ping has been answered and nothing came before the answer.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "core/base/instant.h"
#include "message/receiver.h"
#include "onehop/client_types.h"

namespace onehop::local {

class Departure {
 public:
  // The program wants it, and waits until `deadline`.
  void begin(core::Instant deadline) {
    begun_ = true;
    deadline_ = deadline;
  }
  // The broker says goodbye; `announced`: at some time from now.
  void hear(client::Ending goodbye, bool announced) {
    goodbye_ = std::move(goodbye);
    begun_ = begun_ || announced;
  }
  void hear_pong(uint64_t nonce, const client::Receiver& receiver) {
    if (ping_ == 0 || nonce != ping_) return;
    ping_ = 0;
    nothing_comes_ = receiver.received_up_to() == pinged_at_tag_;
  }

  bool begun() const { return begun_; }
  bool is_late(core::Instant now) const { return begun_ && now >= deadline_; }
  core::Instant deadline() const { return deadline_; }
  // Of the broker.
  const std::optional<client::Ending>& goodbye() const { return goodbye_; }

  enum class Step : uint8_t {
    kStay,
    kPing,  // With ping() as its nonce.
    kLeave,
  };
  // What is next, once everything that the program sent has its outcome.
  Step next(const client::Receiver& receiver, core::Instant now) {
    if (!goodbye_) return Step::kLeave;
    expired_at_ = receiver.open_until();
    if (expired_at_ > now) return Step::kStay;
    expired_at_ = core::Instant::never();
    if (nothing_comes_ && receiver.received_up_to() == pinged_at_tag_) return Step::kLeave;
    if (ping_ != 0) return Step::kStay;
    ping_ = now.ms + 1;
    pinged_at_tag_ = receiver.received_up_to();
    return Step::kPing;
  }
  uint64_t ping() const { return ping_; }
  // When next() may say something else, although nothing has come.
  core::Instant due() const { return std::min(deadline_, expired_at_); }

 private:
  bool begun_ = false;
  core::Instant deadline_ = core::Instant::never();
  core::Instant expired_at_ = core::Instant::never();  // It stays for deliveries that matter until then.
  std::optional<client::Ending> goodbye_;
  uint64_t ping_ = 0;           // Not answered yet; 0: none.
  uint64_t pinged_at_tag_ = 0;  // What had come when it was sent.
  bool nothing_comes_ = false;
};

}  // namespace onehop::local
