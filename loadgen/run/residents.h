// The clients of one thread that stay for the whole run: who sends, who speaks, who only rests; how they connect, and
// what all of them are asked to do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "loadgen/run/client.h"
#include "loadgen/run/plan.h"

namespace onehop::loadgen {

class Residents {
 public:
  // `host`: the thread that they live on; it must have a loop, a ledger and a recorder by now.
  Residents(ClientHost& host, const Plan& plan, uint32_t thread);

  const std::vector<std::unique_ptr<Client>>& clients() const { return clients_; }
  const std::vector<Client*>& senders() const { return senders_; }
  // The client with this index, or nullptr if it lives on another thread.
  Client* find(uint32_t index) const { return by_index_[index]; }
  // The sender whose turn it is; with random arrivals any of them.
  Client& next_sender(Random& random);

  // --- Connecting
  // Begins to connect as many as may be under way at once, at --connect-rate if there is one.
  void connect_more(uint64_t now_ns);
  // Of a storm: whether some have not begun to connect; and connects the next one of them.
  bool has_unconnected() const { return connects_begun_ < clients_.size(); }
  void connect_next(uint64_t intended_ns) { clients_[connects_begun_++]->connect(intended_ns); }
  // A client is ready for the first time.
  void note_ready() { ++ready_; }
  size_t ready() const { return ready_; }
  bool all_are_ready() const { return ready_ == clients_.size(); }
  // How many have begun to connect and are not ready.
  size_t connecting() const { return connects_begun_ > ready_ ? connects_begun_ - ready_ : 0; }

  // --- While the run goes on
  // Once a tick. Looks after a few of them, so that all have been looked after in an eighth of the keepalive: clients
  // that connected together must not be looked after together, or messages would wait for that.
  void keep_some_alive(uint64_t now_ns);
  // Asks systems that tell only refusals what they took.
  void ask_what_was_taken();
  // Messages that were sent and have no outcome.
  size_t untold() const;

  // --- The end
  void read_freely();
  // Asks those that only rest for a sign of life: nothing else shows whether the system still serves them.
  void ask_for_life(uint64_t now_ns);
  // How many of these have not answered.
  size_t silent() const;
  void give_up_waiting();
  void leave(uint64_t now_ns);
  void note_gone() { ++gone_; }
  bool all_are_gone() const { return gone_ >= clients_.size(); }

 private:
  const Plan& plan_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<Client*> by_index_;
  std::vector<Client*> senders_;
  std::vector<Client*> speakers_;  // The senders, and in echo those who answer.
  std::vector<Client*> resting_;   // Those that only keep alive.
  size_t next_sender_ = 0;
  size_t connects_begun_ = 0;
  size_t ready_ = 0;
  size_t gone_ = 0;
  uint64_t connecting_since_ns_ = 0;
  size_t next_kept_alive_ = 0;
};

}  // namespace onehop::loadgen
