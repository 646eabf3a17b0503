// The lobby: what a shard makes of the first bytes of a connection, before it knows whose it is. Pure: bytes in, a
// verdict out.
#pragma once

#include "core/wire/control_frames.h"
#include "core/wire/frame_decoder.h"

namespace onehop::core {

enum class FirstFrame : uint8_t {
  kNeedMore,
  kConnect,  // `connect` is complete and its name, if not empty, keeps the rules.
  kReject,   // `farewell` says why.
};

// Takes the first frame from what `decoder` has saved and `in`. Tells other protocols, by their first bytes, what this
// port is, and does not wait for the end of a frame that cannot be a Connect.
FirstFrame read_first_frame(FrameDecoder& decoder, Input& in, v1::Connect& connect, FrameView& frame,
                            Farewell& farewell);

}  // namespace onehop::core
