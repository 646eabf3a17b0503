// ClientFrames: what clients send beside messages: acks, flow, pings, renewals, goodbyes.
//
// Invariant: a client reads the refusals of all messages it sent before a ping, and then the pong. So each shard that
// it has sent to since the last barrier has to answer a barrier before the pong is written.
#pragma once

#include <cstdint>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/session/session.h"
#include "core/wire/message_scan.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::core {

struct ShardParts;

class ClientFrames {
 public:
  explicit ClientFrames(ShardParts& shard) : shard_(shard) {}
  ClientFrames(const ClientFrames&) = delete;
  ClientFrames& operator=(const ClientFrames&) = delete;

  void handle_control(LinkId id, Link& link, Session& session, FrameField field);
  void take_barrier_done(SessionId id, Session& session);

  // How many control frames the present read has brought. Messages are not counted.
  void begin_read() { handled_in_read_ = 0; }
  uint32_t handled_in_read() const { return handled_in_read_; }

 private:
  void handle_ack(LinkId id, Link& link, Session& session, Bytes body);
  void handle_flow(LinkId id, Link& link, Session& session, Bytes body);
  void handle_ping(SessionId id, Session& session, uint64_t nonce);
  void begin_barrier(SessionId id, Sending& sending, uint64_t nonce);

  ShardParts& shard_;
  uint32_t handled_in_read_ = 0;
  v1::Ack ack_;  // The one that is handled. Its ranges keep their memory: to allocate them anew took most of the time.
};

}  // namespace onehop::core
