// Connections whose transport has not completed its handshake. A shard learns of a connection when the handshake is
// complete. The loop's thread only.
//
// A step that costs much (Transport::has_work) is done in turn: some in each turn of the loop, so that clients that are
// there do not wait for a storm of newcomers, and only while fewer than HandshakeLimit allows are under way on all
// loops together. The others wait in the order in which they came, and are not read meanwhile.
//
// A handshake that breaks, or misses the connection's deadline, ends the connection. The transport's output (an alert)
// is still sent, and operators are told why. The deadline covers everything from accept() to the end of the Connect.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "reactor/address.h"
#include "reactor/loop.h"
#include "reactor/timer.h"
#include "reactor/watch.h"
#include "server/arrival.h"
#include "server/counted_transport.h"
#include "server/handshake_limit.h"
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
  // `limit` and `host` outlive this. `place_ms`: BrokerParts::handshake_place_ms.
  TransportHandshakes(reactor::Loop& loop, HandshakeLimit& limit, uint64_t place_ms, TransportHandshakesHost& host);
  TransportHandshakes(const TransportHandshakes&) = delete;
  TransportHandshakes& operator=(const TransportHandshakes&) = delete;

  // Of an arrival with a transport; what is unread of it is the transport's input.
  void begin(Arrival arrival);
  // Closes all that are here, and tells nobody but `on_each`.
  template <typename OnEach>
  void clear(OnEach on_each) {
    room_.for_each([&](const Shaking& shaking) { on_each(shaking.arrival.source.get()); });
    line_.clear();
    turn_.disarm();
    places_.disarm();
    room_.clear();
  }
  // Ends a number of those that are here, the earliest deadline first, as handshakes that have failed.
  void refuse_oldest(std::string_view why);
  // What the transports hold of all that are here.
  uint64_t held_bytes() const { return held_bytes_; }

 private:
  // A place in the limit, for as long as this lives.
  class Slot {
   public:
    explicit Slot(HandshakeLimit& limit) : limit_(&limit) {}
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    ~Slot() { limit_->give_back(); }

   private:
    HandshakeLimit* limit_;
  };

  struct Shaking {
    Arrival arrival;  // Its descriptor before the watch, which must be gone first. Its transport is the next one's.
    std::unique_ptr<CountedTransport> transport;
    core::Instant deadline;
    bool heard = false;  // Anything at all.
    bool in_line = false;
    std::unique_ptr<Slot> slot;
    core::Instant slot_since{};
    int watched = 0;  // UV_READABLE, UV_WRITABLE
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
  void watch(Room::Place place, int wanted);
  void stand_in_line(Room::Place place);
  void take_turn();
  void take_place(Shaking& shaking);
  // Ends the peers that have kept a place for too long, if there is none left for others, on whatever loop those are.
  void look_at_places();
  // Once it is out of the room.
  void turn_away(Shaking& shaking, std::string_view why);

  reactor::Loop& loop_;
  HandshakeLimit& limit_;
  const uint64_t place_ms_;
  TransportHandshakesHost& host_;
  uint64_t held_bytes_ = 0;
  std::deque<Room::Place> line_;  // Those that have work to do, in the order in which they came.
  reactor::Timer turn_;           // Armed while somebody is in line.
  reactor::Timer places_;         // Armed while somebody has a place.
  Room room_;
};

}  // namespace onehop::server
