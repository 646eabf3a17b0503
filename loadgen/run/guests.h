// The clients of one thread that come and go: in a churn each sends one message, for connects each only connects. There
// are no more at a time than the process may have open files; others wait for their turn, and are timed from when they
// should have come.
//
//   invite ──► waiting ──► present ──► gone ──► destroyed by forget_gone()
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "loadgen/run/client.h"
#include "loadgen/run/plan.h"
#include "loadgen/run/thread_schedule.h"

namespace onehop::loadgen {

class Guests {
 public:
  // All of these must outlive it.
  Guests(ClientHost& host, const Plan& plan, uint32_t thread, ThreadSchedule& schedule, Random& random);

  // A guest should have come at `intended_ns`. It counts for --count.
  void invite(uint64_t intended_ns);
  // Of connects in a closed loop: invites as many as are missing now, and no more in this turn, so that the sockets
  // have their turn where each guest fails at once.
  void keep_connecting(uint64_t now_ns);
  // Lets those in that wait, as far as there is room.
  void admit();

  void on_ready(Client& guest);
  void on_down(Client& guest, bool was_ready);
  // The guest may be destroyed, but not from within this call.
  void on_gone(Client& guest);
  // Destroys those that are gone. Nobody may have a pointer to them any more.
  void forget_gone() { gone_.clear(); }
  bool has_gone() const { return !gone_.empty(); }

  // The accounts are about to be closed: a guest that has not sent its message never will.
  void dismiss(uint64_t now_ns);
  bool are_gone() const { return present_.empty(); }
  // Guests that are present or wait.
  size_t count() const { return present_.size() + waiting_.size(); }

 private:
  ClientHost& host_;
  const Plan& plan_;
  ThreadSchedule& schedule_;
  Random& random_;
  absl::flat_hash_map<Client*, std::unique_ptr<Client>> present_;
  std::deque<uint64_t> waiting_;  // When they should have come.
  std::vector<std::unique_ptr<Client>> gone_;
  uint32_t next_index_;   // Each thread has the indexes that leave the same remainder.
  const size_t room_;     // How many may be present.
  const size_t at_once_;  // Of connects in a closed loop: how many shall be present; otherwise 0.
};

}  // namespace onehop::loadgen
