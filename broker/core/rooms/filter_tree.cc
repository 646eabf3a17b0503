// FilterTree: see the header.
#include "core/rooms/filter_tree.h"

#include <utility>

#include "core/rooms/topic_filter.h"

namespace onehop::core {

void FilterTree::insert(Bytes filter, uint32_t number) {
  ++filters_;
  uint32_t at = kRoot;
  Levels levels(filter);
  for (Bytes level; levels.next(level);) {
    if (level == "#") {
      nodes_[at].below = number;
      return;
    }
    if (level == "+") {
      uint32_t plus = nodes_[at].plus;
      if (plus == kNone) {
        plus = add_node(at, {}, 0);
        nodes_[at].plus = plus;
      }
      at = plus;
      continue;
    }
    const uint64_t hash = name_hash(level, key_);
    uint32_t named = child(at, level, hash);
    if (named == kNone) {
      named = add_node(at, level, edge_hash(at, hash));
      ++nodes_[at].named;
      edges_.insert(named);
    }
    at = named;
  }
  nodes_[at].here = number;
}

void FilterTree::erase(Bytes filter) {
  --filters_;
  uint32_t at = kRoot;
  Levels levels(filter);
  for (Bytes level; levels.next(level);) {
    if (level == "#") {
      nodes_[at].below = kNone;
      return prune(at);
    }
    at = level == "+" ? nodes_[at].plus : child(at, level, name_hash(level, key_));
  }
  nodes_[at].here = kNone;
  prune(at);
}

// Takes away the node, and those above it, as far as they lead to no filter any more.
void FilterTree::prune(uint32_t at) {
  while (at != kRoot) {
    Node& node = nodes_[at];
    if (node.named != 0 || node.plus != kNone || node.here != kNone || node.below != kNone) return;
    const uint32_t parent = node.parent;
    if (nodes_[parent].plus == at) {
      nodes_[parent].plus = kNone;
    } else {
      edges_.erase(at);
      --nodes_[parent].named;
    }
    node = {};
    free_nodes_.push_back(at);
    at = parent;
  }
}

void FilterTree::match(Bytes topic, std::vector<uint32_t>& numbers) {
  reached_.assign(1, kRoot);
  Levels levels(topic);
  for (Bytes level;;) {
    for (const uint32_t at : reached_) {
      if (nodes_[at].below != kNone) numbers.push_back(nodes_[at].below);
    }
    if (!levels.next(level)) break;
    const uint64_t hash = name_hash(level, key_);
    next_.clear();
    for (const uint32_t at : reached_) {
      const Node& node = nodes_[at];
      if (node.plus != kNone) next_.push_back(node.plus);
      if (node.named == 0) continue;
      if (const uint32_t named = child(at, level, hash); named != kNone) next_.push_back(named);
    }
    std::swap(reached_, next_);
    if (reached_.empty()) return;
  }
  for (const uint32_t at : reached_) {
    if (nodes_[at].here != kNone) numbers.push_back(nodes_[at].here);
  }
}

uint32_t FilterTree::child(uint32_t parent, Bytes level, uint64_t level_hash) const {
  const auto found = edges_.find(Edge{parent, level, edge_hash(parent, level_hash)});
  return found == edges_.end() ? kNone : *found;
}

uint32_t FilterTree::add_node(uint32_t parent, Bytes level, uint64_t hash) {
  uint32_t at;
  if (free_nodes_.empty()) {
    at = static_cast<uint32_t>(nodes_.size());
    nodes_.emplace_back();
  } else {
    at = free_nodes_.back();
    free_nodes_.pop_back();
  }
  Node& node = nodes_[at];
  node.level = std::string(level);
  node.hash = hash;
  node.parent = parent;
  return at;
}

size_t FilterTree::held_bytes() const {
  const size_t nodes = nodes_.size() - 1 - free_nodes_.size();
  static_assert(sizeof(Node) + 8 == kNodeBytes, "with its place in the table of edges");
  return nodes * kNodeBytes;
}

}  // namespace onehop::core
