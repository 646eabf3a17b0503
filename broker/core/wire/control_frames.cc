// Control frames: see the header.
#include "core/wire/control_frames.h"

namespace onehop::core {

size_t append_frame(OutputQueue& queue, SegmentPool& pool, const v1::Frame& frame) {
  const size_t length = frame.ByteSizeLong();
  const size_t size = varint_size(length) + length;
  char* out = write_varint(queue.append(pool, size), length);
  frame.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(out));
  return size;
}

size_t append_goodbye(OutputQueue& queue, SegmentPool& pool, const Farewell& farewell) {
  v1::Frame frame;
  v1::Goodbye& goodbye = *frame.mutable_goodbye();
  goodbye.set_code(farewell.code);
  goodbye.set_text(std::string(farewell.text));
  goodbye.set_retry_after_ms(farewell.retry_after_ms);
  goodbye.set_grace_ms(farewell.grace_ms);
  if (farewell.code == v1::CODE_UNSUPPORTED_VERSION) goodbye.set_max_protocol_version(1);
  return append_frame(queue, pool, frame);
}

}  // namespace onehop::core
