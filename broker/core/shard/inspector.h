// Inspector: what operators ask about clients, and the one thing they may do to them.
#pragma once

#include <cstdint>
#include <optional>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/session/session.h"
#include "core/shard/client_report.h"

namespace onehop::core {

struct ShardParts;

class Inspector {
 public:
  explicit Inspector(ShardParts& shard) : shard_(shard) {}
  Inspector(const Inspector&) = delete;
  Inspector& operator=(const Inspector&) = delete;

  ClientsFound find_clients(const ClientSearch& search);
  std::optional<ClientState> find_client(Bytes name);
  // What stands between this sender and a recipient of this shard.
  SenderState sender_state(Bytes recipient, const Origin& sender);
  // Whether this client of this shard may send to that recipient, wherever it lives.
  KnownPermission known_permission(Bytes sender, Bytes recipient);
  // Looks at all sessions.
  uint64_t paused_senders();
  // Ends a client for good. False if there is none of that name.
  bool kick(Bytes name, Bytes text);
  ShardIndex home_of(Bytes name) const;

 private:
  uint64_t idle_ms(const Session& session);
  ClientState state_of(SessionId id);

  ShardParts& shard_;
  RateSamples rate_samples_;
};

}  // namespace onehop::core
