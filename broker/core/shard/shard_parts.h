// The parts of a shard. Each part owns its state and keeps its invariants. A part calls another one through this
// struct, by its name; no part holds a reference to another part.
#pragma once

#include "core/shard/client_frames.h"
#include "core/shard/credential_terms.h"
#include "core/shard/crossing.h"
#include "core/shard/endings.h"
#include "core/shard/flow_control.h"
#include "core/shard/handshake.h"
#include "core/shard/inspector.h"
#include "core/shard/link_deadlines.h"
#include "core/shard/links.h"
#include "core/shard/memory_guard.h"
#include "core/shard/message_path.h"
#include "core/shard/outcomes.h"
#include "core/shard/permissions.h"
#include "core/shard/presence.h"
#include "core/shard/presence_home.h"
#include "core/shard/presence_rights.h"
#include "core/shard/requests.h"
#include "core/shard/revocation.h"
#include "core/shard/service_moves.h"
#include "core/shard/services.h"
#include "core/shard/sessions.h"
#include "core/shard/shard_common.h"
#include "core/shard/shutdown.h"
#include "core/shard/subscription_rights.h"
#include "core/shard/subscriptions.h"
#include "core/shard/topics.h"
#include "core/shard/writer.h"

namespace onehop::core {

struct ShardParts : ShardCommon {
  using ShardCommon::ShardCommon;

  Links links{*this};
  Sessions sessions{*this};
  LinkDeadlines deadlines{*this};
  Handshake handshake{*this};
  Endings endings{*this};
  ClientFrames client_frames{*this};
  MessagePath path{*this};
  Crossing crossing{*this};
  Permissions permissions{*this};
  Outcomes outcomes{*this};
  FlowControl flow{*this};
  MemoryGuard memory{*this};
  Shutdown shutdown{*this};
  Writer writer{*this};
  Inspector inspector{*this};
  CredentialTerms terms{*this};
  Revocation revocation{*this};
  Subscriptions subscriptions{*this};
  SubscriptionRights subscription_rights{*this};
  Topics topics{*this};
  Services services{*this};
  ServiceMoves moves{*this};
  Requests requests{*this};
  Presence presence{*this};
  PresenceHome presence_home{*this};
  PresenceRights presence_rights{*this};
};

}  // namespace onehop::core
