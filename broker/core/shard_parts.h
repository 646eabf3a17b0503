// The parts of a shard. Each owns its own state and answers for it; each reaches the others through this one struct, by
// the name of the part, and none through what another part holds.
#pragma once

#include "core/client_frames.h"
#include "core/crossing.h"
#include "core/endings.h"
#include "core/flow_control.h"
#include "core/handshake.h"
#include "core/inspector.h"
#include "core/link_deadlines.h"
#include "core/links.h"
#include "core/memory_guard.h"
#include "core/message_path.h"
#include "core/outcomes.h"
#include "core/sessions.h"
#include "core/shard_common.h"
#include "core/shutdown.h"
#include "core/writer.h"

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
  Outcomes outcomes{*this};
  FlowControl flow{*this};
  MemoryGuard memory{*this};
  Shutdown shutdown{*this};
  Writer writer{*this};
  Inspector inspector{*this};
};

}  // namespace onehop::core
