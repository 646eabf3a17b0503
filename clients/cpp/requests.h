// Brings the outcome of each request and its reply together, in whatever order they come.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "onehop/request.h"

namespace onehop::client {

class Requests {
 public:
  // The outcome of the request that `done` waits for.
  void on_outcome(const SendResult& result, RequestCompletion done);
  // A reply to a request that is open, or that waits for it here.
  void on_reply(uint64_t ticket, const Message& reply);
  void on_no_reply(uint64_t ticket);
  // Whether a request has its outcome, and waits for its reply.
  bool waits_for(uint64_t ticket) const { return waiting_.contains(ticket); }

 private:
  struct Waiting {
    SendResult sent;
    RequestCompletion done;
  };

  // By ticket.
  std::map<uint64_t, Waiting> waiting_;
  std::map<uint64_t, OwnedMessage> early_;
};

}  // namespace onehop::client
