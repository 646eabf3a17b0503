// The broker that an embedder gets. It stands before the one that does the work and turns away calls that could never
// return: those in a forked child, where the threads of the broker do not exist and its mutexes may be locked for ever,
// and the destructor where it would have to wait for its own thread.
#pragma once

#include <memory>

#include "onehop/broker.h"

namespace onehop::server {

// A broker that can be guarded.
class GuardableBroker : public Broker {
 public:
  // ANY THREAD: the embedder destroys the broker. True: it is to be deleted now. False: it deletes itself later, or it
  // has told the embedder that it stays.
  virtual bool let_go() = 0;
};

std::unique_ptr<Broker> guarded(std::unique_ptr<GuardableBroker> broker);

}  // namespace onehop::server
