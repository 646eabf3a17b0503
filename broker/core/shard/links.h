// Links: the connections of a shard, as core sees them, and which of them are read.
//
// Invariant: a link that is not read waits for something (Link::waits) or is asking. Whoever ends the wait calls
// may_go_on(), and the next flush decodes what the link has saved and reads it again. The answer to a question, and the
// beginning of the closing, resume the reading at once.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "core/base/ids.h"
#include "core/base/receive_blocks.h"
#include "core/base/slab.h"
#include "core/session/session.h"
#include "core/shard/seam.h"
#include "core/wire/frame_decoder.h"

namespace onehop::core {

struct ShardParts;

class Links {
 public:
  explicit Links(ShardParts& shard) : shard_(shard) {}
  Links(const Links&) = delete;
  Links& operator=(const Links&) = delete;
  ~Links();

  // The table. A LinkId that is stale finds nothing.
  Link* find(LinkId id) { return links_.find(id); }
  Link& operator[](uint32_t index) { return links_[index]; }
  const Link& operator[](uint32_t index) const { return links_[index]; }
  LinkId id_at(uint32_t index) { return links_.id_at(index); }
  template <typename Visit>
  void for_each(Visit visit) {
    links_.for_each(visit);
  }
  void erase(LinkId id) { links_.erase(id); }

  // What the host tells: see ShardInputs.
  LinkId on_link(const ArrivingLink& arriving);
  std::span<char> receive_space(LinkId id);
  void on_received(LinkId id, size_t size);
  Submitted submit(LinkId id, const ScannedMessage& message, Bytes body);
  void on_unread(LinkId id);
  void on_writable(LinkId id);
  void on_end_of_stream(LinkId id);
  void on_link_failed(LinkId id);

  void stop_reading(Link& link);
  void resume_reading(Link& link);
  // What it has sent already may be decoded at the next flush.
  void may_go_on(LinkId id) { resumable_.push_back(id); }
  bool has_resumable() const { return !resumable_.empty(); }
  void resume_decoding();

 private:
  ShardParts& shard_;
  Slab<Link, LinkId> links_;
  ReceiveBlocks receive_blocks_;
  Buffer* receive_block_ = nullptr;  // What the present read goes into.
  std::vector<LinkId> resumable_;
};

}  // namespace onehop::core
