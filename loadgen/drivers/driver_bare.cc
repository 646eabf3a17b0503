// The yardstick of connects: the client sends 64 bytes, and the server (`onehop-blind --answer`) sends as many back.
// Every server pays at least this for a connect, whatever its protocol says. There are no names and no messages.
#include <array>
#include <stdexcept>

#include "loadgen/drivers/driver.h"

namespace onehop::loadgen {
namespace {

constexpr std::array<char, 64> kGreeting{};

class BarePeer final : public Peer {
 public:
  void open(Output& out) override { out.append({kGreeting.data(), kGreeting.size()}); }

  // The command line allows no workload that sends with this driver.
  void write_message(Output&, const Outgoing&, Bytes) override {}

  size_t read(Bytes in, Inbox& inbox, Output&) override {
    if (in.size() < kGreeting.size()) return 0;
    if (in.size() == kGreeting.size()) {
      inbox.on_ready("a bare server");
    } else {
      inbox.on_ended("more was answered than was sent");
    }
    return in.size();
  }

  void write_keepalive(Output&) override {}
  void leave(Output&) override {}
};

class BareDriver final : public Driver {
 public:
  std::unique_ptr<Peer> make_peer(PeerOptions) override { return std::make_unique<BarePeer>(); }
  bool tells() const override { return false; }
};

}  // namespace

std::unique_ptr<Driver> make_bare_driver(const DriverOptions& options) {
  if (options.confirm != Confirm::kNone) throw std::invalid_argument("a bare server tells nothing: --confirm none");
  return std::make_unique<BareDriver>();
}

}  // namespace onehop::loadgen
