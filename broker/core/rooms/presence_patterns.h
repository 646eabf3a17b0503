// Whom somebody watches: one name, or all names that begin with a prefix; and the patterns that match a name.
//
// A pattern is found by its text in one table, whose hash is keyed, so nobody can choose patterns that collide. A name
// is looked up as it is, and once for each length that prefixes have here. So the cost of a match does not depend on
// how many patterns there are.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <absl/container/flat_hash_map.h>

#include "core/base/bytes.h"
#include "core/base/name.h"
#include "core/base/name_hash.h"

namespace onehop::core {

struct PresencePattern {
  Bytes text;  // As a prefix at most kNameBytesMax bytes; the empty one matches every name.
  bool is_prefix = false;
};

// `Value` is what is kept of each pattern.
template <typename Value>
class PresencePatterns {
 public:
  explicit PresencePatterns(const HashKey& key) : values_(0, Hash{key}) {}

  bool empty() const { return values_.empty(); }
  // Null if the pattern is not there.
  Value* find(const PresencePattern& pattern) {
    const auto found = values_.find(pattern);
    return found == values_.end() ? nullptr : &found->second;
  }
  // The reference holds until another pattern is added or erased.
  Value& find_or_add(const PresencePattern& pattern) {
    if (Value* const found = find(pattern)) return *found;
    text_bytes_ += pattern.text.size();
    if (pattern.is_prefix && ++prefixes_[pattern.text.size()] == 1) set_length(pattern.text.size(), true);
    return values_.emplace(Key{std::string(pattern.text), pattern.is_prefix}, Value()).first->second;
  }
  // Does nothing if the pattern is not there. Its text may be a view into `pattern` that dies with it.
  void erase(const PresencePattern& pattern) {
    const auto found = values_.find(pattern);
    if (found == values_.end()) return;
    const size_t size = pattern.text.size();
    text_bytes_ -= size;
    if (pattern.is_prefix && --prefixes_[size] == 0) set_length(size, false);
    values_.erase(found);
  }
  // Calls `visit` with the value of each pattern that matches the name. `visit` does not add or erase patterns.
  template <typename Visit>
  void for_each_match(Bytes name, Visit visit) {
    if (Value* const found = find({name, false})) visit(*found);
    for (size_t word = 0; word < lengths_.size(); ++word) {
      for (uint64_t left = lengths_[word]; left != 0; left &= left - 1) {
        const size_t length = word * 64 + static_cast<size_t>(std::countr_zero(left));
        if (length > name.size()) return;
        if (Value* const found = find({name.substr(0, length), true})) visit(*found);
      }
    }
  }
  // About what the table takes, without what the values hold.
  size_t held_bytes() const { return text_bytes_ + values_.size() * kEachBytes; }

 private:
  struct Key {
    std::string text;
    bool is_prefix;
  };
  struct Hash {
    using is_transparent = void;
    HashKey key;
    size_t operator()(const PresencePattern& pattern) const {
      const uint64_t hash = name_hash(pattern.text, key);
      return pattern.is_prefix ? ~hash : hash;
    }
    size_t operator()(const Key& pattern) const { return (*this)(PresencePattern{pattern.text, pattern.is_prefix}); }
  };
  struct Equal {
    using is_transparent = void;
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return a.is_prefix == b.is_prefix && Bytes(a.text) == Bytes(b.text);
    }
  };

  static constexpr size_t kEachBytes = (sizeof(Key) + sizeof(Value) + 1) * 3 / 2;

  void set_length(size_t length, bool used) {
    const uint64_t bit = uint64_t{1} << (length % 64);
    if (used) {
      lengths_[length / 64] |= bit;
    } else {
      lengths_[length / 64] &= ~bit;
    }
  }

  absl::flat_hash_map<Key, Value, Hash, Equal> values_;
  std::array<uint32_t, kNameBytesMax + 1> prefixes_{};      // How many there are of each length.
  std::array<uint64_t, kNameBytesMax / 64 + 1> lengths_{};  // A bit for each length that occurs.
  size_t text_bytes_ = 0;
};

}  // namespace onehop::core
