// A shard whose clients are local, for the micro-benchmarks and the ratchet: what it writes lies in their inboxes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "local/endpoint.h"
#include "micro_world.h"

namespace onehop::bench {

// Counts what it is told.
struct CountingEvents final : LocalClientEvents {
  void on_message(const client::Message& message) override {
    ++messages;
    payload_bytes += message.payload.size();
  }
  void on_outcome(const client::SendResult& result) override {
    if (result.outcome == client::Outcome::kDelivered) ++delivered;
  }
  uint64_t messages = 0;
  uint64_t payload_bytes = 0;
  uint64_t delivered = 0;
};

// Local clients of the names that client_name() gives, and behind them remote ones, of which nothing is read.
class LocalWorld {
 public:
  LocalWorld(size_t locals, size_t remotes) : shard_(shard_config(0, 1), host_) {
    for (size_t i = 0; i < locals; ++i) {
      events_.push_back(std::make_unique<CountingEvents>());
      host_.endpoints.push_back(
          std::make_unique<local::Endpoint>(shard_, LocalClientOptions{.name = client_name(i)}, *events_.back()));
      host_.endpoints.back()->begin({i + 1}, kNow);
    }
    for (size_t i = locals; i < locals + remotes; ++i) connect(shard_, i + 1, client_name(i));
    turn();
    turn();
  }

  local::Endpoint& endpoint(size_t number) { return *host_.endpoints[number]; }
  CountingEvents& events(size_t number) { return *events_[number]; }
  Shard& shard() { return shard_; }

  // What has been sent arrives, and is answered.
  void turn() {
    flush_all(shard_);
    for (const auto& endpoint : host_.endpoints) {
      endpoint->deliver(kNow);
      endpoint->say(true, kNow);
    }
  }

 private:
  struct Host final : SilentHost {
    size_t write(core::HostLink link, std::span<const core::Iov> pieces) override {
      return link.value <= endpoints.size() ? endpoints[link.value - 1]->write(pieces)
                                            : SilentHost::write(link, pieces);
    }
    void close(core::HostLink link, core::CloseHow) override {
      if (link.value <= endpoints.size()) endpoints[link.value - 1]->link_closed();
    }
    std::vector<std::unique_ptr<local::Endpoint>> endpoints;
  };

  std::vector<std::unique_ptr<CountingEvents>> events_;
  Host host_;
  Shard shard_;
};

}  // namespace onehop::bench
