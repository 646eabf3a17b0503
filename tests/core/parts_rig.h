// The parts of a shard without the shard around them, on a host that writes down what it is told.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "core/shard/shard_parts.h"
#include "frames.h"

namespace onehop::core::test {

// Sockets that take everything.
class RecordingHost final : public Host {
 public:
  size_t write(HostLink, std::span<const Iov> pieces) override {
    size_t size = 0;
    for (const Iov& piece : pieces) {
      written.append(static_cast<const char*>(piece.data), piece.size);
      size += piece.size;
    }
    return size;
  }
  void set_reading(HostLink, bool reading) override { log.push_back(reading ? "read" : "do not read"); }
  void close(HostLink, CloseHow how) override { log.push_back(how == CloseHow::kGraceful ? "close" : "close at once"); }
  void hand_over(HostLink, ShardIndex, Bytes, Instant) override { log.push_back("hand over"); }
  void post(ShardIndex, Parcel) override { log.push_back("post"); }
  void give_back(ShardIndex, Parcel) override { log.push_back("give back"); }
  Answered ask(Ticket, const Question&, Answer& answer) override {
    answer.accepted = true;
    return Answered::kNow;
  }
  void note(const Event& event) override { notes.push_back(event.kind); }
  void random(std::span<char> out) override { std::memset(out.data(), 7, out.size()); }

  std::string written;
  std::vector<std::string> log;
  std::vector<Event::Kind> notes;
};

// Time stands still.
struct PartsRig {
  RecordingHost host;
  ShardParts parts{ShardConfig{}, host};
  const Instant now{1'000'000};
  const ShardCommon::Now at{parts, now};

  LinkId open_link() { return parts.links.on_link({{1}, now + 5'000, {}}); }
  Link& link(LinkId id) { return *parts.links.find(id); }
  void receive(LinkId id, Bytes bytes) {
    const std::span<char> space = parts.links.receive_space(id);
    std::memcpy(space.data(), bytes.data(), bytes.size());
    parts.links.on_received(id, bytes.size());
  }
};

}  // namespace onehop::core::test
