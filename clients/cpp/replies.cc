// See the header.
#include "client/replies.h"

#include <algorithm>

namespace onehop::client {

std::vector<uint64_t> Replies::take_due(core::Instant now) {
  std::vector<uint64_t> tickets;
  due_ = core::Instant::never();
  std::erase_if(awaited_, [&](const auto& entry) {
    const auto& [ticket, until] = entry.second;
    if (now < until) {
      due_ = std::min(due_, until);
      return false;
    }
    tickets.push_back(ticket);
    return true;
  });
  return tickets;
}

std::vector<uint64_t> Replies::take_all() {
  early_.clear();
  return take_due(core::Instant::never());
}

}  // namespace onehop::client
