// See the header. This writes a message that differs from the one before it.
#include "loadgen/drivers/message_frames.h"

namespace onehop::loadgen {

size_t MessageWriter::write_another(Output& out, uint64_t id, const Outgoing& message, Bytes payload) {
  options_.ttl_ms = message.ttl_ms;
  options_.in_reply_to = message.in_reply_to;
  options_.in_reply_to_session = message.in_reply_to_session;
  const client::BodyWriter body(message.to, payload, options_);
  const client::FrameSize size(id, body.size());
  char* const begin = out.reserve(size.head_bytes + body.size());
  char* const body_at = client::write_message_head(begin, id, size);
  out.commit(body.write(body_at));
  if (message.in_reply_to != 0 || message.in_reply_to_session != 0 || payload.empty()) return size.frame_bytes;
  to_ = message.to;
  payload_bytes_ = payload.size();
  ttl_ms_ = message.ttl_ms;
  id_bytes_ = core::varint_size(id);
  frame_bytes_ = size.frame_bytes;
  start_.assign(begin, size.head_bytes - id_bytes_);
  head_.assign(body_at, body.size() - payload.size());
  return size.frame_bytes;
}

}  // namespace onehop::loadgen
