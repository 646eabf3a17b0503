// Connections of which the transport's handshake is not complete: a shard learns of them when it is. The loop's thread
// only.
//
// What is not complete at the deadline of the connection, or breaks, is ended with what the transport has to say to
// that (an alert), and the operators are told why. The deadline is that of the Connect, from the accept on.
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
class HandshakesHost {
 public:
  // Its transport is open. There may be bytes of the stream in it, and output.
  virtual void on_handshake(Arrival arrival) = 0;
  // To be closed in order: its transport may have an alert to send. `why` is empty if it has left without a word.
  virtual void on_no_handshake(Arrival arrival, std::string_view why) = 0;

 protected:
  ~HandshakesHost() = default;
};

class Handshakes {
 public:
  // `host` outlives this.
  Handshakes(reactor::Loop& loop, HandshakesHost& host);
  Handshakes(const Handshakes&) = delete;
  Handshakes& operator=(const Handshakes&) = delete;

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
  HandshakesHost& host_;
  Room room_;
};

}  // namespace onehop::server
