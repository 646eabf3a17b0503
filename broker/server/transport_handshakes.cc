// TransportHandshakes: see the header.
#include "server/transport_handshakes.h"

#include <sys/uio.h>

#include <utility>

#include "reactor/socket.h"

namespace onehop::server {
namespace {

using State = transport::Transport::State;

// A peer that sends without pause must not hold the loop.
constexpr int kReceivesPerTurn = 4;
constexpr size_t kReceiveBytes = 4 << 10;

constexpr std::string_view kTooLate = "the handshake was not complete in time";

}  // namespace

TransportHandshakes::TransportHandshakes(reactor::Loop& loop, TransportHandshakesHost& host)
    : loop_(loop), host_(host), room_(loop, [this](Shaking& overdue) {
        overdue.watch.stop();
        host_.on_no_handshake(std::move(overdue.arrival), kTooLate);
      }) {}

void TransportHandshakes::begin(Arrival arrival) {
  const core::Instant deadline = arrival.connect_deadline;
  const core::Bytes unread = std::exchange(arrival.unread, {});
  const Room::Place place = room_.enter({std::move(arrival), deadline, !unread.empty(), 0, {}});
  if (!unread.empty()) place->arrival.transport->take_input(unread);
  go_on(place);
}

void TransportHandshakes::go_on(Room::Place place) {
  const transport::Transport& transport = *place->arrival.transport;
  const bool goes_on = (transport.state() != State::kHandshake || receive(*place)) && write(*place);
  if (transport.state() == State::kBroken) return refuse(place, transport.error());
  if (!goes_on) return refuse(place, place->heard ? "the connection ended within its handshake" : "");
  if (transport.state() != State::kHandshake) return complete(place);
  const int wanted = UV_READABLE | (transport.output().empty() ? 0 : UV_WRITABLE);
  if (place->watched == wanted) return;
  place->watch.stop();
  place->watched = wanted;
  if (place->watch.start(loop_, place->arrival.fd.get(), wanted, [this, place] { go_on(place); }) != 0) {
    refuse(place, {});
  }
}

bool TransportHandshakes::receive(Shaking& shaking) {
  transport::Transport& transport = *shaking.arrival.transport;
  char space[kReceiveBytes];
  for (int i = 0; i < kReceivesPerTurn && transport.state() == State::kHandshake; ++i) {
    const reactor::IoResult received = reactor::receive(shaking.arrival.fd.get(), space);
    if (received.would_block()) return true;
    if (!received.transferred()) return false;
    shaking.heard = true;
    transport.take_input({space, received.bytes});
  }
  return true;
}

bool TransportHandshakes::write(Shaking& shaking) {
  transport::Transport& transport = *shaking.arrival.transport;
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
  host_.on_handshake(std::move(shaking.arrival));
}

void TransportHandshakes::refuse(Room::Place place, std::string_view why) {
  const std::string text(why);  // It may be the transport's own.
  Shaking shaking = room_.take(place);
  shaking.watch.stop();
  host_.on_no_handshake(std::move(shaking.arrival), text);
}

}  // namespace onehop::server
