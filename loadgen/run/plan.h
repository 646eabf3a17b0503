// Who takes part in a run: which client sends, receives, reads slowly or only rests, on which thread it lives, and whom
// a message is for. Made once, before the threads start; they only read it, but for the marks at its end.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "loadgen/drivers/driver.h"
#include "loadgen/measure/distributions.h"
#include "loadgen/run/settings.h"
#include "reactor/address.h"

namespace onehop::loadgen {

class Plan {
 public:
  Plan(const Settings& settings, Driver& driver, const reactor::SocketAddress& address);

  const Settings& settings() const { return settings_; }
  Driver& driver() const { return driver_; }
  const reactor::SocketAddress& address() const { return address_; }
  // To connect from: nullptr is any.
  const reactor::SocketAddress* source_of(uint32_t client) const;
  // The same for all threads, another for each run.
  uint64_t run() const { return run_; }
  std::string id() const;  // The same, for people.

  // Clients that stay for the whole run are 0 to stays() - 1; the guests of kChurn and kConnects come after them.
  uint32_t stays() const { return settings_.clients + settings_.idle; }
  bool is_guest(uint32_t client) const { return client >= stays(); }
  std::string name_of(uint32_t client) const { return prefix_ + std::to_string(client); }
  const std::string& known_name_of(uint32_t client) const { return names_[client]; }  // Of one that stays.
  // The number of a client by its name; stays() if it is none of them.
  uint32_t client_of(Bytes name) const;

  bool sends(uint32_t client) const;
  uint32_t senders() const { return senders_; }  // How many do.
  bool receives(uint32_t client) const;
  bool is_slow(uint32_t client) const;
  // Whether it does nothing but keep its connection alive.
  bool only_rests(uint32_t client) const;
  uint32_t thread_of(uint32_t client) const;
  // Whom the next message of `sender` is for; `turn` counts them, for kFanOut.
  uint32_t recipient_of(uint32_t sender, uint64_t turn, Random& random) const;

  // Whether latencies are those of messages from `sender` to `recipient`, or of the answers (kEcho).
  bool is_echo() const { return settings_.workload == Workload::kEcho; }
  // Whether connects are what the run counts, and no messages.
  bool counts_connects() const { return settings_.workload == Workload::kConnects; }
  // When the message of each client that was counted last into the uncorrected latencies arrived, in ns: what one who
  // waits for each message before sending the next would be waiting for. ANY THREAD.
  std::atomic<uint64_t>& waits_until(uint32_t client) const { return waits_until_[client]; }

 private:
  const Settings& settings_;
  Driver& driver_;
  const reactor::SocketAddress address_;
  std::vector<reactor::SocketAddress> sources_;
  const uint64_t run_;
  const std::string prefix_;
  std::vector<std::string> names_;
  const Popularity popularity_;
  const std::unique_ptr<std::atomic<uint64_t>[]> waits_until_;
  uint32_t senders_ = 0;
};

}  // namespace onehop::loadgen
