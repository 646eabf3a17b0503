// What it costs when sender and recipient live on different shards of one process, beside the same work on one shard:
// first both shards on one thread, so that the figure is the work and not the machine's wake-ups, then each on a loop
// and a thread of its own.
#include <benchmark/benchmark.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "measured_process.h"
#include "micro_two_shards.h"
#include "micro_world.h"
#include "reactor/loop.h"
#include "reactor/mailbox.h"
#include "reactor/thread.h"
#include "server/shard_host.h"

namespace {

using namespace onehop::core;
using onehop::bench::client_name;
using onehop::bench::flush_all;
using onehop::bench::kNow;
using onehop::bench::message_frame;
using onehop::bench::names_on;
using onehop::bench::receive;
using onehop::bench::seconds_of;
using onehop::bench::shard_config;
using onehop::bench::SilentHost;
using onehop::bench::TwoShards;
using onehop::reactor::Loop;
using onehop::reactor::Mailbox;
using onehop::server::ArrivingParcel;
using onehop::server::ReturningParcel;
using onehop::server::ShardMail;

constexpr size_t kPairs = 100, kBatchesPerFlush = 8;

// Senders are the first names of shard 0; their recipients are on shard 1, or the next names of shard 0.
struct Pairs {
  explicit Pairs(bool across)
      : senders(names_on(0, kPairs)), recipients(across ? names_on(1, kPairs) : names_on(0, 2 * kPairs)) {
    if (!across) recipients.erase(recipients.begin(), recipients.begin() + kPairs);
  }
  std::vector<std::string> senders, recipients;
};

std::string batch_for(const std::string& to, size_t messages) {
  std::string read;
  for (size_t i = 0; i < messages; ++i) read += message_frame(to, 0, 128);
  return read;
}

void one_thread(benchmark::State& state, bool across) {
  const auto batch = static_cast<size_t>(state.range(0));
  const Pairs pairs(across);
  TwoShards shards;
  std::vector<LinkId> links;
  std::vector<std::string> reads;
  for (size_t i = 0; i < kPairs; ++i) {
    links.push_back(onehop::bench::connect(shards[0], i + 1, pairs.senders[i]));
    onehop::bench::connect(shards[across ? 1 : 0], kPairs + i + 1, pairs.recipients[i]);
    reads.push_back(batch_for(pairs.recipients[i], batch));
  }
  shards.flush();
  size_t next = 0;
  for (auto _ : state) {
    receive(shards[0], links[next % kPairs], reads[next % kPairs]);
    if (++next % kBatchesPerFlush == 0) shards.flush();
  }
  shards.flush();
  const uint64_t delivered = shards[across ? 1 : 0].counters().messages_admitted;
  if (delivered != next * batch) state.SkipWithError("not every message was delivered");
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
void same_shard(benchmark::State& state) {
  one_thread(state, false);
}
void across_shards(benchmark::State& state) {
  one_thread(state, true);
}
BENCHMARK(same_shard)->Name("shards/one_thread/same")->ArgName("batch")->Arg(128)->Arg(4)->Arg(1);
BENCHMARK(across_shards)->Name("shards/one_thread/across")->ArgName("batch")->Arg(128)->Arg(4)->Arg(1);

// A shard on a loop, which does for it what the server's host does, but for sockets: clients are where the benchmark
// calls receive(), and `on_written` hears of what goes out to them.
class LoopShard final : private SilentHost {
 public:
  LoopShard(ShardIndex index, Loop& loop)
      : loop_(loop),
        index_(index),
        shard_(shard_config(index, 2), *this),
        mail_(loop, [this](ShardMail mail) { take(std::move(mail)); }) {
    loop_.after_events = loop_.before_sleep = [this] { flush(); };
  }
  ~LoopShard() { loop_.after_events = loop_.before_sleep = nullptr; }
  void connect_shard(LoopShard& other) { other_ = &other.mail_; }

  LinkId connect(const std::string& name) {
    reading_.push_back(true);
    return onehop::bench::connect(shard_, reading_.size(), name);
  }
  void receive(LinkId link, Bytes bytes) { onehop::bench::receive(shard_, link, bytes); }
  void flush() {
    do {
      flush_all(shard_);
      if (std::exchange(written_, false) && on_written) on_written();
    } while (shard_.flush_wanted());
  }
  // Of the link that was connected as number `nth`.
  bool reading(size_t nth) const { return reading_[nth]; }
  // Sleeps and serves until end_run(), which also happens when a link is read again.
  void run() {
    running_ = true;
    loop_.run();
    running_ = false;
  }
  // While it does not run there is nothing to end: libuv would remember it for the next time.
  void end_run() {
    if (running_) uv_stop(loop_.uv());
  }
  const Counters& counters() const { return shard_.counters(); }
  void drain() { mail_.drain(); }

  std::function<void()> on_written;

 private:
  size_t write(HostLink link, std::span<const Iov> pieces) override {
    written_ = true;
    return SilentHost::write(link, pieces);
  }
  void set_reading(HostLink link, bool reading) override {
    reading_[link.value - 1] = reading;
    if (reading) end_run();
  }
  void post(ShardIndex, Parcel parcel) override { other_->post(ArrivingParcel{index_, std::move(parcel)}); }
  void give_back(ShardIndex, Parcel parcel) override { other_->post(ReturningParcel{index_, std::move(parcel)}); }
  void take(ShardMail mail) {
    if (auto* arrived = std::get_if<ArrivingParcel>(&mail)) {
      return shard_.on_parcel(arrived->from, std::move(arrived->parcel), kNow);
    }
    auto& returned = std::get<ReturningParcel>(mail);
    shard_.on_credit(returned.to, std::move(returned.parcel), kNow);
  }

  Loop& loop_;
  const ShardIndex index_;
  Shard shard_;
  Mailbox<ShardMail> mail_;
  Mailbox<ShardMail>* other_ = nullptr;
  std::vector<bool> reading_;
  bool written_ = false;
  bool running_ = false;
};

// Shard 0 on this thread, shard 1 on another.
struct TwoThreads {
  TwoThreads() {
    near.connect_shard(far);
    far.connect_shard(near);
  }
  ~TwoThreads() {
    end_thread();
    near.drain();
    far.drain();
    near.drain();
  }
  void end_thread() {
    if (far_thread.running()) far_thread.stop_and_join();
  }
  // After the thread has ended: what is under way arrives.
  void settle() {
    near.flush();
    far.drain();
    far.flush();
    near.drain();
  }
  Loop near_loop;
  onehop::reactor::Thread far_thread{"far shard"};
  LoopShard near{0, near_loop};
  LoopShard far{1, far_thread.loop()};
};

void two_threads(benchmark::State& state, bool across) {
  const auto batch = static_cast<size_t>(state.range(0));
  const Pairs pairs(across);
  TwoThreads shards;
  LoopShard& home = across ? shards.far : shards.near;
  std::vector<LinkId> links;
  std::vector<std::string> reads;
  for (size_t i = 0; i < kPairs; ++i) {
    links.push_back(shards.near.connect(pairs.senders[i]));
    reads.push_back(batch_for(pairs.recipients[i], batch));
  }
  for (const std::string& name : pairs.recipients) home.connect(name);
  shards.near.flush();
  shards.far.flush();
  shards.far_thread.start();
  size_t next = 0;
  const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  for (auto _ : state) {
    const size_t sender = next % kPairs;
    while (!shards.near.reading(sender)) shards.near.run();
    shards.near.receive(links[sender], reads[sender]);
    if (++next % kBatchesPerFlush == 0) shards.near_loop.turn();
  }
  const double cpu_ns = (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e9;
  state.counters["cpu_ns_per_message"] = cpu_ns / static_cast<double>(next * batch);
  state.counters["parcels_per_1000"] =
      1'000.0 * static_cast<double>(shards.near.counters().parcels_posted) / static_cast<double>(next * batch);
  shards.end_thread();
  for (size_t i = 0; i < kParcelsPerPair && home.counters().messages_admitted < next * batch; ++i) shards.settle();
  if (home.counters().messages_admitted != next * batch) state.SkipWithError("not every message was delivered");
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
void same_shard_on_a_loop(benchmark::State& state) {
  two_threads(state, false);
}
void across_threads(benchmark::State& state) {
  two_threads(state, true);
}
BENCHMARK(same_shard_on_a_loop)->Name("shards/loop/same")->ArgName("batch")->Arg(128)->Arg(4)->Arg(1)->UseRealTime();
BENCHMARK(across_threads)->Name("shards/two_threads/across")->ArgName("batch")->Arg(128)->Arg(4)->Arg(1)->UseRealTime();

// One message, and one back as its answer: across, both cross. Half of what this takes more than on one shard is what a
// crossing adds to a message alone under way.
void round_trip(benchmark::State& state, bool across) {
  const Pairs pairs(across);
  TwoThreads shards;
  LoopShard& home = across ? shards.far : shards.near;
  const LinkId asker = shards.near.connect(pairs.senders[0]);
  const LinkId answerer = home.connect(pairs.recipients[0]);
  shards.near.flush();
  shards.far.flush();
  const std::string question = message_frame(pairs.recipients[0], 0, 128);
  const std::string answer = message_frame(pairs.senders[0], 0, 128);
  size_t written = 0;
  if (across) {
    shards.far.on_written = [&] {
      shards.far.receive(answerer, answer);
      shards.far.flush();
    };
  }
  shards.near.on_written = [&] {
    if (++written % 2 == 1 && !across) {
      shards.near.receive(answerer, answer);
      return shards.near.flush();
    }
    shards.near.end_run();
  };
  shards.far_thread.start();
  const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  for (auto _ : state) {
    shards.near.receive(asker, question);
    shards.near.run();
  }
  const double cpu_ns = (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e9;
  state.counters["cpu_ns"] = cpu_ns / static_cast<double>(state.iterations());
}
void round_trip_on_a_loop(benchmark::State& state) {
  round_trip(state, false);
}
void round_trip_across_threads(benchmark::State& state) {
  round_trip(state, true);
}
BENCHMARK(round_trip_on_a_loop)->Name("shards/loop/round_trip")->UseRealTime();
BENCHMARK(round_trip_across_threads)->Name("shards/two_threads/round_trip")->UseRealTime();

}  // namespace
