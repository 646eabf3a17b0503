// What a message between two local clients of a broker costs: CPU of the whole process, and time, each for one message.
// And what a client costs that does nothing: its memory, and the CPU of attaching it.
//
//   onehop-bench-local [MESSAGES]   (default 2,000,000 for each row)
//
// The messages have 128 bytes. The sender is within an event, or a thread of the program that waits for room when it
// has to; the recipient lives on the sender's shard or on another one.
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "onehop/broker.h"
#include "onehop/local_client.h"

namespace {

using namespace onehop;

uint64_t clock_ns() {
  timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return static_cast<uint64_t>(at.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(at.tv_nsec);
}

uint64_t cpu_ns() {
  rusage used;
  getrusage(RUSAGE_SELF, &used);
  const auto in_ns = [](const timeval& at) {
    return static_cast<uint64_t>(at.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(at.tv_usec) * 1'000;
  };
  return in_ns(used.ru_utime) + in_ns(used.ru_stime);
}

// Sends in its events if `to` is set; counts what arrives.
class Program final : public LocalClientEvents {
 public:
  void begin(LocalClient& client, std::string to, uint64_t count, client::Confirm confirm) {
    client_ = &client;
    to_ = std::move(to);
    left_ = count;
    confirm_ = confirm;
  }
  void wait_for(std::atomic<uint64_t>& what, uint64_t count) {
    for (uint64_t now = what; now < count; now = what) what.wait(now);
  }
  std::atomic<uint64_t> opened{0}, arrived{0}, told{0}, rooms{0};

 private:
  void on_open(const client::SessionInfo&) override { raise(opened); }
  void on_message(const client::Message&) override {
    if (client_ != nullptr) return go_on();
    if ((arrived.fetch_add(1) + 1) % kStep == 0) arrived.notify_all();
  }
  void on_outcome(const client::SendResult&) override {
    if ((told.fetch_add(1) + 1) % kStep == 0) told.notify_all();
  }
  void on_room() override {
    if (client_ != nullptr) return go_on();
    raise(rooms);
  }

  void go_on() {
    while (left_ != 0 && client_->send(to_, payload_, {.confirm = confirm_}) == client::SendStatus::kAccepted) --left_;
  }
  static void raise(std::atomic<uint64_t>& number) {
    ++number;
    number.notify_all();
  }

  static constexpr uint64_t kStep = 1'000;
  const std::string payload_ = std::string(128, 'x');
  LocalClient* client_ = nullptr;
  std::string to_;
  uint64_t left_ = 0;
  client::Confirm confirm_{};
};

std::string name_on(Broker& broker, unsigned shard, const std::string& beginning) {
  for (int i = 0;; ++i) {
    std::string name = beginning + std::to_string(i);
    if (broker.home_of(name) == shard) return name;
  }
}

struct Row {
  const char* name;
  bool in_event;
  unsigned recipient_home;
  client::Confirm confirm;
};

std::unique_ptr<Broker> start_broker() {
  BrokerOptions options;
  options.listen = {"tcp://127.0.0.1:0"};
  options.shards = 2;
  std::string error;
  std::unique_ptr<Broker> broker = Broker::start(options, error);
  if (broker != nullptr) return broker;
  std::fprintf(stderr, "%s\n", error.c_str());
  std::exit(EXIT_FAILURE);
}

// Of the process, in bytes.
size_t resident() {
  size_t all = 0, pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r"); file != nullptr) {
    if (std::fscanf(file, "%zu %zu", &all, &pages) != 2) pages = 0;
    std::fclose(file);
  }
  return pages * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

void measure_idle(uint64_t count) {
  const auto broker = start_broker();
  Program program;  // Of all of them.
  std::string error;
  std::vector<std::unique_ptr<LocalClient>> clients(count);
  const uint64_t cpu = cpu_ns();
  const size_t before = resident();
  for (uint64_t i = 0; i < count; ++i) {
    clients[i] = broker->attach({.name = "idle-" + std::to_string(i)}, program, error);
  }
  program.wait_for(program.opened, count);
  std::printf("%-44s %8.1f µs of CPU, %zu bytes of memory\n", "a client that does nothing",
              static_cast<double>(cpu_ns() - cpu) / 1'000 / static_cast<double>(count), (resident() - before) / count);
}

void measure(const Row& row, uint64_t count) {
  const auto broker = start_broker();
  std::string error;
  Program sender, recipient;
  const std::string to = name_on(*broker, row.recipient_home, "recipient");
  const auto to_client = broker->attach({.name = to}, recipient, error);
  const auto from_client = broker->attach({.name = name_on(*broker, 0, "sender")}, sender, error);
  recipient.wait_for(recipient.opened, 1);
  sender.wait_for(sender.opened, 1);
  const uint64_t cpu = cpu_ns(), start = clock_ns();
  if (row.in_event) {
    sender.begin(*from_client, to, count, row.confirm);
    // A message to itself begins it.
    from_client->send(name_on(*broker, 0, "sender"), "");
  } else {
    const std::string payload(128, 'x');
    for (uint64_t i = 0; i < count;) {
      const uint64_t rooms = sender.rooms;
      if (from_client->send(to, payload, {.confirm = row.confirm}) == client::SendStatus::kAccepted) {
        ++i;
      } else {
        sender.rooms.wait(rooms);
      }
    }
  }
  recipient.wait_for(recipient.arrived, count);
  if (row.confirm == client::Confirm::kDelivered) sender.wait_for(sender.told, count);
  const auto each = [count](uint64_t ns) { return static_cast<double>(ns) / static_cast<double>(count); };
  std::printf("%-44s %8.0f %8.0f\n", row.name, each(cpu_ns() - cpu), each(clock_ns() - start));
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t count = argc > 1 ? static_cast<uint64_t>(std::atoll(argv[1])) / 1'000 * 1'000 : 2'000'000;
  using client::Confirm;
  const Row rows[] = {
      {"in an event, same shard, unconfirmed", true, 0, Confirm::kRefusals},
      {"in an event, same shard, confirmed", true, 0, Confirm::kDelivered},
      {"in an event, other shard, unconfirmed", true, 1, Confirm::kRefusals},
      {"in an event, other shard, confirmed", true, 1, Confirm::kDelivered},
      {"from a thread, unconfirmed", false, 0, Confirm::kRefusals},
      {"from a thread, confirmed", false, 0, Confirm::kDelivered},
      {"from a thread, other shard, unconfirmed", false, 1, Confirm::kRefusals},
      {"from a thread, other shard, confirmed", false, 1, Confirm::kDelivered},
  };
  measure_idle(std::min<uint64_t>(count, 10'000));
  std::printf("%-44s %8s %8s\n", "ns for each message of 128 bytes", "CPU", "time");
  for (const Row& row : rows) measure(row, count);
}
