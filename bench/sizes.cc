// What a client costs in memory: the size of everything there is for each connection and session, what a session takes
// of the heap in core, idle and at work, and what a connection takes of a broker with real sockets. Bytes are slopes:
// the difference between two numbers of clients, so that what a shard has once is not in them.
//
//   onehop-sizes [--sessions N] [--connections N]
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "core/base/name_hash.h"
#include "core/shard/shard.h"
#include "measured_process.h"
#include "micro_heap.h"
#include "micro_world.h"
#include "onehop/broker.h"
#include "reactor/socket.h"

namespace {

using namespace onehop;
using bench::heap_bytes;
using bench::kNow;
using bench::resident_bytes;
using bench::World;

void print(const char* what, size_t bytes) {
  std::printf("| `%s` | %zu |\n", what, bytes);
}

void print_types() {
  std::puts("| type | bytes |\n| --- | --- |");
  print("core::Link", sizeof(core::Link));
  print("core::FrameDecoder", sizeof(core::FrameDecoder));
  print("core::OutputQueue", sizeof(core::OutputQueue));
  print("core::Session", sizeof(core::Session));
  print("core::NameStamp", sizeof(core::NameStamp));
  print("core::Sending", sizeof(core::Sending));
  print("core::ReceiptLog", sizeof(core::ReceiptLog));
  print("core::PendingControl", sizeof(core::PendingControl));
  print("core::Backlog", sizeof(core::Backlog));
  print("core::Backlog::Entry", sizeof(core::Backlog::Entry));
  print("core::SenderTable", sizeof(core::SenderTable));
  print("core::Segment", sizeof(core::Segment));
  print("core::Asking", sizeof(core::Asking));
  print("reactor::Socket", sizeof(reactor::Socket));
}

// The heap, for each of `count` things that `make` makes.
template <typename Make>
double heap_for_each(size_t count, Make make) {
  const double before = heap_bytes();
  make();
  return (heap_bytes() - before) / static_cast<double>(count);
}

// What `count` slots of a slab take beside the things in them: generations, free list, pages and the allocator's heads.
template <typename T, typename Id>
double slab_overhead(size_t count) {
  core::Slab<T, Id> slab;
  const auto fill = [&] {
    for (size_t i = 0; i < count; ++i) slab.insert();
  };
  return heap_for_each(count, fill) - static_cast<double>(sizeof(T));
}

double directory_slot(size_t count) {
  core::Slab<core::Session, core::SessionId> sessions;
  core::Directory directory(sessions);
  std::vector<core::SessionId> ids;
  for (size_t i = 0; i < count; ++i) {
    ids.push_back(sessions.insert());
    sessions[ids.back().index].name_hash = core::name_hash(bench::client_name(i), {});
  }
  return heap_for_each(count, [&] {
    for (const core::SessionId id : ids) directory.insert(id);
  });
}

double wheel_slot(size_t count) {
  core::Wheel wheel;
  return heap_for_each(count, [&] {
    for (uint32_t i = 0; i < count; ++i) wheel.arm(i, kNow + i % 30'000);
  });
}

void print_each(const char* what, double bytes) {
  std::printf("| %s | %.0f |\n", what, bytes);
}

// What is there beside the things themselves.
void print_slots(size_t count) {
  std::puts("\n| for each client, on the heap | bytes |\n| --- | --- |");
  print_each("slab, beside a `Link`", slab_overhead<core::Link, core::LinkId>(count));
  print_each("slab, beside a `Session`", slab_overhead<core::Session, core::SessionId>(count));
  print_each("directory", directory_slot(count));
  print_each("wheel", wheel_slot(count));
}

std::string message_to(size_t number, uint64_t id) {
  v1::Frame frame;
  v1::Message& message = *frame.mutable_message();
  message.set_client(bench::client_name(number));
  message.set_id(id);
  if (id != 0) message.set_confirm(v1::CONFIRM_DELIVERED);
  message.set_payload(std::string(128, 'x'));
  return bench::delimited(frame.SerializeAsString());
}

// From each of the clients to one that is far from it.
void all_send(World& world, uint64_t id) {
  const size_t count = world.links.size();
  for (size_t i = 0; i < count; ++i) {
    bench::receive(world.shard, world.links[i], message_to((i + count / 2) % count, id));
    if (i % 64 == 0) bench::flush_all(world.shard);
  }
  bench::flush_all(world.shard);
}

void all_say(World& world, const v1::Frame& frame, core::Instant now) {
  const std::string bytes = bench::delimited(frame.SerializeAsString());
  for (size_t i = 0; i < world.links.size(); ++i) {
    bench::receive(world.shard, world.links[i], bytes, now);
    if (i % 64 == 0) bench::flush_all(world.shard, now);
  }
  bench::flush_all(world.shard, now);
}

// Silent for a keepalive, every client is pinged; it answers, and half a keepalive later is looked at again.
void rest_for_a_keepalive(World& world) {
  const core::Instant pinged = kNow + 31'000;
  world.shard.on_tick(pinged);
  bench::flush_all(world.shard, pinged);
  v1::Frame pong;
  pong.mutable_pong()->set_nonce(pinged.ms);
  all_say(world, pong, pinged + 100);
  world.shard.on_tick(pinged + 20'000);
  bench::flush_all(world.shard, pinged + 20'000);
}

void print_sessions(size_t count) {
  std::printf("\n| core alone, slope from %zu to %zu named clients | bytes each |\n| --- | --- |\n", count / 10,
              count / 10 + count);
  World world(count / 10);
  world.links.reserve(count / 10 + count);
  const double resident = resident_bytes();
  print_each("idle: heap", heap_for_each(count, [&] { world.add(count); }));
  print_each("idle: resident", (resident_bytes() - resident) / static_cast<double>(count));

  const size_t clients = world.links.size();
  const double idle = heap_bytes();
  const auto more = [&](const char* what) { print_each(what, (heap_bytes() - idle) / static_cast<double>(clients)); };
  std::puts("\n| in addition | bytes each |\n| --- | --- |");
  all_send(world, 0);
  more("each has sent and received a message, unconfirmed");
  all_send(world, 1);
  more("and a confirmed one of 128 B, which its recipient has not acknowledged");
  v1::Frame ack;
  ack.mutable_ack()->set_up_to(1);
  all_say(world, ack, kNow);
  more("acknowledged: its sender was told and has not said that it heard");
  v1::Frame heard;
  heard.mutable_ack()->set_receipts_up_to(1);
  all_say(world, heard, kNow);
  more("it has said so");
  rest_for_a_keepalive(world);
  more("and has been idle for a keepalive and a half");
}

// Reads until the broker's first frame is all there; it fits in one read.
int connect_client(uint16_t port, size_t number) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = bench::loopback(port);
  if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) bench::fail("connect");
  const std::string frame = bench::connect_frame(bench::client_name(number));
  char reply[512];
  if (send(fd, frame.data(), frame.size(), 0) < 0 || recv(fd, reply, sizeof reply, 0) <= 0) bench::fail("greeting");
  return fd;
}

// The broker in this process, its clients too: they are descriptors, and take nothing of the heap.
void print_connections(size_t count) {
  BrokerOptions options;
  options.listen = {"tcp://127.0.0.1:0"};
  options.shards = 1;
  std::string error;
  const std::unique_ptr<Broker> broker = Broker::start(options, error);
  if (broker == nullptr) {
    std::fprintf(stderr, "%s\n", error.c_str());
    std::exit(1);
  }
  const std::string address = broker->addresses().front();
  const auto port = static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  std::vector<int> fds;
  fds.reserve(count + count / 8);
  while (fds.size() < count / 8) fds.push_back(connect_client(port, fds.size()));
  const double heap = heap_bytes(), resident = resident_bytes();
  while (fds.size() < count / 8 + count) fds.push_back(connect_client(port, fds.size()));
  std::printf("\n| the broker with sockets, slope from %zu to %zu idle named clients | bytes each |\n| --- | --- |\n",
              count / 8, count / 8 + count);
  print_each("heap", (heap_bytes() - heap) / static_cast<double>(count));
  print_each("resident", (resident_bytes() - resident) / static_cast<double>(count));
  for (const int fd : fds) close(fd);
  broker->stop(5'000);
}

}  // namespace

int main(int argc, char** argv) {
  size_t sessions = 100'000, connections = 7'000;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--sessions") sessions = static_cast<size_t>(std::max(10, std::atoi(argv[i + 1])));
    if (flag == "--connections") connections = static_cast<size_t>(std::max(8, std::atoi(argv[i + 1])));
  }
  // Both ends of a connection are descriptors of this process.
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);
  connections = std::min<size_t>(connections, (descriptors.rlim_cur - 100) / 5 * 2);
  print_types();
  print_slots(sessions);
  print_sessions(sessions);
  print_connections(connections);
}
