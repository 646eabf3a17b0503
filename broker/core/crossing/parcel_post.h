// The way to one other shard: parcels being filled, and the credit for more.
//
// Messages need credit; without it the sender's connection waits. Control records never wait: bounded by the messages
// and sessions they speak of, they travel in parcels without credit when there is none. All of it stays in one order.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/base/limits.h"
#include "core/crossing/parcel.h"
#include "core/crossing/record.h"

namespace onehop::core {

class ParcelPost {
 public:
  // False, and nothing done, if there is no credit for it.
  bool add_message(const RoutedMessage& message);
  // The same for a record of another kind that carries a message, so that those of clients pay nothing for it.
  bool add_message(const RoutedMessage& message, RecordKind kind);
  // Writes a record that begins with a RecordHead and the name or text behind it; sets the sizes in it.
  template <typename Record>
  void add_control(Record record, Bytes name = {}) {
    record.head.size = static_cast<uint32_t>(padded(sizeof record + name.size()));
    if constexpr (!std::is_same_v<Record, PeerRecord>) record.name_size = static_cast<uint32_t>(name.size());
    Parcel& parcel = parcel_with_room(record.head.size);
    last_receipt_ = kNone;
    if (record.head.kind == RecordKind::kReceipt && name.empty()) last_receipt_ = parcel.size();
    char* out = parcel.extend(record.head.size);
    std::memcpy(out, &record, sizeof record);
    if (!name.empty()) std::memcpy(out + sizeof record, name.data(), name.size());
  }
  // A receipt that goes on where the one before it ended becomes part of that.
  void add_receipt(const Receipt& receipt);

  // A parcel came back.
  void credit(Parcel parcel) { empty_.push_back(std::move(parcel)); }
  bool has_credit() const { return !empty_.empty() || made_ < kParcelsPerPair; }

  bool has_filled() const { return !filled_.empty(); }
  // Everything filled since the last time, in order.
  std::vector<Parcel> take_filled();

 private:
  static constexpr size_t kNone = SIZE_MAX;
  static constexpr uint32_t kControlParcelBytes = 8 << 10;

  Parcel& parcel_with_room(size_t size);

  std::vector<Parcel> filled_;
  std::vector<Parcel> empty_;
  uint32_t made_ = 0;
  size_t last_receipt_ = kNone;  // Where in the last filled parcel, if that is its last record.
};

}  // namespace onehop::core
