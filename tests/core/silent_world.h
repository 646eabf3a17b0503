// A shard with a host that keeps nothing, so that what a test measures, in bytes or in instructions, is the shard's.
#pragma once

#include <algorithm>
#include <cstring>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/shard/shard.h"
#include "frames.h"

namespace onehop::core::test {

// Sockets that take everything and keep nothing, but those of the deaf, which take nothing.
class SilentHost final : public Host {
 public:
  size_t write(HostLink link, std::span<const Iov> pieces) override {
    if (deaf.contains(link.value)) return 0;
    size_t size = 0;
    for (const Iov& piece : pieces) size += piece.size;
    return size;
  }
  void set_reading(HostLink, bool) override {}
  void close(HostLink, CloseHow) override {}
  void hand_over(HostLink, ShardIndex, Bytes, Instant) override {}
  void post(ShardIndex, Parcel) override {}
  void give_back(ShardIndex, Parcel) override {}
  Answered ask(Ticket, const Question&, Answer& answer) override {
    answer.accepted = true;
    return Answered::kNow;
  }
  void note(const Event&) override {}
  void random(std::span<char> out) override { std::memset(out.data(), 7, out.size()); }

  std::set<uint64_t> deaf;
};

class SilentWorld {
 public:
  explicit SilentWorld(const Limits& limits = {}) : shard_(config(limits), host_) {}

  // Connects a client and returns its number.
  uint64_t connect(const v1::Frame& connect, bool deaf = false) {
    const uint64_t number = links_.size();
    links_.push_back(shard_.on_link({{number}, now_ + 5'000, {}}, now_));
    send(number, connect);
    flush();
    if (deaf) host_.deaf.insert(number);
    return number;
  }
  uint64_t connect(const std::string& name, bool deaf = false) { return connect(connect_frame(name), deaf); }
  void send(uint64_t client, const v1::Frame& frame) { send_bytes(client, wire(frame)); }
  void send_bytes(uint64_t client, Bytes bytes) {
    while (!bytes.empty()) {
      const std::span<char> space = shard_.receive_space(links_[client]);
      const size_t size = std::min(space.size(), bytes.size());
      std::memcpy(space.data(), bytes.data(), size);
      bytes.remove_prefix(size);
      shard_.on_received(links_[client], size, now_);
    }
  }
  void flush() {
    do {
      shard_.flush(now_);
    } while (shard_.flush_wanted());
  }
  void drop(uint64_t client) {
    shard_.on_link_failed(links_[client], now_);
    flush();
  }
  void advance(uint64_t ms) {
    now_ = now_ + ms;
    shard_.on_tick(now_);
    flush();
  }
  const Counters& counters() const { return shard_.counters(); }

 private:
  static ShardConfig config(const Limits& limits) {
    ShardConfig config;
    config.limits = limits;
    config.limits.memory_bytes_max = uint64_t{64} << 30;
    config.limits.keepalive_ms_default = 600'000;
    return config;
  }

  SilentHost host_;
  Instant now_{1'000'000};
  Shard shard_;
  std::vector<LinkId> links_;
};

}  // namespace onehop::core::test
