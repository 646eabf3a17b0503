// The clients of one thread that asked to be called: to send what they have written, or to look at the time.
#pragma once

#include <cstdint>
#include <vector>

namespace onehop::loadgen {

class Client;

class Errands {
 public:
  void want_flush(Client& client) { to_flush_.push_back(&client); }
  void want_ticks(Client& client) { to_tick_.push_back(&client); }

  // Flushes until nobody wants it any more, since a flush may want another one, of the same client or of others.
  void flush_all(uint64_t now_ns);
  // Ticks each client that wants it. One that returns true is ticked again the next time.
  void tick_all(uint64_t now_ns);
  // Takes out clients that are gone, before they are destroyed.
  void forget_gone();

 private:
  std::vector<Client*> to_flush_, flushing_, to_tick_;
};

}  // namespace onehop::loadgen
