// See the header.
#include "loadgen/run/plan.h"

#include <charconv>
#include <cmath>
#include <random>

namespace onehop::loadgen {
namespace {

uint64_t any_number() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

std::string hexadecimal(uint64_t value) {
  char text[17];
  return {text, std::to_chars(text, text + sizeof text, value, 16).ptr};
}

uint32_t popular_count(const Settings& settings) {
  return settings.workload == Workload::kFanIn ? settings.recipients : std::max(settings.clients, 1U);
}

}  // namespace

Plan::Plan(const Settings& settings, Driver& driver, const reactor::SocketAddress& address)
    : settings_(settings),
      driver_(driver),
      address_(address),
      run_(any_number()),
      // Processes that load the same system must not use the same names.
      prefix_(settings.prefix.empty() ? "lg" + hexadecimal(run_ & 0xFFFFFFFFFF) + "-" : settings.prefix),
      popularity_(popular_count(settings), settings.zipf, settings.seed),
      waits_until_(new std::atomic<uint64_t>[stays()]()) {
  for (uint32_t client = 0; client < stays(); ++client) {
    names_.push_back(name_of(client));
    senders_ += sends(client);
  }
  for (const std::string& source : settings.sources) {
    std::string error;
    const auto parsed = reactor::Address::parse("tcp://" + source + ":0", error);
    if (const auto numeric = parsed ? reactor::numeric_address(*parsed) : std::nullopt) sources_.push_back(*numeric);
  }
}

std::string Plan::id() const {
  return hexadecimal(run_);
}

const reactor::SocketAddress* Plan::source_of(uint32_t client) const {
  return sources_.empty() ? nullptr : &sources_[client % sources_.size()];
}

uint32_t Plan::client_of(Bytes name) const {
  uint32_t client = stays();
  if (name.size() <= prefix_.size() || name.substr(0, prefix_.size()) != prefix_) return client;
  const char* const end = name.data() + name.size();
  const auto read = std::from_chars(name.data() + prefix_.size(), end, client);
  return read.ec == std::errc() && read.ptr == end ? std::min(client, stays()) : stays();
}

bool Plan::sends(uint32_t client) const {
  if (client >= settings_.clients) return false;
  switch (settings_.workload) {
    case Workload::kPairs:
    case Workload::kEcho:
      return client % 2 == 0;
    case Workload::kRandom:
      return true;
    case Workload::kFanIn:
      return client >= settings_.recipients;
    case Workload::kFanOut:
      return client == 0;
    case Workload::kChurn:
    case Workload::kConnects:
    case Workload::kStorm:
    case Workload::kIdle:
      return false;
  }
  return false;
}

bool Plan::receives(uint32_t client) const {
  if (client >= settings_.clients) return false;
  switch (settings_.workload) {
    case Workload::kPairs:
      return client % 2 == 1;
    case Workload::kFanIn:
      return client < settings_.recipients;
    case Workload::kFanOut:
      return client != 0;
    default:
      return true;
  }
}

bool Plan::is_slow(uint32_t client) const {
  if (settings_.slow_part <= 0 || !receives(client)) return false;
  const auto number = is_in_pairs(settings_.workload) ? client / 2 : client;
  if (is_echo() && client % 2 == 0) return false;  // A client that asks reads its answers at once.
  const auto slow_below = [this](double count) { return std::floor(count * settings_.slow_part + 1e-9); };
  return slow_below(number + 1.0) > slow_below(number);
}

bool Plan::only_rests(uint32_t client) const {
  return client >= settings_.clients || settings_.workload == Workload::kIdle;
}

uint32_t Plan::thread_of(uint32_t client) const {
  const bool in_pairs = is_in_pairs(settings_.workload);
  return (in_pairs ? client / 2 : client) % settings_.threads;
}

uint32_t Plan::recipient_of(uint32_t sender, uint64_t turn, Random& random) const {
  if (is_in_pairs(settings_.workload)) return sender ^ 1;
  if (settings_.workload == Workload::kFanOut) return 1 + static_cast<uint32_t>(turn % (settings_.clients - 1));
  uint32_t recipient = popularity_.draw(random);
  while (recipient == sender) recipient = popularity_.draw(random);
  return recipient;
}

}  // namespace onehop::loadgen
