// ParcelPost: see the header.
#include "core/parcel_post.h"

#include <cstring>

namespace onehop::core {

bool ParcelPost::add_message(const RoutedMessage& message) {
  const size_t size = message_record_size(message);
  if (filled_.empty() || !filled_.back().counts() || filled_.back().room() < size) {
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

void ParcelPost::add_receipt(const ReceiptRecord& receipt) {
  if (last_receipt_ != kNone) {
    ReceiptRecord last;
    char* place = filled_.back().at(last_receipt_);
    std::memcpy(&last, place, sizeof last);
    if (last.head.sender == receipt.head.sender && last.recipient == receipt.recipient && !receipt.head.gate_closed &&
        last.ids.last_id + 1 == receipt.ids.first_id && last.ids.fate == receipt.ids.fate) {
      last.ids.last_id = receipt.ids.last_id;
      std::memcpy(place, &last, sizeof last);
      return;
    }
  }
  add_control(receipt);
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
