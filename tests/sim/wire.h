// The client's view of the bytes, by protobuf's own code and nothing of core's: what the broker writes must be right
// for others' parsers too.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/bytes.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::sim {

// Appends the frame in length-delimited form; returns its length-prefix value.
uint32_t append_frame(std::string& out, const v1::Frame& frame);
void append_varint(std::string& out, uint64_t value);

enum class Taken : uint8_t { kFrame, kNeedMore, kBroken };

// Takes one frame off the front of `rest`. `content` is its bytes without the length prefix.
Taken take_frame(core::Bytes& rest, v1::Frame& frame, core::Bytes& content);

}  // namespace onehop::sim
