// The recipients at which one sender's gate is closed, as the sender's shard knows them. They are told when the
// sender's session ends; and a client's RESUME goes on to another shard only for a gate that is here, once for each
// time that it closed: a client cannot make its shard send records by saying RESUME.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/ids.h"

namespace onehop::core {

class ClosedGates {
 public:
  bool empty() const { return gates_.empty(); }
  size_t held_bytes() const { return gates_.capacity() * sizeof(Gate); }

  void add(uint64_t name_hash, const Origin& recipient) {
    gates_.insert(lower_bound(name_hash), {name_hash, recipient, false});
  }
  // The sender says that it knows of the refusals by the recipient of this name. Whom to tell; none if no gate is
  // closed there, or if that was told before.
  std::optional<Origin> begin_opening(uint64_t name_hash) {
    const auto found = lower_bound(name_hash);
    if (found == gates_.end() || found->name_hash != name_hash || std::exchange(found->opening, true)) return {};
    return found->recipient;
  }
  // The gate at this recipient's session is no longer closed.
  void remove(const Origin& recipient) {
    std::erase_if(gates_, [&recipient](const Gate& gate) { return gate.recipient == recipient; });
    if (gates_.empty()) std::vector<Gate>().swap(gates_);
  }
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Gate& gate : gates_) visit(gate.recipient);
  }

 private:
  struct Gate {
    uint64_t name_hash;
    Origin recipient;
    bool opening;
  };
  std::vector<Gate>::iterator lower_bound(uint64_t name_hash) {
    return std::lower_bound(gates_.begin(), gates_.end(), name_hash,
                            [](const Gate& gate, uint64_t wanted) { return gate.name_hash < wanted; });
  }

  std::vector<Gate> gates_;  // By name_hash.
};

}  // namespace onehop::core
