// Crossing: what goes to other shards and comes from them, in parcels (record.h says what is in them).
//
// Invariant: a link waits for credit if there was no credit for its message to the recipient's shard. It goes on when
// that shard gives a parcel back.
#pragma once

#include <vector>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/crossing/parcel.h"
#include "core/crossing/parcel_post.h"
#include "core/crossing/record.h"

namespace onehop::core {

struct ShardParts;

class Crossing {
 public:
  explicit Crossing(ShardParts& shard);
  Crossing(const Crossing&) = delete;
  Crossing& operator=(const Crossing&) = delete;

  void on_parcel(ShardIndex from, Parcel& parcel);
  void on_credit(ShardIndex to, Parcel parcel);

  // The parcels for another shard. `shard` is never this one.
  ParcelPost& post_to(ShardIndex shard) { return posts_[shard]; }
  void wait_for_credit(ShardIndex shard, LinkId link) { waiting_for_credit_[shard].push_back(link); }
  // Tells shard `to`, which may be this one, something about a sender and a recipient.
  void tell_peer(RecordKind kind, const Origin& sender, const Origin& recipient, ShardIndex to);
  bool has_filled() const;
  void post_parcels();

 private:
  void take_record(const Parcel& parcel, Bytes& rest);
  void take_instance_record(RecordKind kind, Bytes& rest);
  void take_presence_record(RecordKind kind, Bytes& rest);
  void take_peer_record(RecordKind kind, const Origin& sender, const Origin& recipient);

  ShardParts& shard_;
  std::vector<ParcelPost> posts_;
  std::vector<std::vector<LinkId>> waiting_for_credit_;  // By shard.
};

}  // namespace onehop::core
