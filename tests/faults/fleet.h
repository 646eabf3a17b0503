// A fleet: many clients of the C++ library on one loop, each of which keeps sending confirmed messages to the others,
// through whatever happens to the broker. It knows every message, and checks the promises of docs/delivery.md itself:
// one outcome for each, what is DELIVERED was received, what was REJECTED was not, nothing is received twice, and what
// one client sends another arrives in order.
#pragma once

#include <uv.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "onehop/loop_client.h"

namespace onehop::faults {

struct FleetOptions {
  std::string server;
  std::string prefix = "f";
  uint32_t clients = 100;
  uint32_t window = 8;  // Messages that each client keeps without an outcome; 0: it sends none.
  std::string tls_ca_file;
  std::string token_file;  // Read for each connection and each renewal; empty: no token.
};

class Fleet {
 public:
  // Begins to connect at once. One thread, the loop's.
  Fleet(uv_loop_t* loop, const FleetOptions& options);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  // All clients vanish without a goodbye, and connect anew, all at once.
  void vanish_and_return();
  // Sends nothing more; ended() when every message has its outcome and every client has said goodbye.
  void finish();

  uint32_t open() const { return open_; }
  bool ended() const { return ended_ == members_.size(); }
  uint64_t outcomes() const { return outcomes_; }
  // What has happened, as one line of JSON.
  std::string report() const;

 private:
  class Member;
  friend class Member;

  void say(const std::string& event) const;
  void broken(const std::string& promise);
  void close_when_settled();

  const FleetOptions options_;
  client::ClientLoop client_loop_;
  uv_loop_t* const loop_;
  std::vector<std::unique_ptr<Member>> members_;
  uint32_t open_ = 0;
  uint32_t ended_ = 0;
  bool finishing_ = false;
  bool closing_ = false;
  uint64_t sent_ = 0;
  uint64_t outcomes_ = 0;
  uint64_t received_ = 0;
  uint64_t vanished_ = 0;                   // Messages whose outcome nobody waits for any more.
  std::map<std::string, uint64_t> counts_;  // By outcome and reason.
  std::map<std::string, uint64_t> downs_;   // By what ended connections.
  std::vector<uint64_t> told_retry_ms_;     // In goodbyes.
  std::vector<uint64_t> away_ms_;           // From a goodbye to the next session.
  std::vector<std::string> broken_promises_;
};

}  // namespace onehop::faults
