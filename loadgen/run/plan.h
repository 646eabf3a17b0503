// Who does what in a run: which client sends, receives, reads slowly or only rests, on which thread it lives, and which
// client a message is for. The plan is made once before the threads start. They only read it, except for waits_until().
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
  // The address to connect from, or nullptr for any address.
  const reactor::SocketAddress* source_of(uint32_t client) const;
  // The number of the run, which all threads share and no other run has.
  uint64_t run() const { return run_; }
  std::string id() const;  // The number as text.

  // The clients that stay for the whole run are 0 to stays() - 1. The guests of kChurn and kConnects have the numbers
  // above.
  uint32_t stays() const { return settings_.clients + settings_.idle; }
  bool is_guest(uint32_t client) const { return client >= stays(); }
  std::string name_of(uint32_t client) const { return prefix_ + std::to_string(client); }
  const std::string& known_name_of(uint32_t client) const { return names_[client]; }  // For a client that stays.
  // The number of a client by its name, or stays() if no such client stays.
  uint32_t client_of(Bytes name) const;

  bool sends(uint32_t client) const;
  uint32_t senders() const { return senders_; }  // How many clients send.
  bool receives(uint32_t client) const;
  bool is_slow(uint32_t client) const;
  // Whether the client only keeps its connection alive.
  bool only_rests(uint32_t client) const;
  uint32_t thread_of(uint32_t client) const;
  // The recipient of the next message of `sender`. `turn` counts the messages, for kFanOut.
  uint32_t recipient_of(uint32_t sender, uint64_t turn, Random& random) const;

  // Whether each message is answered, and latencies are those of the answers (kEcho).
  bool is_echo() const { return settings_.workload == Workload::kEcho; }
  // Whether the run counts connections and not messages.
  bool counts_connects() const { return settings_.workload == Workload::kConnects; }
  // ANY THREAD. When the last message of each client arrived that counts for the uncorrected latencies, in nanoseconds.
  // A client that waits for each message before it sends the next would wait until then.
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
