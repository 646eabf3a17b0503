// The names that live on this shard, and the session that owns each. A set of 32-bit slots: the names themselves are in
// the sessions.
#pragma once

#include <cstdint>

#include <absl/container/flat_hash_set.h>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/slab.h"
#include "core/session/session.h"

namespace onehop::core {

class Directory {
 public:
  explicit Directory(Slab<Session, SessionId>& sessions)
      : sessions_(sessions), slots_(0, Hash{&sessions}, Equal{&sessions}) {}

  // The session that owns the name, or no session. `hash` is the name's name_hash.
  SessionId find(Bytes name, uint64_t hash) const {
    const auto found = slots_.find(Key{name, hash});
    return found == slots_.end() ? SessionId{} : sessions_.id_at(*found);
  }
  // The session's name must have no owner yet.
  void insert(SessionId session) { slots_.insert(session.index); }
  void erase(SessionId session) { slots_.erase(session.index); }

 private:
  struct Key {
    Bytes name;
    uint64_t hash;
  };
  // Debian's abseil has its own string_view, so the functors are ours, and transparent. The name's keyed hash is the
  // table's hash: no second one is computed.
  struct Hash {
    using is_transparent = void;
    const Slab<Session, SessionId>* sessions;
    size_t operator()(const Key& key) const { return key.hash; }
    size_t operator()(uint32_t slot) const { return (*sessions)[slot].name_hash; }
  };
  struct Equal {
    using is_transparent = void;
    const Slab<Session, SessionId>* sessions;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t slot, const Key& key) const { return (*sessions)[slot].name.name() == key.name; }
  };

  Slab<Session, SessionId>& sessions_;
  absl::flat_hash_set<uint32_t, Hash, Equal> slots_;
};

}  // namespace onehop::core
