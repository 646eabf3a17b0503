// FlowControl: pause, refuse and resume, for each destination. Senders of a client whose queue fills are told to pause,
// then refused; those that asked for order find their gate closed until they say that they know.
//
// Invariant: whoever was told to pause is told to resume, a few at a time, also after the recipient has ended.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/queue/sender_table.h"
#include "core/session/session.h"
#include "core/wire/routed_message.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::core {

struct ShardParts;

class FlowControl {
 public:
  explicit FlowControl(ShardParts& shard) : shard_(shard) {}
  FlowControl(const FlowControl&) = delete;
  FlowControl& operator=(const FlowControl&) = delete;

  void pause_sender(const RoutedMessage& message, Session& recipient);
  // The queue is full. It closes the gate of a sender that asked for order.
  void refuse_full(const RoutedMessage& message, SessionId id, Session& recipient);
  void open_gate(const Origin& sender, const Origin& recipient);
  void tell_flow(const Origin& sender, const FlowTarget& target, v1::State state, uint32_t retry_after_ms);
  void sender_ended(const Origin& sender, const Sending& sending);
  // The recipient's queue has gone below the low mark: those told to pause may go on.
  void release_senders(SessionId id, Session& recipient);
  // These senders may go on; the caller does not need the table any more.
  void release_later(const FlowTarget& target, std::unique_ptr<SenderTable> senders);
  // Sends the next batch of RESUMEs for each recipient that has paused senders left, and for each that has ended.
  // Returns when to call it again.
  Instant release_more();

 private:
  // A client that has ended or a service, and the senders that are still to be told RESUME. Gates are open already.
  struct Released {
    std::string name;
    bool is_service;
    std::unique_ptr<SenderTable> senders;
  };

  void release_some(SenderTable& senders, const FlowTarget& target);

  ShardParts& shard_;
  std::vector<SessionId> resuming_;  // Recipients that still have paused senders to release.
  std::vector<Released> released_;   // Others that do.
  Instant next_release_;
};

}  // namespace onehop::core
