// What it costs to find the session that owns a name: the shard's directory, and the tables it could have been (ADR 4).
// "hot" asks for one name again and again, "set" for any of a thousand, "uniform" for any of a million: then each
// lookup misses the cache a few times.
#include <benchmark/benchmark.h>

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "core/base/name_hash.h"
#include "core/session/directory.h"
#include "micro_heap.h"

namespace {

using namespace onehop::core;

constexpr size_t kHotNames = 64;
constexpr HashKey kKey{1, 2, 3};

std::string name_of(size_t number) {
  return "client-" + std::to_string(number);
}

// The order in which names are asked for: the same for every table, and long enough to ask for most of them.
const std::vector<std::pair<std::string, uint64_t>>& questions(size_t names) {
  static std::unordered_map<size_t, std::vector<std::pair<std::string, uint64_t>>> made;
  std::vector<std::pair<std::string, uint64_t>>& out = made[names];
  if (!out.empty()) return out;
  constexpr size_t kQuestionsMin = 1 << 16;
  uint64_t state = 1;
  for (size_t i = 0; i < std::max(names, kQuestionsMin); ++i) {
    state = state * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;
    const std::string name = name_of((state >> 33) % names);
    out.emplace_back(name, name_hash(name, kKey));
  }
  return out;
}

using Sessions = Slab<Session, SessionId>;

// Every table is asked about these sessions; made once for each number of names, because a million take a while.
Sessions& sessions_of(size_t names) {
  static std::unordered_map<size_t, std::unique_ptr<Sessions>> made;
  std::unique_ptr<Sessions>& sessions = made[names];
  if (sessions == nullptr) {
    sessions = std::make_unique<Sessions>();
    for (size_t i = 0; i < names; ++i) {
      Session& session = (*sessions)[sessions->insert().index];
      session.name = NameStamp(name_of(i));
      session.name_hash = name_hash(name_of(i), kKey);
    }
  }
  return *sessions;
}

class DirectoryTable {
 public:
  explicit DirectoryTable(Sessions& sessions) : directory_(sessions) {}
  void insert(Bytes, uint64_t, SessionId session) { directory_.insert(session); }
  SessionId find(Bytes name, uint64_t hash) const { return directory_.find(name, hash); }

 private:
  Directory directory_;
};

// The directory's own functors on the standard library's table.
class UnorderedSlotTable {
 public:
  explicit UnorderedSlotTable(Sessions& sessions) : sessions_(sessions), slots_(0, Hash{&sessions}, Equal{&sessions}) {}
  void insert(Bytes, uint64_t, SessionId session) { slots_.insert(session.index); }
  SessionId find(Bytes name, uint64_t hash) const {
    const auto found = slots_.find(Key{name, hash});
    return found == slots_.end() ? SessionId{} : sessions_.id_at(*found);
  }

 private:
  struct Key {
    Bytes name;
    uint64_t hash;
  };
  struct Hash {
    using is_transparent = void;
    const Sessions* sessions;
    size_t operator()(const Key& key) const { return key.hash; }
    size_t operator()(uint32_t slot) const { return (*sessions)[slot].name_hash; }
  };
  struct Equal {
    using is_transparent = void;
    const Sessions* sessions;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(const Key& key, uint32_t slot) const { return (*sessions)[slot].name.name() == key.name; }
    bool operator()(uint32_t slot, const Key& key) const { return (*this)(key, slot); }
  };
  Sessions& sessions_;
  std::unordered_set<uint32_t, Hash, Equal> slots_;
};

// What one writes first: a map from names to sessions, which keeps each name a second time and hashes it again.
struct StringHash {
  using is_transparent = void;
  size_t operator()(Bytes name) const { return std::hash<Bytes>()(name); }
};
template <typename Map>
class StringTable {
 public:
  explicit StringTable(Sessions&) {}
  void insert(Bytes name, uint64_t, SessionId session) { sessions_.emplace(std::string(name), session); }
  SessionId find(Bytes name, uint64_t) const {
    const auto found = sessions_.find(name);
    return found == sessions_.end() ? SessionId{} : found->second;
  }

 private:
  Map sessions_;
};
using UnorderedStringTable = StringTable<std::unordered_map<std::string, SessionId, StringHash, std::equal_to<>>>;
using FlatStringTable = StringTable<absl::flat_hash_map<std::string, SessionId, StringHash, std::equal_to<>>>;

template <typename Table>
void find(benchmark::State& state) {
  const auto names = static_cast<size_t>(state.range(0));
  Sessions& sessions = sessions_of(names);
  static std::unordered_map<size_t, std::pair<std::unique_ptr<Table>, double>> made;
  auto& [table, bytes] = made[names];
  if (table == nullptr) {
    const double before = onehop::bench::heap_bytes();
    table = std::make_unique<Table>(sessions);
    sessions.for_each([&table = table](SessionId id, Session& session) {
      table->insert(session.name.name(), session.name_hash, id);
    });
    bytes = onehop::bench::heap_bytes() - before;
  }
  const auto& asked = questions(names);
  size_t next = 0;
  for (auto _ : state) {
    const auto& [name, hash] = asked[next++ % asked.size()];
    benchmark::DoNotOptimize(table->find(name, hash));
  }
  state.counters["bytes_per_name"] = bytes / static_cast<double>(names);
}
BENCHMARK(find<DirectoryTable>)->Name("directory/hot")->Arg(1);
BENCHMARK(find<DirectoryTable>)->Name("directory/set")->Arg(1'000);
BENCHMARK(find<DirectoryTable>)->Name("directory/uniform")->Arg(1'000'000);
BENCHMARK(find<DirectoryTable>)->Arg(kHotNames)->Arg(1'000'000);
BENCHMARK(find<UnorderedSlotTable>)->Arg(kHotNames)->Arg(1'000'000);
BENCHMARK(find<UnorderedStringTable>)->Arg(kHotNames)->Arg(1'000'000);
BENCHMARK(find<FlatStringTable>)->Arg(kHotNames)->Arg(1'000'000);

void hash_a_name(benchmark::State& state) {
  const std::string name(static_cast<size_t>(state.range(0)), 'x');
  for (auto _ : state) benchmark::DoNotOptimize(name_hash(name, kKey));
}
BENCHMARK(hash_a_name)->Name("name_hash")->Arg(8)->Arg(32)->Arg(255);

}  // namespace
