// Ids of things that come and go. A LinkId or a SessionId is an index and a generation, so that a stale one is
// recognised and never followed to whatever is in the slot now.
#pragma once

#include <cstdint>
#include <utility>

namespace onehop::core {

// One shard of this process, counted from 0.
using ShardIndex = uint16_t;
inline constexpr ShardIndex kShardsMax = 64;

// Core's name for a connection, given to the host by Shard::on_link.
struct LinkId {
  uint32_t index = 0;
  uint32_t generation = 0;  // 0: no link.

  explicit operator bool() const { return generation != 0; }
  friend bool operator==(LinkId, LinkId) = default;
};

// A session on the shard that holds it.
struct SessionId {
  uint32_t index = 0;
  uint32_t generation = 0;  // 0: no session.

  explicit operator bool() const { return generation != 0; }
  friend bool operator==(SessionId, SessionId) = default;
};

// The host's own name for a connection, opaque to core.
struct HostLink {
  uint64_t value = 0;
  friend bool operator==(HostLink, HostLink) = default;
};

// Names one question until it is answered or its link ends; never used twice by a shard.
struct Ticket {
  uint64_t value = 0;
  friend bool operator==(Ticket, Ticket) = default;
};

// Where a message came from, or whom a record concerns: the way home for receipts and flow. Opaque to everybody but the
// shard it names, so that it can cross to another shard now and to another machine later.
struct Origin {
  enum class Kind : uint8_t {
    kNone,
    kSession,
    kTopic,   // What becomes of this session's message is told to the home of its topic, which sums it up.
    kMarked,  // This session's message went to a service, or wants a reply.
  };

  Kind kind = Kind::kNone;
  // Of kTopic: the topic's home. Of kMarked: what is special about the message, as its MessageFlags.
  uint8_t detail = 0;
  ShardIndex shard = 0;
  uint32_t node = 0;  // This machine: 0.
  SessionId session;

  friend bool operator==(const Origin&, const Origin&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Origin& o) {
    return H::combine(std::move(h), o.kind, o.shard, o.node, o.session.index, o.session.generation);
  }
};
static_assert(sizeof(Origin) == 16);

}  // namespace onehop::core
