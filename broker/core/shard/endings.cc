// Endings: see the header.
#include "core/shard/endings.h"

#include <cassert>

#include "core/shard/shard_parts.h"

namespace onehop::core {

void Endings::refuse_connect(LinkId id, Link& link, Bytes name, const Farewell& farewell) {
  ++shard_.counters.connects_refused;
  shard_.note(Event::Kind::kConnectRefused, link, name, 0, farewell.code, farewell.text);
  begin_closing(id, link, farewell);
}

void Endings::end_link(LinkId id, Link& link, const Farewell& farewell, SessionThen then) {
  if (link.state == LinkState::kClosing) return;
  if (link.state != LinkState::kOpen) return refuse_connect(id, link, {}, farewell);
  drop_output(link);
  Session& session = shard_.sessions[link.session.index];
  shard_.note(Event::Kind::kConnectionEnded, link, session.name.name(), session.number, farewell.code, farewell.text);
  shard_.sessions.end_or_detach(link.session, session, farewell, then);
  begin_closing(id, link, farewell);
}

void Endings::end_link_in_order(LinkId id, Link& link, const Farewell& farewell, SessionThen then) {
  if (Session* session = shard_.sessions.find(link.session)) {
    link.control_bytes_left = 0;
    shard_.writer.encode_control(id, link, *session);
    shard_.sessions.end_or_detach(link.session, *session, farewell, then);
  }
  begin_closing(id, link, farewell);
}

void Endings::drop_output(Link& link) {
  const size_t queued_bytes = link.output.bytes();
  const size_t messages = link.output.count_frames(is_unconfirmed_delivery);
  link.output.drop_unbegun(shard_.segments);
  shard_.counters.messages_dropped += messages - link.output.count_frames(is_unconfirmed_delivery);
  shard_.counters.queued_bytes -= queued_bytes - link.output.bytes();
}

void Endings::begin_closing(LinkId id, Link& link, const Farewell& farewell) {
  assert(link.state != LinkState::kClosing);
  link.state = LinkState::kClosing;
  link.waits_to_send = link.waits_to_subscribe = link.waits_for_control = false;
  shard_.handshake.drop_question(link);
  shard_.terms.forget(id, link);
  if (farewell.code != v1::CODE_UNSPECIFIED) {
    shard_.counters.queued_bytes += append_goodbye(link.output, shard_.segments, farewell);
  }
  link.deadline = shard_.now() + kClosingDeadlineMs;
  shard_.deadlines.arm(id.index, link.deadline);
  shard_.links.resume_reading(link);  // To discard what still comes.
  shard_.writer.mark_dirty(id, link);
}

void Endings::drop_decoder(Link& link) {
  shard_.counters.decoder_bytes -= link.decoder.held_bytes();
  link.decoder = {};
}

void Endings::forget_link(LinkId id, Link& link) {
  shard_.handshake.drop_question(link);
  shard_.terms.forget(id, link);
  drop_decoder(link);
  shard_.counters.messages_dropped += link.output.count_frames(is_unconfirmed_delivery);
  shard_.counters.queued_bytes -= link.output.bytes();
  link.output.clear(shard_.segments);
  shard_.deadlines.disarm(id.index);
  shard_.links.erase(id);
  --shard_.counters.links;
}

void Endings::protocol_error(LinkId id, Link& link, Bytes text) {
  end_link(id, link, {v1::CODE_PROTOCOL_ERROR, text, 0});
}

}  // namespace onehop::core
