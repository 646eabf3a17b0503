// ParcelPost: see the header.
#include "core/crossing/parcel_post.h"

#include <cstring>

namespace onehop::core {

bool ParcelPost::add_message(const RoutedMessage& message) {
  const size_t size = message_record_size(message);
  if (filled_.empty() || !filled_.back().counts() || filled_.back().room() < size ||
      filled_.back().attached_bytes() >= kAttachedBytesMax) {
    if (!has_credit()) return false;
    if (empty_.empty()) {
      ++made_;
      filled_.emplace_back(kParcelBytes, true);
    } else {
      filled_.push_back(std::move(empty_.back()));
      empty_.pop_back();
    }
  }
  last_receipt_ = kNone;
  add_message_record(filled_.back(), message);
  return true;
}

bool ParcelPost::add_message(const RoutedMessage& message, RecordKind kind) {
  if (!add_message(message)) return false;
  Parcel& parcel = filled_.back();
  char* const place = parcel.at(parcel.size() - message_record_size(message));
  RecordHead head = peek_record({place, sizeof head});
  head.kind = kind;
  std::memcpy(place, &head, sizeof head);
  return true;
}

void ParcelPost::add_receipt(const Receipt& receipt) {
  if (last_receipt_ != kNone) {
    ReceiptRecord last;
    char* place = filled_.back().at(last_receipt_);
    std::memcpy(&last, place, sizeof last);
    Bytes rest(place, last.head.size);
    if (Receipt so_far = read_receipt_record(rest); so_far.goes_on_with(receipt)) {
      so_far.absorb(receipt.ids.last_id, receipt.frame_bytes);
      last.last_id = so_far.ids.last_id;
      last.frame_bytes = so_far.frame_bytes;
      std::memcpy(place, &last, sizeof last);
      return;
    }
  }
  ReceiptRecord record{};
  record.head.kind = RecordKind::kReceipt;
  record.head.gate_closed = receipt.gate_closed;
  record.head.sender = receipt.sender;
  record.recipient = receipt.recipient;
  record.recipient_hash = receipt.recipient_hash;
  record.first_id = receipt.ids.first_id;
  record.last_id = receipt.ids.last_id;
  record.frame_bytes = receipt.frame_bytes;
  record.fate = receipt.ids.fate;
  record.confirmed = receipt.confirmed ? 1 : 0;
  add_control(record, receipt.ids.text);
}

std::vector<Parcel> ParcelPost::take_filled() {
  last_receipt_ = kNone;
  return std::exchange(filled_, {});
}

Parcel& ParcelPost::parcel_with_room(size_t size) {
  if (filled_.empty() || filled_.back().room() < size) filled_.emplace_back(kControlParcelBytes, false);
  return filled_.back();
}

}  // namespace onehop::core
