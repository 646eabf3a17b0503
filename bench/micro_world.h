// A shard without sockets for the micro-benchmarks: what it writes is taken at once and looked at by nobody.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/shard.h"
#include "micro_wire.h"

namespace onehop::bench {

using core::Bytes;
using core::Instant;
using core::LinkId;
using core::Shard;

class SilentHost final : public core::Host {
 public:
  size_t write(core::HostLink, std::span<const core::Iov> pieces) override {
    size_t size = 0;
    for (const core::Iov& piece : pieces) {
      size += piece.size;
      if (recording) recorded.append(static_cast<const char*>(piece.data), piece.size);
    }
    return size;
  }
  void set_reading(core::HostLink, bool) override {}
  void close(core::HostLink, core::CloseHow) override {}
  void hand_over(core::HostLink, core::ShardIndex, Bytes, Instant) override {}
  void post(core::ShardIndex, core::Parcel) override {}
  void give_back(core::ShardIndex, core::Parcel) override {}
  core::Verdict ask(core::Ticket, const core::Question&, core::Answer& answer) override {
    answer.accepted = true;
    return core::Verdict::kAnswered;
  }
  void note(const core::Event&) override {}
  void random(std::span<char> out) override { std::fill(out.begin(), out.end(), 'r'); }

  // What is written is kept while this is set.
  bool recording = false;
  std::string recorded;
};

inline constexpr Instant kNow{1'000'000};

inline void receive(Shard& shard, LinkId link, Bytes bytes) {
  const std::span<char> space = shard.receive_space();
  std::copy(bytes.begin(), bytes.end(), space.begin());
  shard.on_received(link, bytes.size(), kNow);
}

// A shard with so many named clients.
struct World {
  explicit World(size_t clients) : shard(config(), host) {
    for (size_t i = 0; i < clients; ++i) {
      links.push_back(shard.on_link({{i + 1}, kNow + 5'000, {}}, kNow));
      receive(shard, links.back(), connect_frame("client-" + std::to_string(i)));
      if (shard.flush_wanted() || i % 64 == 0) shard.flush(kNow);
    }
    shard.flush(kNow);
  }
  static core::ShardConfig config() {
    core::ShardConfig config;
    config.hash_key = {1, 2, 3};
    return config;
  }

  SilentHost host;
  Shard shard;
  std::vector<LinkId> links;
};

}  // namespace onehop::bench
