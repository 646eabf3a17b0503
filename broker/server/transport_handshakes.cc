// TransportHandshakes: see the header.
#include "server/transport_handshakes.h"

#include <sys/uio.h>

#include <algorithm>
#include <utility>

#include "reactor/socket.h"

namespace onehop::server {
namespace {

using State = transport::Transport::State;

// A peer that sends without pause must not hold the loop.
constexpr int kReceivesPerTurn = 4;
constexpr size_t kReceiveBytes = 4 << 10;
// Some milliseconds of signatures at most.
constexpr int kWorkPerTurn = 4;
// When to look again whether another loop has given a place back.
constexpr uint64_t kLookAgainMs = 5;
// How often to look whether somebody keeps a place for too long.
constexpr uint64_t kLookAtPlacesMs = 100;
// What refuse_oldest() ends at a time, so that the loop is not held up.
constexpr size_t kRefusedAtOnce = 64;

constexpr std::string_view kTooLate = "the handshake was not complete in time";
constexpr std::string_view kTooSlow = "the handshake took too long while all places for handshakes were taken";

}  // namespace

TransportHandshakes::TransportHandshakes(reactor::Loop& loop, HandshakeLimit& limit, uint64_t place_ms,
                                         TransportHandshakesHost& host)
    : loop_(loop),
      limit_(limit),
      place_ms_(place_ms),
      host_(host),
      turn_(loop, [this] { take_turn(); }),
      places_(loop, [this] { look_at_places(); }),
      room_(loop, [this](Shaking& overdue) { turn_away(overdue, kTooLate); }) {}

void TransportHandshakes::begin(Arrival arrival) {
  const core::Instant deadline = arrival.connect_deadline;
  const core::Bytes unread = std::exchange(arrival.unread, {});
  auto transport = std::make_unique<CountedTransport>(std::move(arrival.transport), held_bytes_);
  const Room::Place place =
      room_.enter({std::move(arrival), std::move(transport), deadline, !unread.empty(), false, nullptr, {}, 0, {}});
  if (!unread.empty()) (*place->transport)->take_input(unread);
  go_on(place);
}

void TransportHandshakes::go_on(Room::Place place) {
  transport::Transport& transport = **place->transport;
  const bool goes_on = (transport.state() != State::kHandshake || receive(*place)) && write(*place);
  place->transport->count();
  if (transport.state() == State::kBroken) return refuse(place, transport.error());
  if (!goes_on) return refuse(place, place->heard ? "the connection ended within its handshake" : "");
  if (transport.state() != State::kHandshake) return complete(place);
  if (transport.has_work()) return stand_in_line(place);
  watch(place, UV_READABLE | (transport.output().empty() ? 0 : UV_WRITABLE));
}

void TransportHandshakes::watch(Room::Place place, int wanted) {
  if (place->watched == wanted) return;
  place->watch.stop();
  place->watched = wanted;
  if (place->watch.start(loop_, place->arrival.fd.get(), wanted, [this, place] { go_on(place); }) != 0) {
    refuse(place, {});
  }
}

void TransportHandshakes::stand_in_line(Room::Place place) {
  place->watch.stop();
  place->watched = 0;
  place->in_line = true;
  line_.push_back(place);
  if (line_.size() == 1) turn_.arm_at(loop_.now_ms());
}

void TransportHandshakes::take_turn() {
  bool has_place = true;
  for (int done = 0; done < kWorkPerTurn && !line_.empty() && (has_place = limit_.take()); ++done) {
    const Room::Place place = line_.front();
    line_.pop_front();
    place->in_line = false;
    take_place(*place);
    (*place->transport)->do_work();
    go_on(place);
  }
  if (!line_.empty()) turn_.arm_at(loop_.now_ms() + (has_place ? 0 : kLookAgainMs));
}

void TransportHandshakes::take_place(Shaking& shaking) {
  shaking.slot = std::make_unique<Slot>(limit_);
  shaking.slot_since = {loop_.now_ms()};
  if (!places_.armed()) places_.arm_at(loop_.now_ms() + std::min(place_ms_, kLookAtPlacesMs));
}

void TransportHandshakes::look_at_places() {
  const auto is_late = [this](const Shaking& shaking) {
    return shaking.slot != nullptr && loop_.now_ms() >= shaking.slot_since.ms + place_ms_;
  };
  if (limit_.is_full()) {
    while (const auto late = room_.find_first(is_late)) refuse(*late, kTooSlow);
  }
  const auto has_place = [](const Shaking& shaking) { return shaking.slot != nullptr; };
  if (room_.find_first(has_place)) places_.arm_at(loop_.now_ms() + std::min(place_ms_, kLookAtPlacesMs));
}

void TransportHandshakes::refuse_oldest(std::string_view why) {
  const auto any = [](const Shaking&) { return true; };
  for (size_t ended = 0; ended < kRefusedAtOnce; ++ended) {
    const auto first = room_.find_first(any);
    if (!first) return;
    refuse(*first, why);
  }
}

bool TransportHandshakes::receive(Shaking& shaking) {
  transport::Transport& transport = **shaking.transport;
  char space[kReceiveBytes];
  for (int i = 0; i < kReceivesPerTurn && transport.state() == State::kHandshake && !transport.has_work(); ++i) {
    const reactor::IoResult received = reactor::receive(shaking.arrival.fd.get(), space);
    if (received.would_block()) return true;
    if (!received.transferred()) return false;
    shaking.heard = true;
    transport.take_input({space, received.bytes});
  }
  return true;
}

bool TransportHandshakes::write(Shaking& shaking) {
  transport::Transport& transport = **shaking.transport;
  for (core::Bytes output; !(output = transport.output()).empty();) {
    const reactor::IoResult sent = reactor::send(shaking.arrival.fd.get(), output);
    if (sent.would_block()) return true;
    if (!sent.transferred()) return false;
    transport.output_written(sent.bytes);
  }
  return true;
}

void TransportHandshakes::complete(Room::Place place) {
  Shaking shaking = room_.take(place);
  shaking.watch.stop();
  shaking.slot.reset();
  shaking.arrival.transport = shaking.transport->release();
  host_.on_handshake(std::move(shaking.arrival));
}

void TransportHandshakes::refuse(Room::Place place, std::string_view why) {
  const std::string text(why);  // It may be the transport's own.
  Shaking shaking = room_.take(place);
  turn_away(shaking, text);
}

void TransportHandshakes::turn_away(Shaking& shaking, std::string_view why) {
  if (shaking.in_line) std::erase_if(line_, [&](Room::Place place) { return &*place == &shaking; });
  shaking.watch.stop();
  shaking.slot.reset();
  shaking.arrival.transport = shaking.transport->release();
  if (!why.empty()) limit_.count_failure();
  host_.on_no_handshake(std::move(shaking.arrival), why);
}

}  // namespace onehop::server
