// A TCP forwarder on the caller's libuv loop that cuts connections at an exact byte: so many bytes of one direction get
// through, then both sides see the end, orderly or as a reset. Everything else passes as it comes.
#pragma once

#include <uv.h>

#include <cstdint>
#include <string>
#include <vector>

namespace onehop::test {

enum class Direction : uint8_t { kToBroker, kToClient };

struct Cut {
  Direction direction = Direction::kToBroker;
  uint64_t offset = 0;       // Bytes that get through.
  bool reset = false;        // Both sides see a reset; else the end of the stream.
  uint32_t connections = 1;  // How many are cut, from the first on.
};

class CuttingProxy {
 public:
  // `target`: "tcp://127.0.0.1:port".
  CuttingProxy(uv_loop_t* loop, const std::string& target);
  // The loop must run once more before it is closed.
  ~CuttingProxy();
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  // Ends what is there, and begins anew: the next connection is the first.
  void start(const Cut& cut);

  // Where it listens.
  const std::string& address() const { return address_; }
  uint32_t connections() const { return accepted_; }
  uint32_t cuts() const { return cuts_; }
  // What the longest of the connections that have ended let through.
  uint64_t passed_max(Direction direction) const { return passed_max_[static_cast<size_t>(direction)]; }

 private:
  class Pair;

  void accept();
  void forget(Pair* pair);

  uv_loop_t* loop_;
  uint16_t target_port_;
  Cut cut_;
  std::string address_;
  int listener_ = -1;
  uv_poll_t* listening_;
  std::vector<Pair*> pairs_;
  uint32_t accepted_ = 0;
  uint32_t cuts_ = 0;
  uint64_t passed_max_[2] = {0, 0};
};

}  // namespace onehop::test
