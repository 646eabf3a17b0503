// Writer: from the queues to the sockets. It is the only part that writes, closes and hands over, and it does so only
// within a flush.
//
// Invariant: a link with something to write or to close is in `dirty_` once, or its socket is full.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "core/base/ids.h"
#include "core/session/session.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::core {

struct ShardParts;

class Writer {
 public:
  explicit Writer(ShardParts& shard) : shard_(shard) {}
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void mark_dirty(LinkId id, Link& link) {
    if (!std::exchange(link.dirty, true)) dirty_.push_back(id);
  }
  size_t links_to_write() const { return dirty_.size(); }
  // The host is to call flush even if nothing else happens.
  void want_flush() { flush_wanted_ = true; }
  void set_flush_wanted(bool wanted) { flush_wanted_ = wanted; }
  bool flush_wanted() const { return flush_wanted_; }

  void flush_dirty();
  // Control frames go behind what is queued, but only once those encoded before have gone out. So what a client is told
  // takes a bounded place in its queue, however long it does not read.
  void encode_control(LinkId id, Link& link, Session& session);

 private:
  void flush_link(LinkId id, Link& link);
  void write_queue(LinkId id, Link& link);

  ShardParts& shard_;
  std::vector<LinkId> dirty_;
  bool flush_wanted_ = false;
  v1::Frame frame_;  // Scratch of encode_control().
};

}  // namespace onehop::core
