// Says by other means what the scan of messages and frames must answer: a slow check written from docs/wire.md, and
// protobuf's own parser. Used by the fuzz target and by the test with random messages.
#pragma once

#include <set>
#include <string>

#include "core/wire/message_scan.h"

namespace onehop::fuzz {

// Every reason to refuse this message, as far as it can be read. None: it must be taken.
std::set<core::ScanError> message_faults(core::Bytes body);
std::set<core::ScanError> frame_faults(core::Bytes frame);

// What the scan, the slow check and the parser do not agree on; empty if they do.
std::string message_disagreement(core::Bytes body);
std::string frame_disagreement(core::Bytes frame);

}  // namespace onehop::fuzz
