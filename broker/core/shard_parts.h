// The parts of a shard. Each part owns its state and keeps its invariants. A part calls another one through this
// struct, by its name; no part holds a reference to another part.
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
