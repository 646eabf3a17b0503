// The generator: see the header.
#include "figures_generator.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include <cerrno>
#include <deque>
#include <utility>

#include "measured_process.h"

namespace onehop::bench {
namespace {

constexpr size_t kReceiveBytes = 256 << 10;
constexpr int kEventsMax = 512;
constexpr double kDrainSecondsMax = 10;
// One message in so many is timed; all of them where one is under way at a time.
constexpr uint64_t kTimedEvery = 16;
constexpr size_t kPatternPeriod = 4096;

[[noreturn]] void wrong(const char* what) {
  std::fprintf(stderr, "onehop-compare: %s\n", what);
  std::exit(1);
}

uint64_t now_ns() {
  timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return static_cast<uint64_t>(at.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(at.tv_nsec);
}

struct Pair;

// One connection of the generator's.
struct End {
  int fd = -1;
  Pair* pair = nullptr;
  std::string partial;  // The beginning of what has not arrived completely.
  std::string unsent;   // What the socket has not taken yet.
};

struct Pair {
  uint32_t index = 0;
  std::string to;
  End sender, receiver;
  uint64_t sent = 0;
  uint64_t received = 0;
  uint64_t arrived = 0;  // Under way no more: received, or its outcome is known.
  uint64_t tags_up_to = 0;
  uint64_t receipts_up_to = 0;
  std::vector<uint64_t> sent_at;  // By number, modulo the window.
};

class Generator final : private Inbox {
 public:
  Generator(const RunningSystem& system, const Codec& codec, const Work& work)
      : system_(system),
        codec_(codec),
        work_(work),
        pairs_(work.pairs),
        received_(kReceiveBytes),
        outgoing_(Codec::kAckBytesMax + work.window * codec.message_bytes_max(work.bytes)),
        payload_(work.bytes),
        pattern_(kPatternPeriod + work.bytes) {
    uint32_t state = 1;
    for (char& byte : pattern_) byte = static_cast<char>((state = state * 1'664'525 + 1'013'904'223) >> 24);
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) fail("epoll");
    connect();
  }
  ~Generator() {
    for (Pair& pair : pairs_) {
      close(pair.sender.fd);
      close(pair.receiver.fd);
    }
    close(epoll_);
  }

  Figures run(const Timing& timing) {
    for (Pair& pair : pairs_) send_more(pair, work_.window);
    run_for(timing.warm_up_seconds);
    timing_ = true;
    const uint64_t from_ns = now_ns();
    const uint64_t arrived = arrived_;
    const double cpu = system_.cpu_seconds();
    const double own_cpu = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    run_for(timing.seconds);
    const double cpu_used = system_.cpu_seconds() - cpu;
    const double own_cpu_used = seconds_of(CLOCK_THREAD_CPUTIME_ID) - own_cpu;
    const double seconds = static_cast<double>(now_ns() - from_ns) * 1e-9;
    const auto messages = static_cast<double>(arrived_ - arrived);
    timing_ = false;
    drain();
    if (messages == 0) wrong("nothing arrived in the measured time");
    return {cpu_used / messages * 1e6, messages / seconds, percentile_us(0.5), percentile_us(0.99),
            own_cpu_used / seconds};
  }

 private:
  void connect() {
    std::vector<std::string> names;
    for (size_t i = 0; i < work_.pairs; ++i) {
      names.push_back("sender-" + std::to_string(i));
      names.push_back("receiver-" + std::to_string(i));
    }
    const std::vector<int> fds = system_.connect(names, 0);
    for (size_t i = 0; i < pairs_.size(); ++i) {
      Pair& pair = pairs_[i];
      pair.index = static_cast<uint32_t>(i);
      pair.to = work_.nobody ? "nobody-" + std::to_string(i) : names[2 * i + 1];
      pair.sent_at.resize(work_.window);
      watch(pair.sender, pair, fds[2 * i]);
      watch(pair.receiver, pair, fds[2 * i + 1]);
    }
  }

  void watch(End& end, Pair& pair, int fd) {
    end.fd = fd;
    end.pair = &pair;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    epoll_event event{EPOLLIN, {&end}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
  }

  void run_for(double seconds) {
    const uint64_t end_ns = now_ns() + static_cast<uint64_t>(seconds * 1e9);
    while (now_ns() < end_ns) turn();
  }

  // Nothing new is sent; everything under way must arrive.
  void drain() {
    draining_ = true;
    const uint64_t end_ns = now_ns() + static_cast<uint64_t>(kDrainSecondsMax * 1e9);
    while (arrived_ < sent_) {
      if (now_ns() >= end_ns) wrong("messages were lost");
      turn();
    }
  }

  void turn() {
    epoll_event events[kEventsMax];
    const int count = epoll_wait(epoll_, events, kEventsMax, work_.spinning ? 0 : 50);
    for (int i = 0; i < count; ++i) {
      End& end = *static_cast<End*>(events[i].data.ptr);
      if ((events[i].events & EPOLLOUT) != 0) send_rest(end);
      if ((events[i].events & ~static_cast<uint32_t>(EPOLLOUT)) != 0) receive(end);
    }
  }

  void receive(End& end) {
    std::copy(end.partial.begin(), end.partial.end(), received_.begin());
    const size_t before = end.partial.size();
    const ssize_t size = recv(end.fd, received_.data() + before, received_.size() - before, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) wrong("a connection ended");
    const size_t have = before + static_cast<size_t>(size);
    arrived_at_ns_ = now_ns();
    reading_ = &end;
    const uint64_t arrived = end.pair->arrived;
    const size_t taken = codec_.read({received_.data(), have}, *this);
    end.partial.assign(received_.data() + taken, have - taken);
    Pair& pair = *end.pair;
    const uint64_t fresh = pair.arrived - arrived;
    arrived_ += fresh;
    if (&end == &pair.receiver && pair.tags_up_to != 0) acknowledge(end, pair.tags_up_to, 0);
    if (fresh != 0 && !draining_) {
      send_more(pair, fresh);
    } else if (&end == &pair.sender && pair.receipts_up_to != 0) {
      acknowledge(end, 0, pair.receipts_up_to);
    }
    pair.tags_up_to = pair.receipts_up_to = 0;
  }

  void acknowledge(End& end, uint64_t tags_up_to, uint64_t receipts_up_to) {
    char ack[Codec::kAckBytesMax];
    send(end, {ack, static_cast<size_t>(codec_.write_ack(ack, tags_up_to, receipts_up_to) - ack)});
  }

  // Inbox: what codec_.read finds in the bytes of reading_.
  void on_greeted() override {}
  void on_reply(Bytes reply) override { send(*reading_, reply); }
  void on_message(Bytes payload, uint64_t tag) override {
    Pair& pair = *reading_->pair;
    if (reading_ != &pair.receiver) wrong("a message came to the wrong client");
    if (payload.size() != work_.bytes) wrong("a message changed its size");
    if (core::read_fixed64(payload.data()) != pair.received) wrong("a message came out of its order");
    if (payload.substr(8) != filling(pair, pair.received)) wrong("a message changed its content");
    ++pair.received;
    if ((tag != 0) != work_.confirmed) wrong("a message came with another confirm level");
    if (work_.confirmed) {
      pair.tags_up_to = tag;
    } else {
      note_arrival(pair);
    }
  }
  void on_told(uint64_t first_id, uint64_t last_id, bool delivered) override {
    Pair& pair = *reading_->pair;
    if (delivered != work_.confirmed) wrong("a receipt has the wrong outcome");
    if (first_id != pair.arrived + 1 || last_id < first_id || last_id > pair.sent) wrong("a receipt has the wrong ids");
    while (pair.arrived < last_id) note_arrival(pair);
  }

  void on_receipts(uint64_t seq) override { reading_->pair->receipts_up_to = seq; }

  void note_arrival(Pair& pair) {
    const uint64_t number = pair.arrived++;
    if (!timing_ || (work_.window != 1 && number % kTimedEvery != 0)) return;
    waits_ns_.push_back(static_cast<uint32_t>(arrived_at_ns_ - pair.sent_at[number % work_.window]));
  }

  Bytes filling(const Pair& pair, uint64_t number) const {
    return {pattern_.data() + (pair.index * 31 + number * 7) % kPatternPeriod, work_.bytes - 8};
  }

  void send_more(Pair& pair, uint64_t count) {
    char* out = outgoing_.data();
    if (pair.receipts_up_to != 0) out = codec_.write_ack(out, 0, std::exchange(pair.receipts_up_to, 0));
    const uint64_t at = now_ns();
    for (; count != 0; --count) {
      const uint64_t number = pair.sent++;
      core::write_fixed64(payload_.data(), number);
      const Bytes rest = filling(pair, number);
      std::copy(rest.begin(), rest.end(), payload_.begin() + 8);
      pair.sent_at[number % work_.window] = at;
      out = codec_.write_message(out, pair.to, work_.ids ? number + 1 : 0, work_.confirmed,
                                 {payload_.data(), payload_.size()});
      ++sent_;
    }
    send(pair.sender, {outgoing_.data(), static_cast<size_t>(out - outgoing_.data())});
  }

  void send(End& end, Bytes bytes) {
    if (end.unsent.empty()) {
      const ssize_t size = ::send(end.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size < 0 && errno != EAGAIN) fail("send");
      bytes.remove_prefix(size < 0 ? 0 : static_cast<size_t>(size));
      if (bytes.empty()) return;
      set_interest(end, EPOLLIN | EPOLLOUT);
    }
    end.unsent.append(bytes);
  }

  void send_rest(End& end) {
    const ssize_t size = ::send(end.fd, end.unsent.data(), end.unsent.size(), MSG_NOSIGNAL);
    if (size < 0 && errno != EAGAIN) fail("send");
    end.unsent.erase(0, size < 0 ? 0 : static_cast<size_t>(size));
    if (end.unsent.empty()) set_interest(end, EPOLLIN);
  }

  void set_interest(End& end, uint32_t interest) {
    epoll_event event{interest, {&end}};
    if (epoll_ctl(epoll_, EPOLL_CTL_MOD, end.fd, &event) != 0) fail("epoll_ctl");
  }

  double percentile_us(double part) {
    if (waits_ns_.empty()) return 0;
    const auto at = static_cast<ptrdiff_t>(part * static_cast<double>(waits_ns_.size() - 1));
    std::nth_element(waits_ns_.begin(), waits_ns_.begin() + at, waits_ns_.end());
    return waits_ns_[static_cast<size_t>(at)] / 1e3;
  }

  const RunningSystem& system_;
  const Codec& codec_;
  const Work work_;
  int epoll_ = -1;
  std::vector<Pair> pairs_;
  std::vector<char> received_;
  std::vector<char> outgoing_;
  std::vector<char> payload_;
  std::vector<char> pattern_;
  End* reading_ = nullptr;
  uint64_t arrived_at_ns_ = 0;
  uint64_t sent_ = 0;
  uint64_t arrived_ = 0;
  bool timing_ = false;
  bool draining_ = false;
  std::vector<uint32_t> waits_ns_;
};

}  // namespace

Figures run_work(const System& system, const Work& work, const Timing& timing) {
  const RunningSystem running(system);
  return Generator(running, *system.codec, work).run(timing);
}

}  // namespace onehop::bench
