// The receiving half of a client: which deliveries of the session wait for the program's verdict, which verdicts it has
// given, and what of them the broker has still to be told.
//
//   tags    | settled | open and settled, mixed      | not yet received …
//                     front of open_                 received_up_to_
//
// Invariants:
//  - Tags rise. Every tag up to received_up_to_ that is neither open nor refused was taken, or was never given to this
//    client: so what was taken need not be remembered, it is what lies between the open tags.
//  - A refusal is kept until the broker is known to have it, because taken-up-to could otherwise run over one that was
//    lost with a connection. In refusals_: | known to be covered by the ping | told | not told |.
//  - Nothing is told as taken while a refusal is not told.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "core/base/instant.h"
#include "onehop/client_types.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::client {

class Receiver {
 public:
  // Another session begins: nothing of the one before means anything any more.
  void begin(uint64_t session);
  uint64_t session() const { return session_; }

  // A delivery has come, which has expired by that time. False: it has come before.
  bool receive(uint64_t tag, core::Instant expired_at);

  // The program's verdicts. The first of a tag counts.
  void take(DeliveryTag tag);
  void take_up_to(DeliveryTag tag);
  void refuse(DeliveryTag tag, const Refusal& refusal);

  // The highest tag that has come.
  uint64_t received_up_to() const { return received_up_to_; }
  // When every delivery that has no verdict yet has expired, so that none matters to its sender any more. It looks at
  // each of them.
  core::Instant open_until() const;

  // Whether tell() has something to say.
  bool has_news() const;
  // Puts what the broker has not been told into `ack`, as much as fits into a frame of its own. Once more while there
  // is news.
  void tell(v1::Ack& ack);
  // Puts what a resume says into `connect`, which is complete but for it: all verdicts that may have been lost, as far
  // as they fit. What does not is news again.
  void tell_in(v1::Connect& connect);
  // The broker has taken that connect: what it said is known.
  void resumed();

  // Whether a ping behind all that was told would let refusals be forgotten.
  bool wants_ping() const { return ping_ == 0 && told_ != 0; }
  void pinged(uint64_t nonce) { ping_ = nonce, pinged_ = told_; }
  void on_pong(uint64_t nonce);

 private:
  struct Delivery {
    uint64_t tag;
    core::Instant expired_at;
    bool settled;
  };
  struct KeptRefusal {
    uint64_t tag;
    std::string text;
    uint32_t code;
    uint32_t retry_after_ms;
  };
  struct Range {
    uint64_t first;
    uint64_t last;
  };

  bool is_about_this_session(DeliveryTag tag) const { return tag.session == session_ && tag.tag != 0; }
  Delivery* find_open(uint64_t tag);
  void settle(Delivery& delivery);
  void drop_settled();
  void gather_ranges();
  void list_all_ranges();
  void tell(v1::Ack& ack, size_t bytes_max);
  void forget_refusals(size_t count);

  uint64_t session_ = 0;
  uint64_t received_up_to_ = 0;
  // Everything up to here is settled.
  uint64_t settled_up_to_ = 0;
  // From first_ on: open deliveries, and settled ones between them. The front is open.
  std::vector<Delivery> open_;
  size_t first_ = 0;
  size_t settled_ = 0;

  std::deque<KeptRefusal> refusals_;
  // How many of them, from the front: were told, had been told when `ping_` was written.
  size_t told_ = 0;
  size_t pinged_ = 0;
  uint64_t ping_ = 0;
  // How far was told that everything is settled; what was taken out of order since; those put together, in order.
  uint64_t told_up_to_ = 0;
  std::vector<uint64_t> taken_;
  std::vector<Range> ranges_;
  size_t next_range_ = 0;
};

}  // namespace onehop::client
