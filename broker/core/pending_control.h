// What the broker has to tell one client besides messages: receipts, flow, pings and pongs. It waits here, not yet
// encoded, until the connection's socket has taken what was encoded before: so it has room of its own that messages
// cannot fill, costs little while it waits, and ranges grow as refusals come.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"
#include "core/output_queue.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::core {

// The fate of one message, or of a run of ids.
struct Fate {
  v1::Outcome outcome = v1::OUTCOME_REJECTED;
  v1::Reason reason = v1::REASON_UNSPECIFIED;
  uint32_t retry_after_ms = 0;

  friend bool operator==(const Fate&, const Fate&) = default;
};

struct FateOfIds {
  uint64_t first_id;
  uint64_t last_id;
  Fate fate;
};

class PendingControl {
 public:
  // What became of messages `first_id` to `last_id`.
  void add_receipt(const FateOfIds& ids);
  void add_flow(Bytes client, v1::State state, uint32_t retry_after_ms);
  // The latest wins, as it does on the wire.
  void set_ping(uint64_t nonce);
  void set_pong(uint64_t nonce);

  bool empty() const { return receipts_.empty() && flows_.empty() && !has_ping_ && !has_pong_; }
  // Whether it holds memory that receipts and flow to come can use again.
  bool keeps_room() const { return receipts_.capacity() != 0 || flows_.capacity() != 0; }
  // About how many bytes of receipts and flow wait.
  size_t bytes() const { return receipts_.size() * kReceiptBytes + flow_bytes_; }

  // Encodes all of it behind what the queue holds; a pong comes last. Returns the bytes queued. `frame` is scratch.
  size_t encode(OutputQueue& queue, SegmentPool& pool, v1::Frame& frame);

 private:
  struct PendingFlow {
    std::string client;
    v1::State state;
    uint32_t retry_after_ms;
  };
  static constexpr size_t kReceiptBytes = 20;  // Typical, encoded.
  static constexpr size_t kFlowBytes = 12;     // Typical, encoded, without the name.
  // A frame of receipts stays below a client's smallest frame limit.
  static constexpr size_t kReceiptsPerFrame = 256;

  std::vector<FateOfIds> receipts_;
  std::vector<PendingFlow> flows_;
  size_t flow_bytes_ = 0;
  uint64_t ping_nonce_ = 0;
  uint64_t pong_nonce_ = 0;
  bool has_ping_ = false;
  bool has_pong_ = false;
};

}  // namespace onehop::core
