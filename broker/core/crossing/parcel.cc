// Parcel: see the header.
#include "core/crossing/parcel.h"

#include <utility>

namespace onehop::core {

uint32_t Parcel::attach(BufferRef body) {
  attached_bytes_ += body->capacity();
  attached_.push_back(std::move(body));
  return static_cast<uint32_t>(attached_.size() - 1);
}

void Parcel::clear() {
  size_ = 0;
  attached_.clear();
  attached_bytes_ = 0;
}

}  // namespace onehop::core
