// The work that ratchet_test.py weighs: the same on every run and every machine.
//
//   onehop-ratchet CASE BATCHES   sends that many batches of 128 messages of 128 bytes through the core
//   onehop-ratchet bytes          prints what memory a client takes: `name figure bytes`, one on each line
//
// ratchet_test.py runs a case under callgrind with two numbers of batches. The difference is what the messages cost.
//
// It fails if a case does not do what its name says.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "core/shard/shard.h"
#include "micro_exchange.h"
#include "micro_heap.h"
#include "micro_local.h"
#include "micro_rooms.h"
#include "micro_two_shards.h"
#include "micro_wire.h"
#include "micro_world.h"
#include "reactor/socket.h"

namespace {

using namespace onehop;
using bench::client_name;
using bench::Exchange;

constexpr size_t kMessages = 128, kPayloadBytes = 128;

// Each case returns how many of its messages went the way they should.

// Admitted, and written to the recipient.
uint64_t unconfirmed(size_t batches) {
  Exchange exchange(kMessages, kPayloadBytes, false);
  for (size_t i = 0; i < batches; ++i) exchange.send();
  return exchange.world().shard.counters().messages_admitted;
}

// The same as unconfirmed(), on a shard that asks its host which clients may send to which.
uint64_t permitted(size_t batches) {
  Exchange exchange(kMessages, kPayloadBytes, false, client_name(1), true);
  for (size_t i = 0; i < batches; ++i) exchange.send();
  return exchange.world().shard.counters().messages_admitted;
}

// Acknowledged by the recipient, and the sender has acknowledged the receipts.
uint64_t confirmed(size_t batches) {
  Exchange exchange(kMessages, kPayloadBytes, true);
  for (size_t i = 0; i < batches; ++i) {
    exchange.send();
    exchange.acknowledge_all();
    exchange.acknowledge_receipts(1);
  }
  const core::Counters& counters = exchange.world().shard.counters();
  return counters.links == 2 ? counters.outcomes[v1::OUTCOME_DELIVERED] : 0;
}

// Nobody has the name; the sender is told so, and has acknowledged the receipts.
uint64_t refused(size_t batches) {
  Exchange exchange(kMessages, kPayloadBytes, true, client_name(2));
  for (size_t i = 0; i < batches; ++i) {
    exchange.send();
    exchange.acknowledge_receipts(1);
  }
  const core::Counters& counters = exchange.world().shard.counters();
  return counters.links == 2 ? counters.messages_refused[v1::REASON_UNKNOWN_CLIENT] : 0;
}

// The recipient lives on another shard, which hands the parcels back.
uint64_t crossing(size_t batches) {
  bench::TwoShards shards;
  const std::string recipient = bench::names_on(1, 1).front();
  const core::LinkId sender = bench::connect(shards[0], 1, bench::names_on(0, 1).front());
  bench::connect(shards[1], 2, recipient);
  shards.flush();
  std::string read;
  for (size_t i = 0; i < kMessages; ++i) read += bench::message_frame(recipient, 0, kPayloadBytes);
  for (size_t i = 0; i < batches; ++i) {
    bench::receive(shards[0], sender, read);
    shards.flush();
  }
  return shards[1].counters().messages_admitted;
}

// Submitted by a local client, whose host has scanned the message.
uint64_t submitted(size_t batches) {
  Exchange exchange(kMessages, kPayloadBytes, false);
  core::Shard& shard = exchange.world().shard;
  v1::Message message;
  message.set_client(client_name(1));
  message.set_id(uint64_t{1} << 28);
  message.set_payload(std::string(kPayloadBytes, 'x'));
  const std::string body = message.SerializeAsString();
  core::ScannedMessage scanned;
  if (core::scan_message(body, {}, scanned) != core::ScanError::kNone) return 0;
  for (size_t i = 0; i < batches; ++i) {
    for (size_t k = 0; k < kMessages; ++k) {
      shard.submit(exchange.sender(), scanned, body, bench::kNow);
      ++scanned.id;
    }
    shard.flush(bench::kNow);
  }
  return shard.counters().messages_admitted;
}

// From one local client to another, from the call that sends it to the call that hands it out.
uint64_t local(size_t batches, client::Confirm confirm) {
  bench::LocalWorld world(2, 0);
  const std::string to = client_name(1), payload(kPayloadBytes, 'x');
  uint64_t id = uint64_t{1} << 28;
  for (size_t i = 0; i < batches; ++i) {
    for (size_t k = 0; k < kMessages; ++k) {
      world.endpoint(0).send(id++, to, payload, {.confirm = confirm}, bench::kNow);
    }
    world.turn();
    if (confirm == client::Confirm::kDelivered) world.turn();
  }
  const uint64_t messages = world.events(1).messages;
  return confirm == client::Confirm::kRefusals || world.events(0).delivered == messages ? messages : 0;
}
uint64_t local_unconfirmed(size_t batches) {
  return local(batches, client::Confirm::kRefusals);
}
uint64_t local_confirmed(size_t batches) {
  return local(batches, client::Confirm::kDelivered);
}

// From a local client to one with a socket.
uint64_t local_to_remote(size_t batches) {
  bench::LocalWorld world(1, 1);
  const std::string to = client_name(1), payload(kPayloadBytes, 'x');
  uint64_t id = uint64_t{1} << 28;
  for (size_t i = 0; i < batches; ++i) {
    for (size_t k = 0; k < kMessages; ++k) {
      world.endpoint(0).send(id++, to, payload, {.confirm = client::Confirm::kRefusals}, bench::kNow);
    }
    world.turn();
  }
  return world.shard().counters().messages_admitted;
}

v1::Frame message_to(uint64_t id, bool confirmed) {
  v1::Frame frame;
  frame.mutable_message()->set_id(id);
  if (confirmed) frame.mutable_message()->set_confirm(v1::CONFIRM_DELIVERED);
  frame.mutable_message()->set_payload(std::string(kPayloadBytes, 'x'));
  return frame;
}

// Frames that are sent again and again, each time with other numbers behind `tag`, which follows the name.
class NumberedFrames {
 public:
  NumberedFrames(const v1::Frame& frame, const std::string& name, char tag) {
    const std::string bytes = bench::delimited(frame);
    const size_t at = bytes.find(tag, bytes.find(name) + name.size()) + 1;
    for (size_t i = 0; i < kMessages; ++i) {
      numbers_at_.push_back(bytes_.size() + at);
      bytes_ += bytes;
    }
  }
  // From `first` on, which takes as many bytes as the number in the frame does.
  const std::string& from(uint64_t first) {
    for (const size_t at : numbers_at_) core::write_varint(bytes_.data() + at, first++);
    return bytes_;
  }

 private:
  std::string bytes_;
  std::vector<size_t> numbers_at_;
};

constexpr uint64_t kFirstId = uint64_t{1} << 28;
constexpr size_t kSubscribers = 4, kToEach = kMessages / kSubscribers;

// What each copy costs: some messages of a topic to some subscribers, as many copies as the other cases have messages.
uint64_t fan_out(size_t batches) {
  bench::Rooms rooms(kSubscribers, "topic", false);
  v1::Frame frame = message_to(0, false);
  frame.mutable_message()->set_topic("topic");
  std::string bytes;
  for (size_t i = 0; i < kToEach; ++i) bytes += bench::delimited(frame);
  for (size_t i = 0; i < batches; ++i) {
    rooms.say(0, bytes);
    rooms.flush();
  }
  return rooms.counters().topic_copies;
}

// The same, acknowledged by each of them.
uint64_t fan_out_confirmed(size_t batches) {
  bench::Rooms rooms(kSubscribers, "topic", false);
  v1::Frame frame = message_to(kFirstId, true);
  frame.mutable_message()->set_topic("topic");
  NumberedFrames frames(frame, "topic", core::kIdTag);
  uint64_t tag = 0;
  for (size_t i = 0; i < batches; ++i) {
    rooms.say(0, core::Bytes(frames.from(kFirstId + i * kToEach)).substr(0, bench::delimited(frame).size() * kToEach));
    rooms.flush();
    tag += kToEach;
    for (size_t client = 1; client <= kSubscribers; ++client) rooms.acknowledge(client, tag);
    rooms.flush();
    rooms.acknowledge_receipts();
  }
  const core::Counters& counters = rooms.counters();
  return counters.outcomes[v1::OUTCOME_DELIVERED] == batches * kToEach ? counters.topic_copies : 0;
}

// To a service with a few instances.
uint64_t service(size_t batches) {
  bench::Rooms rooms(kSubscribers, "service", true);
  v1::Frame frame = message_to(0, false);
  frame.mutable_message()->set_service("service");
  std::string bytes;
  for (size_t i = 0; i < kMessages; ++i) bytes += bench::delimited(frame);
  for (size_t i = 0; i < batches; ++i) {
    rooms.say(0, bytes);
    rooms.flush();
  }
  return rooms.counters().messages_admitted;
}

// Replied to, and acknowledged: two messages.
uint64_t request(size_t batches) {
  bench::Rooms rooms(1, "service", true);
  v1::Frame frame = message_to(kFirstId, true);
  frame.mutable_message()->set_client(client_name(1));
  frame.mutable_message()->set_wants_reply(true);
  NumberedFrames asked(frame, client_name(1), core::kIdTag);
  frame = message_to(0, false);
  frame.mutable_message()->set_client(client_name(0));
  frame.mutable_message()->set_in_reply_to(kFirstId);
  frame.mutable_message()->set_in_reply_to_session(rooms.session(0));
  NumberedFrames replied(frame, client_name(0), core::kInReplyToTag);
  for (size_t i = 0; i < batches; ++i) {
    rooms.say(0, asked.from(kFirstId + i * kMessages));
    rooms.flush();
    rooms.say(1, replied.from(kFirstId + i * kMessages));
    rooms.acknowledge(1, (i + 1) * kMessages);
    rooms.flush();
    rooms.acknowledge_receipts();
  }
  return rooms.counters().outcomes[v1::OUTCOME_REPLIED];
}

struct Case {
  std::string_view name;
  uint64_t (*play)(size_t batches);
};
constexpr std::array<Case, 13> kCases{{{"unconfirmed", unconfirmed},
                                       {"permitted", permitted},
                                       {"confirmed", confirmed},
                                       {"refused", refused},
                                       {"crossing", crossing},
                                       {"submitted", submitted},
                                       {"local", local_unconfirmed},
                                       {"local-confirmed", local_confirmed},
                                       {"local-to-remote", local_to_remote},
                                       {"fan-out", fan_out},
                                       {"fan-out-confirmed", fan_out_confirmed},
                                       {"service", service},
                                       {"request", request}}};

void print(const char* name, double bytes) {
  std::printf("%s %.0f bytes\n", name, bytes);
}

// The sizes of the types that exist for each client, or for each message of a client.
void print_sizes() {
  print("sizeof(core::Link)", sizeof(core::Link));
  print("sizeof(core::Session)", sizeof(core::Session));
  print("sizeof(core::Sending)", sizeof(core::Sending));
  print("sizeof(core::Backlog)", sizeof(core::Backlog));
  print("sizeof(core::Backlog::Entry)", sizeof(core::Backlog::Entry));
  print("sizeof(core::SenderTable)", sizeof(core::SenderTable));
  print("sizeof(core::ReceiptLog)", sizeof(core::ReceiptLog));
  print("sizeof(core::PendingControl)", sizeof(core::PendingControl));
  print("sizeof(core::FrameDecoder)", sizeof(core::FrameDecoder));
  print("sizeof(core::OutputQueue)", sizeof(core::OutputQueue));
  print("sizeof(core::Segment)", sizeof(core::Segment));
  print("sizeof(core::Asking)", sizeof(core::Asking));
  print("sizeof(reactor::Socket)", sizeof(reactor::Socket));
}

// A slope between two numbers of clients, so that what a shard has once is not in it.
void print_heap() {
  constexpr size_t kFirst = 4'000, kMore = 40'000;
  bench::World world(kFirst);
  world.links.reserve(kFirst + kMore);
  const double before = bench::heap_bytes();
  world.add(kMore);
  print("heap/idle-client", (bench::heap_bytes() - before) / static_cast<double>(kMore));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "bytes") {
    print_sizes();
    print_heap();
    return EXIT_SUCCESS;
  }
  const auto batches = static_cast<size_t>(argc > 2 ? std::atoi(argv[2]) : 0);
  for (const Case& one : kCases) {
    if (one.name != what || batches == 0) continue;
    const uint64_t good = one.play(batches);
    if (good == batches * kMessages) return EXIT_SUCCESS;
    std::fprintf(stderr, "%s: %llu messages of %zu went as they should\n", argv[1],
                 static_cast<unsigned long long>(good), batches * kMessages);
    return EXIT_FAILURE;
  }
  std::fputs("usage: onehop-ratchet CASE BATCHES, or onehop-ratchet bytes. The cases:\n", stderr);
  for (const Case& one : kCases) std::fprintf(stderr, "  %s\n", std::string(one.name).c_str());
  return EXIT_FAILURE;
}
