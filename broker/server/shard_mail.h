// What other threads send to a shard's host.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/crossing/parcel.h"
#include "reactor/fd.h"
#include "server/arrival.h"

namespace onehop::server {

class LocalLink;
class ShardHost;

// A connection moving to the shard where its client's name lives. Wherever this dies, the connection is closed.
struct HandOver {
  reactor::Fd fd;
  std::string unread;
  core::Instant connect_deadline;
  std::unique_ptr<Source> source;
  std::unique_ptr<transport::Transport> transport;
};
struct ArrivingParcel {
  core::ShardIndex from;
  core::Parcel parcel;
};
struct ReturningParcel {
  core::ShardIndex to;
  core::Parcel parcel;
};
// To be called on the shard's thread: what an operator asks or wants. It keeps alive whatever it needs.
struct Inquiry {
  std::function<void(ShardHost&)> ask;
};
// Times are from when it is taken.
struct DrainWanted {
  uint64_t number;  // As DrainSwitch counts them.
  uint64_t delay_ms;
  uint64_t deadline_ms;
  uint32_t spread_ms;
};
struct DrainTakenBack {};
// A local client has orders for its shard.
struct LocalNews {
  std::shared_ptr<LocalLink> link;
};
struct StopWanted {
  uint64_t deadline_ms;
  uint32_t spread_ms;
};
using ShardMail = std::variant<HandOver, ArrivingParcel, ReturningParcel, Inquiry, LocalNews, DrainWanted,
                               DrainTakenBack, StopWanted>;

// One function for each kind of mail, for std::visit.
template <typename... Takers>
struct Overloaded : Takers... {
  using Takers::operator()...;
};
template <typename... Takers>
Overloaded(Takers...) -> Overloaded<Takers...>;

}  // namespace onehop::server
