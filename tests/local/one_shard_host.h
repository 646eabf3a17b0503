// The host of one shard whose links are all local clients, as tests play it.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <span>

#include "core/shard/shard.h"
#include "local/endpoint.h"

namespace onehop::local {

inline core::ShardConfig one_shard(const core::Limits& limits) {
  core::ShardConfig config;
  config.count = 1;
  config.limits = limits;
  return config;
}

// Everybody is let in.
class OneShardHost : public core::Host {
 public:
  size_t write(core::HostLink link, std::span<const core::Iov> pieces) override {
    return endpoint_of(link).write(pieces);
  }
  void set_reading(core::HostLink link, bool reading) override { endpoint_of(link).set_link_reading(reading); }
  void close(core::HostLink link, core::CloseHow) override { endpoint_of(link).link_closed(); }
  void hand_over(core::HostLink, core::ShardIndex, core::Bytes, core::Instant) override { FAIL(); }
  void post(core::ShardIndex, core::Parcel) override { FAIL(); }
  void give_back(core::ShardIndex, core::Parcel) override { FAIL(); }
  core::Answered ask(core::Ticket, const core::Question&, core::Answer& answer) override {
    answer.accepted = true;
    return core::Answered::kNow;
  }
  void note(const core::Event&) override {}
  void random(std::span<char> out) override {
    for (char& byte : out) byte = static_cast<char>(++seed_);
  }

 protected:
  virtual Endpoint& endpoint_of(core::HostLink link) = 0;
  ~OneShardHost() = default;

 private:
  int seed_ = 0;
};

}  // namespace onehop::local
