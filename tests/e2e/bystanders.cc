// Bystanders: see the header. Member i sends to member i + 1, so that every message crosses from one client to another
// and, with several shards, many cross shards.
#include "bystanders.h"

#include <poll.h>

#include <algorithm>
#include <exception>

namespace onehop::test {
namespace {

// A round every so often: all the time, without taking the machine from the broker.
constexpr int kRoundMs = 10;
// How many messages of a member may be under way.
constexpr uint64_t kWindow = 16;
constexpr size_t kProblemsMax = 20;

std::string name_of(size_t index) {
  return "bystander-" + std::to_string(index);
}

// FNV-1a: any change of any byte shows.
uint64_t checksum(const std::string& bytes) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const char byte : bytes) hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001B3;
  return hash;
}

// Another text of another length for each message: from nothing to what is carried by reference.
std::string filler_for(size_t index, uint64_t sequence) {
  uint64_t seed = index * 0x9E3779B97F4A7C15 + sequence;
  std::string filler((seed * 0xD6E8FEB86659FD93 >> 40) % 4'000, '\0');
  for (char& byte : filler) byte = static_cast<char>((seed = seed * 6364136223846793005 + 1442695040888963407) >> 56);
  return filler;
}

}  // namespace

Bystanders::Bystanders(const std::string& address) {
  for (size_t i = 0; i < kClients; ++i) members_.emplace_back(address).client.connect(name_of(i));
  thread_ = std::thread([this] { run(); });
}

Bystanders::~Bystanders() {
  if (thread_.joinable()) finish();
}

void Bystanders::wait_for_rounds(uint64_t rounds) {
  std::unique_lock lock(mutex_);
  const uint64_t until = rounds_ + rounds;
  changed_.wait(lock, [&] { return rounds_ >= until || ended_; });
}

Bystanders::Report Bystanders::finish() {
  finishing_ = true;
  thread_.join();
  for (const Member& member : members_) {
    report_.sent += member.sent;
    report_.received += member.received;
  }
  members_.clear();
  return report_;
}

void Bystanders::run() {
  try {
    exchange();
  } catch (const std::exception& e) {
    report_.problems.emplace_back(e.what());
  }
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

void Bystanders::exchange() {
  while (!broken_ && !(finishing_ && all_received())) {
    if (!finishing_) send_round();
    std::vector<pollfd> polled;
    for (const Member& member : members_) polled.push_back({member.client.fd(), POLLIN, 0});
    ::poll(polled.data(), polled.size(), kRoundMs);
    for (size_t i = 0; i < kClients; ++i) {
      if (polled[i].revents != 0) take_frames(i);
    }
    tell_rounds();
  }
  for (size_t i = 0; i < kClients && !broken_; ++i) {
    if (!members_[i].client.read_to_pong(i).empty()) problem(i, "was told of something at the end");
  }
}

void Bystanders::tell_rounds() {
  uint64_t slowest = UINT64_MAX;
  for (const Member& member : members_) slowest = std::min(slowest, member.received);
  const std::lock_guard lock(mutex_);
  rounds_ = slowest;
  changed_.notify_all();
}

void Bystanders::send_round() {
  for (size_t i = 0; i < kClients; ++i) {
    Member& member = members_[i];
    const size_t next = (i + 1) % kClients;
    if (member.sent - members_[next].received >= kWindow) continue;
    const uint64_t sequence = ++member.sent;
    const std::string filler = filler_for(i, sequence);
    const std::string head = std::to_string(sequence) + " " + std::to_string(checksum(filler)) + " ";
    member.client.send(message_frame(name_of(next), sequence, head + filler));
  }
}

void Bystanders::take_frames(size_t index) {
  Member& member = members_[index];
  member.client.gather();
  while (const auto frame = member.client.take()) {
    if (frame->has_message()) {
      check(index, frame->message());
    } else {
      problem(index, "got " + std::to_string(frame->kind_case()) + " instead of a message");
    }
  }
  if (member.client.end() != RawClient::End::kNot) problem(index, "was cut off");
}

void Bystanders::check(size_t index, const v1::Message& message) {
  const size_t before = (index + kClients - 1) % kClients;
  const std::string& payload = message.payload();
  const size_t first = payload.find(' ');
  const size_t second = payload.find(' ', first + 1);
  const uint64_t expected = ++members_[index].received;
  if (message.from() != name_of(before)) return problem(index, "got a message from " + message.from());
  if (second == std::string::npos || payload.substr(0, first) != std::to_string(expected) || message.id() != expected) {
    return problem(index, "expected message " + std::to_string(expected) + ", got " + std::to_string(message.id()));
  }
  const std::string filler = payload.substr(second + 1);
  if (payload.substr(first + 1, second - first - 1) != std::to_string(checksum(filler)) ||
      filler != filler_for(before, expected)) {
    problem(index, "message " + std::to_string(expected) + " is damaged");
  }
}

bool Bystanders::all_received() const {
  for (size_t i = 0; i < kClients; ++i) {
    if (members_[i].sent != members_[(i + 1) % kClients].received) return false;
  }
  return true;
}

void Bystanders::problem(size_t index, const std::string& what) {
  if (report_.problems.size() < kProblemsMax) report_.problems.push_back(name_of(index) + " " + what);
  broken_ = true;
}

}  // namespace onehop::test
