// Idle memory: see the header.
#include "figures_idle.h"

#include <sys/epoll.h>

#include <unordered_map>

#include "measured_process.h"

namespace onehop::bench {
namespace {

constexpr size_t kConnectsAtOnce = 250;

// Holds connections and answers what wants an answer.
class IdleClients final : private Inbox {
 public:
  explicit IdleClients(const Codec& codec) : codec_(codec), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) fail("epoll");
  }
  ~IdleClients() {
    for (const auto& [fd, partial] : partial_) close(fd);
    close(epoll_);
  }

  void add(int fd) {
    partial_[fd];
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
  }

  void rest_for(double seconds) {
    const double end = seconds_of(CLOCK_MONOTONIC) + seconds;
    epoll_event events[256];
    int count;
    do {
      count = epoll_wait(epoll_, events, 256, seconds > 0 ? 20 : 0);
      for (int i = 0; i < count; ++i) receive(events[i].data.fd);
    } while (count > 0 || seconds_of(CLOCK_MONOTONIC) < end);
  }

  size_t answered() const { return answered_; }

 private:
  void receive(int fd) {
    char bytes[4096];
    const ssize_t size = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (size <= 0) fail("an idle connection ended");
    std::string& partial = partial_[fd];
    partial.append(bytes, static_cast<size_t>(size));
    reading_ = fd;
    partial.erase(0, codec_.read(partial, *this));
  }

  void on_greeted() override {}
  void on_message(Bytes, uint64_t) override {}
  void on_told(uint64_t, uint64_t, bool) override {}
  void on_receipts(uint64_t) override {}
  void on_reply(Bytes reply) override {
    if (write(reading_, reply.data(), reply.size()) < 0) fail("pong");
    ++answered_;
  }

  const Codec& codec_;
  const int epoll_;
  int reading_ = -1;
  size_t answered_ = 0;
  std::unordered_map<int, std::string> partial_;
};

double slope(const std::vector<double>& x, const std::vector<double>& y) {
  const auto n = static_cast<double>(x.size());
  double sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    sum_x += x[i];
    sum_y += y[i];
    sum_xx += x[i] * x[i];
    sum_xy += x[i] * y[i];
  }
  return (n * sum_xy - sum_x * sum_y) / (n * sum_xx - sum_x * sum_x);
}

// Long enough that everybody was pinged, and looked at again.
void rest(IdleClients& clients, size_t connections, uint32_t keepalive_ms) {
  const size_t answered = clients.answered();
  clients.rest_for(2.2e-3 * keepalive_ms);
  if (clients.answered() - answered >= connections) return;
  std::fputs("onehop-compare: keepalives did not run\n", stderr);
  std::exit(1);
}

}  // namespace

double idle_bytes(const System& system, const std::vector<size_t>& connections, uint32_t keepalive_ms) {
  const RunningSystem running(system);
  IdleClients clients(*system.codec);
  std::vector<double> x, y;
  size_t made = 0;
  for (const size_t wanted : connections) {
    while (made < wanted) {
      // In between the others' keepalives are answered.
      std::vector<std::string> names;
      for (; made < wanted && names.size() < kConnectsAtOnce; ++made) names.push_back("client-" + std::to_string(made));
      for (const int fd : running.connect(names, keepalive_ms)) clients.add(fd);
      clients.rest_for(0);
    }
    if (!system.codec->greeting("x", keepalive_ms).empty()) rest(clients, wanted, keepalive_ms);
    x.push_back(static_cast<double>(wanted));
    y.push_back(running.private_dirty_bytes());
  }
  return slope(x, y);
}

}  // namespace onehop::bench
