// What each kind of frame costs a shard, in each size of state that a client can bring about, beside an ordinary
// message.
//
//   onehop-attack-cost    plays every attack; fails if one makes the shard hold more than it may for what was sent
//
// Run under callgrind with --instr-atstart=no, it writes the instructions of each attack as a dump of its own and
// prints how many frames the attack had; attack_test.py divides and compares.
#include <valgrind/callgrind.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "confirmed.h"
#include "heap.h"
#include "silent_world.h"

namespace {

using namespace onehop::core;
using namespace onehop::core::test;
namespace v1 = onehop::v1;

constexpr int kFrames = 640;
constexpr int kFramesPerRead = 64;
constexpr uint32_t kWindow = 65'535;
// Where a walk over all of them would cost fifty ordinary messages.
constexpr uint64_t kOpen = 10'000;

// Frames of one attack: what the attacker sends, the n-th time.
using Frames = std::function<std::string(uint64_t n)>;

v1::Frame wide_frame(const std::string& name) {
  v1::Frame frame = lasting_frame(name, 3'600'000);
  frame.mutable_connect()->set_receive_window(kWindow);
  return frame;
}

v1::Frame ping_frame(uint64_t nonce) {
  v1::Frame frame;
  frame.mutable_ping()->set_nonce(nonce);
  return frame;
}

// The state that attacks meet: a recipient with very many unsettled deliveries, and one that is away with as many.
struct Scene {
  Scene(uint64_t open, const Limits& limits) : world(limits), heap_at_first(heap_bytes()) {
    sender = world.connect(ordered_connect_frame("sender"));
    recipient = world.connect(wide_frame("recipient"));
    attacker = world.connect(ordered_connect_frame("attacker"));
    const uint64_t away = world.connect(wide_frame("away"));
    world.drop(away);
    for (uint64_t n = 0; n < open; ++n) {
      world.send(fresh_sender(), confirmed_frame("recipient", ++id, "x", 3'000'000));
      if (n % 64 == 0) world.flush();
    }
    for (uint64_t n = 0; n < open / 2; ++n) {
      world.send(fresh_sender(), confirmed_frame("away", ++id, "x", 2'000'000));
      if (n % 64 == 0) world.flush();
    }
    world.flush();
  }
  // Each may have no more open than its send window.
  uint64_t fresh_sender() {
    if (id % 4'000 == 0) sender = world.connect("sender" + std::to_string(id));
    return sender;
  }

  // What the shard may hold for all that it was sent.
  double allowed_bytes() const {
    const Counters& counters = world.counters();
    return 10.0 * static_cast<double>(counters.bytes_received) + 512.0 * static_cast<double>(frames) +
           2'048.0 * static_cast<double>(counters.links + counters.sessions);
  }

  SilentWorld world;
  const double heap_at_first;
  size_t frames = 0;
  uint64_t sender = 0;
  uint64_t recipient = 0;
  uint64_t attacker = 0;
  uint64_t id = 0;
};

struct Result {
  size_t frames = 0;
  size_t bytes = 0;
};

Result play(Scene& scene, uint64_t by, const Frames& frames, const std::function<void()>& between) {
  Result result;
  std::vector<std::string> reads;
  for (uint64_t n = 0; n < kFrames; n += kFramesPerRead) {
    std::string read;
    for (uint64_t k = n; k < n + kFramesPerRead; ++k) read += frames(k);
    result.frames += kFramesPerRead;
    result.bytes += read.size();
    reads.push_back(std::move(read));
  }
  CALLGRIND_START_INSTRUMENTATION;
  for (const std::string& read : reads) {
    scene.world.send_bytes(by, read);
    scene.world.flush();
    between();
  }
  CALLGRIND_STOP_INSTRUMENTATION;
  return result;
}

bool attack(
    const std::string& name, uint64_t open, const std::function<uint64_t(Scene&)>& prepare, const Frames& frames,
    const std::function<void(Scene&)>& between = [](Scene&) {}, const Limits& limits = {}) {
  Scene scene(open, limits);
  const uint64_t by = prepare(scene);
  scene.world.flush();
  // Once, so that what is made on first need is there.
  scene.world.send_bytes(by, frames(0));
  scene.world.flush();
  CALLGRIND_ZERO_STATS;
  const Result result = play(
      scene, by, [&frames](uint64_t n) { return frames(n + 1); }, [&] { between(scene); });
  CALLGRIND_DUMP_STATS_AT(name.c_str());
  std::printf("%s frames %zu bytes %zu\n", name.c_str(), result.frames, result.bytes);
  scene.frames = scene.world.counters().messages_received + result.frames;
  const double grown = heap_bytes() - scene.heap_at_first;
  const double allowed = scene.allowed_bytes();
  if (!heap_is_told() || grown <= allowed) return true;
  std::printf("%s: the heap grew by %.0f bytes, and %.0f are allowed\n", name.c_str(), grown, allowed);
  return false;
}

uint64_t by_attacker(Scene& scene) {
  return scene.attacker;
}

uint64_t by_recipient(Scene& scene) {
  return scene.recipient;
}

bool messages(uint64_t open, const std::string& size) {
  const std::string body(100, 'x');
  bool good = attack(size + "/message", open, by_attacker,
                     [&](uint64_t n) { return wire(message_frame("attacker", n + 1, body)); });
  good &= attack(size + "/message-to-nobody", open, by_attacker,
                 [](uint64_t n) { return wire(message_frame("nobody" + std::to_string(n % 7), n + 1, "x")); });
  good &= attack(size + "/message-to-many", open, by_attacker,
                 [](uint64_t n) { return wire(message_frame(n % 2 == 0 ? "attacker" : "recipient", n + 1, "x")); });
  good &= attack(size + "/message-to-away", open, by_attacker,
                 [](uint64_t n) { return wire(confirmed_frame("away", n + 1, "x")); });
  good &= attack(
      size + "/message-that-expires", open, by_attacker,
      [](uint64_t n) { return wire(confirmed_frame("recipient", n + 1, "x", 1)); },
      [](Scene& scene) { scene.world.advance(17); });
  good &= attack(
      size + "/message-to-away-that-expires", open, by_attacker,
      [](uint64_t n) { return wire(confirmed_frame("away", n + 1, "x", 1)); },
      [](Scene& scene) { scene.world.advance(17); });
  return good;
}

bool acks(uint64_t open, const std::string& size) {
  const auto half_settled = [open](Scene& scene) {
    scene.world.send(scene.recipient, ack_taken(2, open / 2 - 2));
    return scene.recipient;
  };
  bool good = attack(size + "/ack-settled-range", open, half_settled, [open](uint64_t) {
    return wire(ack_taken(2, open == 0 ? 0 : open)).substr(0, open == 0 ? 0 : 99);
  });
  good &= attack(size + "/ack-ranges", open, half_settled, [open](uint64_t n) {
    v1::Frame frame;
    for (uint64_t i = 0; i < 8; ++i) {
      v1::Range& range = *frame.mutable_ack()->add_taken();
      range.set_first(2 + (n * 37 + i * 1'001) % (open / 2 - 50));
      range.set_last(range.first() + 40);
    }
    return wire(frame);
  });
  good &= attack(size + "/ack-up-to", open, half_settled, [](uint64_t) { return wire(ack_up_to(0)); });
  good &= attack(size + "/ack-one-by-one", open, by_recipient,
                 [open](uint64_t n) { return wire(ack_taken(1 + n * 2 % open, 1 + n * 2 % open)); });
  good &= attack(size + "/refusals", open, by_recipient,
                 [open](uint64_t n) { return wire(ack_refused(open - n % open, "no")); });
  good &= attack(size + "/ack-of-another-session", open, by_recipient, [](uint64_t) {
    v1::Frame frame = ack_taken(1, 1);
    frame.mutable_ack()->set_session(99'999);
    return wire(frame);
  });
  return good;
}

Limits small_queues() {
  Limits limits;
  limits.frame_bytes_max = 16 << 10;
  limits.queue_bytes_max = 64 << 10;
  return limits;
}

// The attacker's gates at very many recipients are closed.
uint64_t with_closed_gates(Scene& scene) {
  uint64_t id = 0;
  for (int i = 0; i < 1'000; ++i) {
    const std::string name = "full" + std::to_string(i);
    scene.world.connect(connect_frame(name), true);
    for (int n = 0; n < 6; ++n) scene.world.send(scene.attacker, message_frame(name, ++id, std::string(15'000, 'x')));
    scene.world.flush();
  }
  return scene.attacker;
}

bool gates() {
  const auto nothing = [](Scene&) {};
  bool good = attack(
      "gates/resume-of-nobody", 10, with_closed_gates,
      [](uint64_t n) { return wire(flow_frame("nobody" + std::to_string(n), v1::STATE_RESUME)); }, nothing,
      small_queues());
  good &= attack(
      "gates/resume-of-one", 10, with_closed_gates,
      [](uint64_t) { return wire(flow_frame("full7", v1::STATE_RESUME)); }, nothing, small_queues());
  good &= attack(
      "gates/message-to-a-closed-one", 10, with_closed_gates,
      [](uint64_t n) { return wire(message_frame("full7", 20'000 + n, "x")); }, nothing, small_queues());
  return good;
}

bool controls(uint64_t open, const std::string& size) {
  bool good = attack(size + "/resume-of-nobody", open, by_attacker,
                     [](uint64_t n) { return wire(flow_frame("nobody" + std::to_string(n), v1::STATE_RESUME)); });
  good &= attack(size + "/ping", open, by_recipient, [](uint64_t n) { return wire(ping_frame(n)); });
  good &= attack(size + "/pong", open, by_recipient, [](uint64_t) {
    v1::Frame frame;
    frame.mutable_pong()->set_nonce(1);
    return wire(frame);
  });
  return good;
}

}  // namespace

int main() {
  bool good = gates();
  for (const uint64_t open : {uint64_t{200}, kOpen}) {
    const std::string size = open == kOpen ? "large" : "small";
    good &= messages(open, size);
    good &= acks(open, size);
    good &= controls(open, size);
  }
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
