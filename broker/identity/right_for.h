// Which right of a permissions file an action of a client needs.
#pragma once

#include <cstdlib>

#include "identity/permissions.h"
#include "onehop/hooks.h"

namespace onehop::identity {

inline Right right_for(Action action) {
  switch (action) {
    case Action::kOwnName:
      return Right::kNames;
    case Action::kTakeOver:
      return Right::kTakeOver;
    case Action::kSend:
      return Right::kSend;
    case Action::kPublish:
      return Right::kPublish;
    case Action::kSubscribe:
      return Right::kSubscribe;
    case Action::kServe:
      return Right::kServe;
    case Action::kRequest:
      return Right::kRequest;
    case Action::kWatch:
      return Right::kWatch;
  }
  std::abort();  // There is no other.
}

}  // namespace onehop::identity
