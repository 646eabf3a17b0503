// The broker that an embedder gets. It stands before the one that does the work and turns away calls that could never
// return: those in a forked child, where the threads of the broker do not exist and its mutexes may be locked for ever,
// and the destructor on a thread that it would have to wait for.
#pragma once

#include <memory>

#include "onehop/broker.h"

namespace onehop::server {

// A broker that can be guarded.
class GuardableBroker : public Broker {
 public:
  // ANY THREAD: whether a loop of this broker runs on the calling thread, so that a handler must be calling.
  virtual bool runs_here() const = 0;
  // The embedder destroys the broker in a handler.
  virtual void tell_destroyed_in_handler() = 0;
};

std::unique_ptr<Broker> guarded(std::unique_ptr<GuardableBroker> broker);

}  // namespace onehop::server
