// The wildcard filters of a shard, as a tree of their levels, so that a topic is not compared with each of them.
//
//   a/+/c   a/#        root ─ a ─ + ─ c
//                            └ #
//
// A topic follows the edges with the names of its levels and those of `+`. What it costs depends on how many nodes it
// reaches, and not on how many filters there are. All edges that have a name are in one hash table.
//
// Invariant: each node but the root has a filter, or leads to one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/container/flat_hash_set.h>

#include "core/base/bytes.h"
#include "core/base/name_hash.h"

namespace onehop::core {

class FilterTree {
 public:
  // `key`: levels are hashed with it, so that nobody can choose levels that collide.
  explicit FilterTree(const HashKey& key) : key_(key), edges_(0, Hash{&nodes_}, Equal{&nodes_}), nodes_(1) {}
  FilterTree(const FilterTree&) = delete;
  FilterTree& operator=(const FilterTree&) = delete;

  // `filter` is valid, has a wildcard and is not there yet. `number` is what match() says of it.
  void insert(Bytes filter, uint32_t number);
  // `filter` is there.
  void erase(Bytes filter);
  bool empty() const { return filters_ == 0; }
  // Adds the numbers of all filters that match the topic, each once.
  void match(Bytes topic, std::vector<uint32_t>& numbers);
  // About what it takes beside itself.
  size_t held_bytes() const;
  // About what one level of a filter takes.
  static constexpr size_t kNodeBytes = 72;

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint32_t kRoot = 0;

  struct Node {
    std::string level;  // Empty for `+`.
    uint64_t hash = 0;  // Of the edge that leads here, if it has a name.
    uint32_t parent = kNone;
    uint32_t named = 0;      // How many edges with a name lead on from here.
    uint32_t plus = kNone;   // Where the edge of `+` leads.
    uint32_t here = kNone;   // The filter that ends here.
    uint32_t below = kNone;  // The filter that ends here with `#`.
  };
  struct Edge {
    uint32_t parent;
    Bytes level;
    uint64_t hash;
  };
  // Debian's abseil has its own string_view, so the functors are ours, and transparent.
  struct Hash {
    using is_transparent = void;
    const std::vector<Node>* nodes;
    size_t operator()(const Edge& edge) const { return edge.hash; }
    size_t operator()(uint32_t node) const { return (*nodes)[node].hash; }
  };
  struct Equal {
    using is_transparent = void;
    const std::vector<Node>* nodes;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t at, const Edge& edge) const {
      const Node& node = (*nodes)[at];
      return node.parent == edge.parent && node.level == edge.level;
    }
  };

  static uint64_t edge_hash(uint32_t parent, uint64_t level_hash) {
    return level_hash + parent * uint64_t{0x9E3779B97F4A7C15};
  }
  uint32_t child(uint32_t parent, Bytes level, uint64_t level_hash) const;
  uint32_t add_node(uint32_t parent, Bytes level, uint64_t hash);
  void prune(uint32_t at);

  const HashKey key_;
  absl::flat_hash_set<uint32_t, Hash, Equal> edges_;  // The nodes that they lead to.
  std::vector<Node> nodes_;
  std::vector<uint32_t> free_nodes_;
  size_t filters_ = 0;
  std::vector<uint32_t> reached_;  // Scratch of match().
  std::vector<uint32_t> next_;     // The same.
};

}  // namespace onehop::core
