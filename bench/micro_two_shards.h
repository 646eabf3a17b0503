// Two shards of one process on one thread, so that what a crossing costs is the work and not the machine's wake-ups.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "core/base/name_hash.h"
#include "micro_world.h"

namespace onehop::bench {

// That many names that live on shard `home` of two.
inline std::vector<std::string> names_on(core::ShardIndex home, size_t count) {
  std::vector<std::string> names;
  for (size_t number = 0; names.size() < count; ++number) {
    std::string name = client_name(number);
    if (core::home_shard(core::name_hash(name, shard_config(0, 2).hash_key), 2) == home)
      names.push_back(std::move(name));
  }
  return names;
}

// Two shards on one thread.
class TwoShards {
 public:
  Shard& operator[](size_t index) { return shards_[index]; }
  // Everything goes out, and what crosses arrives, until nothing is left.
  void flush() {
    bool carried;
    do {
      flush_all(shards_[0]);
      flush_all(shards_[1]);
      carried = carry(0, 1);
      carried = carry(1, 0) || carried;
    } while (carried);
  }

 private:
  struct Host final : SilentHost {
    void post(core::ShardIndex, core::Parcel parcel) override { posted.push_back(std::move(parcel)); }
    void give_back(core::ShardIndex, core::Parcel parcel) override { returned.push_back(std::move(parcel)); }
    std::vector<core::Parcel> posted, returned;
  };

  bool carry(core::ShardIndex from, core::ShardIndex to) {
    Host& host = hosts_[from];
    if (host.posted.empty() && host.returned.empty()) return false;
    for (core::Parcel& parcel : host.posted) shards_[to].on_parcel(from, std::move(parcel), kNow);
    for (core::Parcel& parcel : host.returned) shards_[to].on_credit(from, std::move(parcel), kNow);
    host.posted.clear();
    host.returned.clear();
    return true;
  }

  std::array<Host, 2> hosts_;
  std::array<Shard, 2> shards_{Shard(shard_config(0, 2), hosts_[0]), Shard(shard_config(1, 2), hosts_[1])};
};

}  // namespace onehop::bench
