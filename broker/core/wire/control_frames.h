// Control frames: the only place where protobuf's generated types meet the broker's own.
#pragma once

#include <cstdint>

#include "core/base/bytes.h"
#include "core/wire/output_queue.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::core {

// Field numbers of Frame's `kind`.
enum class FrameKind : uint32_t {
  kConnect = v1::Frame::kConnectFieldNumber,
  kConnected = v1::Frame::kConnectedFieldNumber,
  kMessage = v1::Frame::kMessageFieldNumber,
  kAck = v1::Frame::kAckFieldNumber,
  kReceipts = v1::Frame::kReceiptsFieldNumber,
  kFlow = v1::Frame::kFlowFieldNumber,
  kPing = v1::Frame::kPingFieldNumber,
  kPong = v1::Frame::kPongFieldNumber,
  kGoodbye = v1::Frame::kGoodbyeFieldNumber,
  kRenew = v1::Frame::kRenewFieldNumber,
  kRenewed = v1::Frame::kRenewedFieldNumber,
  kSubscribe = v1::Frame::kSubscribeFieldNumber,
  kUnsubscribe = v1::Frame::kUnsubscribeFieldNumber,
  kWatch = v1::Frame::kWatchFieldNumber,
};

// Parses the body of a control frame; false if protobuf does not take it.
template <typename Message>
bool parse_body(Bytes body, Message& out) {
  return out.ParseFromArray(body.data(), static_cast<int>(body.size()));
}

// Queues a frame with its length prefix. Returns the bytes queued.
size_t append_frame(OutputQueue& queue, SegmentPool& pool, const v1::Frame& frame);

// What a goodbye of the broker says.
struct Farewell {
  v1::Code code = v1::CODE_NORMAL;
  Bytes text;
  uint32_t retry_after_ms = 0;
  uint32_t grace_ms = 0;  // Over 0: the connection stays open so long.
};
size_t append_goodbye(OutputQueue& queue, SegmentPool& pool, const Farewell& farewell);

}  // namespace onehop::core
