// What it costs to hand messages to another thread, as two shards do: parcels through the loops' mailboxes, woken by
// the loops' own wake-ups, and back again empty. Without shards: micro_shards.cc has those.
#include <benchmark/benchmark.h>

#include <string>
#include <utility>
#include <variant>

#include "core/crossing/parcel_post.h"
#include "core/wire/name_stamp.h"
#include "measured_process.h"
#include "micro_wire.h"
#include "reactor/loop.h"
#include "reactor/mailbox.h"
#include "reactor/thread.h"
#include "server/shard_host.h"

namespace {

using namespace onehop::core;
using onehop::bench::seconds_of;
using onehop::reactor::Loop;
using onehop::reactor::Mailbox;
using onehop::server::ArrivingParcel;
using onehop::server::ReturningParcel;
using onehop::server::ShardMail;

// Posts parcels to a thread that reads every message in them and returns them.
class Crossing {
 public:
  Crossing()
      : near_mail_(near_, [this](ShardMail mail) { take_back(std::move(mail)); }),
        far_("consumer"),
        far_mail_(far_.loop(), [this](ShardMail mail) { consume(std::move(mail)); }) {
    far_.start();
  }
  ~Crossing() {
    far_.stop_and_join();
    near_mail_.drain();
  }

  // The message's parcel leaves with it if it is the last in one.
  void send(const RoutedMessage& message, bool last_in_parcel) {
    while (!post_.add_message(message)) wait_for_parcel();
    if (!last_in_parcel) return;
    for (Parcel& parcel : post_.take_filled()) {
      ++under_way_;
      far_mail_.post(ArrivingParcel{0, std::move(parcel)});
    }
  }
  // Sleeps until at least one has come back.
  void wait_for_parcel() { near_.run(); }
  size_t under_way() const { return under_way_; }

 private:
  void consume(ShardMail mail) {
    auto& arrived = std::get<ArrivingParcel>(mail);
    for (Bytes rest = arrived.parcel.bytes(); !rest.empty();) {
      benchmark::DoNotOptimize(read_message_record(arrived.parcel, rest).body.data());
    }
    arrived.parcel.clear();
    near_mail_.post(ReturningParcel{1, std::move(arrived.parcel)});
  }
  void take_back(ShardMail mail) {
    --under_way_;
    post_.credit(std::move(std::get<ReturningParcel>(mail).parcel));
    uv_stop(near_.uv());
  }

  Loop near_;
  Mailbox<ShardMail> near_mail_;
  ParcelPost post_;
  size_t under_way_ = 0;
  onehop::reactor::Thread far_;
  Mailbox<ShardMail> far_mail_;
};

void hand_over(benchmark::State& state, size_t messages_per_parcel, size_t parcels_open) {
  const std::string body = onehop::bench::message_body("bob", 0, 128);
  const NameStamp from("alice");
  RoutedMessage message;
  message.sender.kind = Origin::Kind::kSession;
  message.from_stamp = from.stamp();
  message.body = body;
  if (scan_message(body, {}, message.scanned) != ScanError::kNone) std::abort();
  Crossing crossing;
  const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  for (auto _ : state) {
    for (size_t i = 0; i < messages_per_parcel; ++i) crossing.send(message, i + 1 == messages_per_parcel);
    while (crossing.under_way() >= parcels_open) crossing.wait_for_parcel();
  }
  while (crossing.under_way() != 0) crossing.wait_for_parcel();
  const auto messages = static_cast<double>(state.iterations()) * static_cast<double>(messages_per_parcel);
  state.counters["cpu_ns_per_message"] = (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e9 / messages;
  state.SetItemsProcessed(static_cast<int64_t>(messages));
}

// As many parcels under way as a pair of shards has credit for.
void hand_over_stream(benchmark::State& state) {
  hand_over(state, static_cast<size_t>(state.range(0)), kParcelsPerPair);
}
BENCHMARK(hand_over_stream)->Name("hand_over/stream")->ArgName("per_parcel")->Arg(1)->Arg(16)->Arg(256)->UseRealTime();

// A parcel of one message leaves only when the one before has come back: two wake-ups for each.
void hand_over_round_trip(benchmark::State& state) {
  hand_over(state, 1, 1);
}
BENCHMARK(hand_over_round_trip)->Name("hand_over/round_trip")->UseRealTime();

}  // namespace
