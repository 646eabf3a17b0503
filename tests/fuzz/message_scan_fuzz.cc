// Any bytes as a message and as a frame: the scan, a slow check and protobuf's parser must agree.
#include <cstdint>

#include "check.h"
#include "message_oracle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const onehop::core::Bytes bytes(reinterpret_cast<const char*>(data), size);
  onehop::fuzz::require_none(onehop::fuzz::message_disagreement(bytes));
  onehop::fuzz::require_none(onehop::fuzz::frame_disagreement(bytes));
  return 0;
}
