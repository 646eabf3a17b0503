// Connections whose transport has not completed its handshake. A shard learns of a connection when the handshake is
// complete. The loop's thread only.
//
// A handshake that breaks, or misses the connection's deadline, ends the connection. The transport's output (an alert)
// is still sent, and operators are told why. The deadline covers everything from accept() to the end of the Connect.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "reactor/address.h"
#include "reactor/loop.h"
#include "reactor/watch.h"
#include "server/arrival.h"
#include "server/waiting_room.h"

namespace onehop::server {

// Each connection is told of once.
class TransportHandshakesHost {
 public:
  // Its transport is open. There may be bytes of the stream in it, and output.
  virtual void on_handshake(Arrival arrival) = 0;
  // To be closed in order: its transport may have an alert to send. `why` is empty if it has left without a word.
  virtual void on_no_handshake(Arrival arrival, std::string_view why) = 0;

 protected:
  ~TransportHandshakesHost() = default;
};

class TransportHandshakes {
 public:
  // `host` outlives this.
  TransportHandshakes(reactor::Loop& loop, TransportHandshakesHost& host);
  TransportHandshakes(const TransportHandshakes&) = delete;
  TransportHandshakes& operator=(const TransportHandshakes&) = delete;

  // Of an arrival with a transport; what is unread of it is the transport's input.
  void begin(Arrival arrival);
  // Closes all that are here, and tells nobody but `on_each`.
  template <typename OnEach>
  void clear(OnEach on_each) {
    room_.for_each([&](const Shaking& shaking) { on_each(shaking.arrival.source.get()); });
    room_.clear();
  }

 private:
  struct Shaking {
    Arrival arrival;  // Its descriptor before the watch, which must be gone first.
    core::Instant deadline;
    bool heard = false;  // Anything at all.
    int watched = 0;     // UV_READABLE, UV_WRITABLE
    reactor::Watch watch;
  };
  using Room = WaitingRoom<Shaking>;

  // Does what can be done now.
  void go_on(Room::Place place);
  // False: it is broken, or its end was met.
  bool receive(Shaking& shaking);
  bool write(Shaking& shaking);
  void complete(Room::Place place);
  void refuse(Room::Place place, std::string_view why);

  reactor::Loop& loop_;
  TransportHandshakesHost& host_;
  Room room_;
};

}  // namespace onehop::server
