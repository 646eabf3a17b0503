// The local clients of one shard. On the loop's thread, but for what says otherwise.
//
// A host link with its lowest bit set is that of a local client; others are addresses of connections, which are even.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/shard/seam.h"
#include "core/shard/shard_config.h"
#include "server/local_link.h"

namespace onehop::server {

// Where a local client comes from, for people and hooks.
inline constexpr const char* kLocalPeer = "local";

class LocalClients final : private LocalHost {
 public:
  // `wake` may be called by any thread: it has the shard's thread call take() with the link. `now` is the loop's time.
  // `flush` flushes the shard.
  LocalClients(const core::ShardConfig& config, core::ShardInputs& shard, std::function<core::Instant()> now,
               std::function<void()> flush, std::function<void(std::shared_ptr<LocalLink>)> wake)
      : index_(config.index),
        frame_bytes_max_(config.limits.frame_bytes_max),
        shard_(shard),
        now_(std::move(now)),
        flush_(std::move(flush)),
        wake_(std::move(wake)) {}
  LocalClients(const LocalClients&) = delete;
  LocalClients& operator=(const LocalClients&) = delete;
  ~LocalClients() { end_all(); }

  static bool owns(core::HostLink link) { return (link.value & 1) != 0; }

  // ANY THREAD: a client that lives here, and begins with LocalLink::start(). Nothing after end_all().
  std::shared_ptr<LocalLink> make(LocalClientOptions options, LocalClientEvents& events);
  // What wake() is about.
  void take(const std::shared_ptr<LocalLink>& link);
  // The loop has ended: so have they.
  void end_all();

  // As core::Host, of links that it owns.
  size_t write(core::HostLink link, std::span<const core::Iov> pieces);
  void set_reading(core::HostLink link, bool reading);
  void close(core::HostLink link);

  // Whether run() has something to do.
  bool has_news() const { return !news_.empty(); }
  // Between two flushes: hands out what has come, and takes what the programs want.
  void run();
  // When run() is due, if nothing happens before; what is due by then is news.
  core::Instant due();

 private:
  void wake(std::shared_ptr<LocalLink> link) override { wake_(std::move(link)); }
  void turn_again(LocalLink& link) override { note(link); }
  core::Instant now() const override { return now_(); }
  unsigned index() const override { return index_; }

  using Links = std::unordered_set<std::shared_ptr<LocalLink>>;

  static LocalLink& link_of(core::HostLink link) { return *reinterpret_cast<LocalLink*>(link.value & ~uint64_t{1}); }
  void note(LocalLink& link);
  void set_due(LocalLink& link, core::Instant at);

  const core::ShardIndex index_;
  const uint32_t frame_bytes_max_;
  core::ShardInputs& shard_;
  const std::function<core::Instant()> now_;
  const std::function<void()> flush_;
  const std::function<void(std::shared_ptr<LocalLink>)> wake_;
  std::mutex made_mutex_;  // Of the two below.
  Links made_;             // Those that wake() is still to tell of.
  bool ended_ = false;
  Links links_;
  std::vector<LocalLink*> news_;
  std::vector<LocalLink*> turning_;  // Those whose turn is being taken; keeps its memory.
  // By time, those whose turn is due in any case. Few are: those that do not read, are paused, or close.
  std::set<std::pair<core::Instant, LocalLink*>> due_;
};

}  // namespace onehop::server
