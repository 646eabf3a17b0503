// A shard without sockets for the micro-benchmarks: what it writes is taken at once and looked at by nobody.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "core/shard/shard.h"
#include "micro_wire.h"

namespace onehop::bench {

using core::Bytes;
using core::Instant;
using core::LinkId;
using core::Shard;

class SilentHost : public core::Host {
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
  core::Answered ask(core::Ticket, const core::Question&, core::Answer& answer) override {
    answer.accepted = true;
    return core::Answered::kNow;
  }
  void note(const core::Event&) override {}
  void random(std::span<char> out) override { std::fill(out.begin(), out.end(), 'r'); }

  // What is written is kept while this is set.
  bool recording = false;
  std::string recorded;

 protected:
  ~SilentHost() = default;
};

inline constexpr Instant kNow{1'000'000};

inline core::ShardConfig shard_config(core::ShardIndex index, core::ShardIndex count, const core::Limits& limits = {}) {
  core::ShardConfig config;
  config.limits = limits;
  config.index = index;
  config.count = count;
  config.hash_key = {1, 2, 3};
  return config;
}

inline void receive(Shard& shard, LinkId link, Bytes bytes, Instant now = kNow) {
  const std::span<char> space = shard.receive_space(link);
  std::copy(bytes.begin(), bytes.end(), space.begin());
  shard.on_received(link, bytes.size(), now);
}

inline void flush_all(Shard& shard, Instant now = kNow) {
  do {
    shard.flush(now);
  } while (shard.flush_wanted());
}

// A link whose client has this name; `host_link` is what the host is told of it.
inline LinkId connect(Shard& shard, uint64_t host_link, const std::string& name) {
  const LinkId link = shard.on_link({{host_link}, kNow + 5'000, {}}, kNow);
  receive(shard, link, connect_frame(name));
  return link;
}

// All names have one length, so that a frame for one client becomes a frame for another by writing over the digits.
inline constexpr size_t kNameDigits = 7;
inline void write_number(char* digits, size_t number) {
  for (size_t i = kNameDigits; i-- > 0; number /= 10) digits[i] = static_cast<char>('0' + number % 10);
}
inline std::string client_name(size_t number) {
  std::string name = "client-" + std::string(kNameDigits, '0');
  write_number(name.data() + name.size() - kNameDigits, number);
  return name;
}

// A shard with this many named clients. If `asks_permission`, it asks its host which of them may send to which.
struct World {
  explicit World(size_t clients, const core::Limits& limits = {}, bool asks_permission = false)
      : shard(config(limits, asks_permission), host) {
    links.reserve(clients);
    add(clients);
  }
  void add(size_t clients) {
    for (size_t i = 0; i < clients; ++i) {
      links.push_back(connect(shard, links.size() + 1, client_name(links.size())));
      if (i % 64 == 0) flush_all(shard);
    }
    flush_all(shard);
  }

  static core::ShardConfig config(const core::Limits& limits, bool asks_permission) {
    core::ShardConfig config = shard_config(0, 1, limits);
    config.asks_permission = asks_permission;
    return config;
  }

  struct Host final : SilentHost {};
  Host host;
  Shard shard;
  std::vector<LinkId> links;
};

}  // namespace onehop::bench
