// The simulated network: connections with bounded buffers both ways, which the clients see from one end and the shards'
// hosts from the other. It keeps the rules of a socket: what was written before an orderly end is read before it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/shard/seam.h"
#include "sim/pipe.h"

namespace onehop::sim {

struct World;

// How much of what has come one read of the broker takes.
enum class Split : uint8_t { kAll, kSome, kFew, kByte };

struct Link {
  uint32_t number = 0;
  uint32_t client = 0;
  core::Instant connect_deadline;
  Pipe to_broker;
  Pipe to_client;
  Split split = Split::kAll;

  // The broker's end. Owned: a shard knows it, as `host` and `id`.
  core::ShardIndex shard = 0;
  core::LinkId id;
  core::HostLink host;
  bool owned = false;
  bool reading = true;
  bool blocked = false;     // The last write was not taken whole.
  bool read_ready = false;  // The host's loop has been told.
  bool end_told = false;
  bool asking = false;        // An answer is pending.
  bool failed = false;        // Reset.
  bool broker_ended = false;  // The broker sends no more.
  bool cut = false;           // What was on its way may be missing.

  uint64_t over_since_us = UINT64_MAX;  // Blocked with more than the high mark queued, as far as can be told.

  // The client's end.
  bool client_sends = true;
  bool client_gone = false;
  bool abandoned = false;    // The client reads and writes no more, and nobody can see it.
  bool swallows = false;     // What is written to it vanishes as well, and seems to be taken.
  bool write_waits = false;  // The client's last write was not taken whole.

  // Writes of the broker that the client has not read yet.
  struct Mark {
    uint64_t end;  // Of the stream, after the write.
    uint64_t at_us;
    bool unblocked;  // Nothing waited before it.
  };
  std::deque<Mark> marks;
};

class Network {
 public:
  explicit Network(World& world) : world_(world) {}

  // --- What clients do.
  // A connection to the broker, accepted by some shard. Its number is that of the oracle's connection.
  uint32_t connect(uint32_t client);
  // Takes as many bytes as fit; the rest is for later.
  size_t send(uint32_t number, core::Bytes bytes);
  core::Bytes readable(uint32_t number) const { return links_[number]->to_client.bytes(); }
  void consume(uint32_t number, size_t size);
  // The broker has ended its side, and everything is read.
  bool at_end(uint32_t number) const { return links_[number]->broker_ended && links_[number]->to_client.empty(); }
  // The client sends no more, but reads on.
  void half_close(uint32_t number);
  // The client is gone. `orderly`: what it sent before still arrives.
  void leave(uint32_t number, bool orderly);
  // The connection breaks for both sides; of what was on its way, some arrives.
  void cut(uint32_t number);
  // The client has stopped for ever without a sign. `swallows`: what is written to it still seems to be taken.
  void abandon(uint32_t number, bool swallows);
  // When, and after what, the byte at this offset of the stream to the client was written.
  Link::Mark mark(uint32_t number, uint64_t offset);

  // --- What the hosts do.
  Link& link(uint32_t number) { return *links_[number]; }
  size_t write(Link& link, std::span<const core::Iov> pieces);
  // How many bytes the next read takes; there is at least one.
  size_t read_size(const Link& link);
  void has_read(Link& link, size_t size);
  void close(Link& link, core::CloseHow how);

  size_t size() const { return links_.size(); }
  // Bytes that some client has not read yet and could.
  bool quiet() const;

 private:
  void tell_host_readable(Link& link);
  void tell_client(const Link& link);

  World& world_;
  std::vector<std::unique_ptr<Link>> links_;
};

}  // namespace onehop::sim
