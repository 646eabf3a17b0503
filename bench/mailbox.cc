// ADR 5: which queue a loop's mailbox is made of. Candidates: a mutex around a vector that the consumer swaps out;
// moodycamel's ReaderWriterQueue, one for each producer; moodycamel's ConcurrentQueue with a producer token each. All
// wake the consumer, a real libuv loop, by one uv_async_t when the mailbox was empty. Two shapes of traffic:
//   one at a time  a parcel goes to the other thread and comes back before the next leaves: the price of a crossing
//   stream         each producer keeps 256 parcels under way: the price when the consumer is busy anyway
// The figure is the CPU time of all threads per parcel, and the time per parcel.
//
//   onehop-bench-mailbox [--parcels N] [--repeat N]
#include <concurrentqueue/concurrentqueue.h>
#include <readerwriterqueue/readerwriterqueue.h>

#include <map>
#include <memory>
#include <string>
#include <thread>

#include "measured_process.h"
#include "reactor/loop.h"
#include "reactor/mailbox.h"

namespace {

using onehop::bench::seconds_of;
using onehop::bench::spread;
using onehop::reactor::Drainable;
using onehop::reactor::Loop;
using onehop::reactor::Mailbox;

constexpr size_t kWindow = 256;

// As large as what is really posted: an owned buffer and a few words about it.
struct Parcel {
  std::unique_ptr<char[]> bytes;
  size_t size;
  size_t from;
};

using OnParcel = std::function<void(Parcel)>;

class MutexMailbox {
 public:
  MutexMailbox(Loop& loop, size_t, OnParcel on_parcel) : mailbox_(loop, std::move(on_parcel)) {}
  void post(size_t, Parcel parcel) { mailbox_.post(std::move(parcel)); }

 private:
  Mailbox<Parcel> mailbox_;
};

// The mark says that a wake-up is under way. The consumer clears it before it looks, so that a parcel put in after the
// look finds the mark cleared and wakes again.
class MarkedMailbox : public Drainable {
 public:
  MarkedMailbox(Loop& loop, OnParcel on_parcel) : loop_(loop), on_parcel_(std::move(on_parcel)) { loop_.add(this); }
  ~MarkedMailbox() { loop_.remove(this); }

 protected:
  void wake_once() {
    if (!waking_.exchange(true)) loop_.wake();
  }
  void clear() { waking_.exchange(false); }

  Loop& loop_;
  const OnParcel on_parcel_;

 private:
  std::atomic<bool> waking_{false};
};

class PairedMailbox final : public MarkedMailbox {
 public:
  PairedMailbox(Loop& loop, size_t producers, OnParcel on_parcel) : MarkedMailbox(loop, std::move(on_parcel)) {
    for (size_t i = 0; i < producers; ++i) queues_.push_back(std::make_unique<Queue>(kWindow));
  }
  void post(size_t producer, Parcel parcel) {
    queues_[producer]->enqueue(std::move(parcel));
    wake_once();
  }
  void drain() override {
    clear();
    Parcel parcel;
    for (auto& queue : queues_) {
      while (queue->try_dequeue(parcel)) on_parcel_(std::move(parcel));
    }
  }

 private:
  using Queue = moodycamel::ReaderWriterQueue<Parcel>;
  std::vector<std::unique_ptr<Queue>> queues_;
};

class TokenMailbox final : public MarkedMailbox {
 public:
  TokenMailbox(Loop& loop, size_t producers, OnParcel on_parcel) : MarkedMailbox(loop, std::move(on_parcel)) {
    for (size_t i = 0; i < producers; ++i) tokens_.push_back(std::make_unique<moodycamel::ProducerToken>(queue_));
  }
  void post(size_t producer, Parcel parcel) {
    queue_.enqueue(*tokens_[producer], std::move(parcel));
    wake_once();
  }
  void drain() override {
    clear();
    Parcel parcels[32];
    while (const size_t count = queue_.try_dequeue_bulk(token_, parcels, std::size(parcels))) {
      for (size_t i = 0; i < count; ++i) on_parcel_(std::move(parcels[i]));
    }
  }

 private:
  moodycamel::ConcurrentQueue<Parcel> queue_;
  moodycamel::ConsumerToken token_{queue_};
  std::vector<std::unique_ptr<moodycamel::ProducerToken>> tokens_;
};

struct Cost {
  double cpu_ns, wall_ns;
};

// `producers` loops post to one consuming loop, which returns each parcel to the loop it came from, as the broker
// returns buffers: so both directions go through the queue measured.
template <typename Queue>
Cost run(size_t producers, size_t window, size_t parcels) {
  Loop consumer;
  std::vector<std::unique_ptr<Loop>> loops;
  for (size_t i = 0; i < producers; ++i) loops.push_back(std::make_unique<Loop>());
  std::vector<std::unique_ptr<Queue>> returns;
  size_t taken = 0;
  auto inbox = std::make_unique<Queue>(consumer, producers, [&](Parcel parcel) {
    const auto& back = returns[parcel.from];
    back->post(0, std::move(parcel));
    if (++taken == parcels * producers) consumer.stop();
  });
  std::vector<size_t> left(producers, parcels), open(producers, 0);
  for (size_t i = 0; i < producers; ++i) {
    returns.push_back(std::make_unique<Queue>(*loops[i], 1, [&, i](Parcel parcel) {
      --open[i];
      if (left[i] > 0) {
        --left[i];
        ++open[i];
        inbox->post(i, std::move(parcel));
      } else if (open[i] == 0) {
        loops[i]->stop();
      }
    }));
  }
  const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID), wall = seconds_of(CLOCK_MONOTONIC);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < producers; ++i) {
    threads.emplace_back([&, i] {
      onehop::bench::pin(onehop::bench::kGeneratorCore);
      const size_t first = std::min(window, left[i]);
      left[i] -= first;
      open[i] = first;
      for (size_t n = 0; n < first; ++n) inbox->post(i, {std::make_unique<char[]>(64), 64, i});
      loops[i]->run();
    });
  }
  onehop::bench::pin(onehop::bench::kServerCore);
  consumer.run();
  for (std::thread& thread : threads) thread.join();
  const auto total = static_cast<double>(parcels * producers);
  const Cost cost{(seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e9 / total,
                  (seconds_of(CLOCK_MONOTONIC) - wall) * 1e9 / total};
  inbox.reset();
  returns.clear();
  return cost;
}

}  // namespace

int main(int argc, char** argv) {
  size_t parcels = 200'000, repeat = 5;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--parcels") parcels = static_cast<size_t>(std::max(1, std::atoi(argv[i + 1])));
    if (flag == "--repeat") repeat = static_cast<size_t>(std::max(1, std::atoi(argv[i + 1])));
  }
  struct Shape {
    const char* name;
    size_t producers, window, share;
  };
  constexpr Shape kShapes[] = {{"1 producer, one at a time", 1, 1, 4},
                               {"1 producer, 256 open", 1, kWindow, 1},
                               {"3 producers, 256 open each", 3, kWindow, 1}};
  std::puts("| traffic | queue | ns of CPU per parcel and return | ns per parcel |\n| --- | --- | --- | --- |");
  for (const Shape& shape : kShapes) {
    std::map<std::string, std::vector<double>> cpu, wall;
    for (size_t round = 0; round < repeat; ++round) {
      const auto add = [&](const char* name, Cost cost) {
        cpu[name].push_back(cost.cpu_ns);
        wall[name].push_back(cost.wall_ns);
      };
      const size_t count = parcels / shape.share;
      add("mutex and vector", run<MutexMailbox>(shape.producers, shape.window, count));
      add("readerwriterqueue", run<PairedMailbox>(shape.producers, shape.window, count));
      add("concurrentqueue", run<TokenMailbox>(shape.producers, shape.window, count));
    }
    for (const char* name : {"mutex and vector", "readerwriterqueue", "concurrentqueue"}) {
      const auto c = spread(cpu[name]), w = spread(wall[name]);
      std::printf("| %s | %s | %.0f (%.0f–%.0f) | %.0f |\n", shape.name, name, c.median, c.lowest, c.highest, w.median);
    }
  }
}
