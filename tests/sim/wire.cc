// The client's view of the bytes: see the header.
#include "sim/wire.h"

#include <limits>

namespace onehop::sim {

void append_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

uint32_t append_frame(std::string& out, const v1::Frame& frame) {
  const size_t size = frame.ByteSizeLong();
  append_varint(out, size);
  const size_t begin = out.size();
  out.resize(begin + size);
  frame.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(out.data() + begin));
  return static_cast<uint32_t>(size);
}

Taken take_frame(core::Bytes& rest, v1::Frame& frame, core::Bytes& content) {
  uint64_t size = 0;
  size_t prefix = 0;
  for (;; ++prefix) {
    if (prefix == rest.size()) return Taken::kNeedMore;
    const auto byte = static_cast<uint8_t>(rest[prefix]);
    size |= uint64_t{byte & 0x7Fu} << (7 * prefix);
    if (byte < 0x80) break;
    if (prefix == 4) return Taken::kBroken;
  }
  ++prefix;
  if (size == 0 || size > std::numeric_limits<int>::max()) return Taken::kBroken;
  if (rest.size() - prefix < size) return Taken::kNeedMore;
  content = rest.substr(prefix, size);
  rest.remove_prefix(prefix + size);
  if (!frame.ParseFromArray(content.data(), static_cast<int>(size))) return Taken::kBroken;
  return frame.kind_case() == v1::Frame::KIND_NOT_SET ? Taken::kBroken : Taken::kFrame;
}

}  // namespace onehop::sim
