// The verdict: see the header. In the order in which the broker looks, so that the first that is true is what a sender
// would be told.
#include "server/trace_verdict.h"

#include <string>
#include <utility>

namespace onehop::server {
namespace {

void refused(Trace& trace, Reason reason, std::string why) {
  trace.would_arrive = false;
  trace.reason = reason;
  trace.why = std::move(why);
}

void arrives(Trace& trace, std::string why) {
  trace.would_arrive = true;
  trace.reason = Reason::kNone;
  trace.why = std::move(why);
}

std::string seconds(uint64_t ms) {
  return std::to_string(ms / 1'000) + " s";
}

std::string why_unknown(const Trace& trace) {
  if (!trace.last_end) return "no client has the name";
  std::string why = "no client has the name any more: ";
  if (trace.last_end->how == EndHow::kConnectRefused) return "no client has the name; it was last refused";
  const Code code = trace.last_end->code;
  why += code == Code::kNone ? "it went away without a goodbye" : "it ended with " + to_string(code);
  return why;
}

}  // namespace

void judge(const RouteFacts& facts, Trace& trace) {
  if (!facts.answered) return refused(trace, Reason::kNone, "the recipient's shard does not answer");
  if (facts.permission == core::KnownPermission::kDenied) {
    return refused(trace, Reason::kNotAuthorized, "the sender may not send to this name");
  }
  if (facts.draining) return refused(trace, Reason::kShuttingDown, "the broker is going down and takes nothing new");
  if (!trace.to) return refused(trace, Reason::kUnknownClient, why_unknown(trace));
  if (trace.gate_closed) {
    return refused(trace, Reason::kQueueFull,
                   "the gate is closed: the sender was refused before, and has not said that it knows");
  }
  const ClientInfo& to = *trace.to;
  if (to.queue_bytes >= facts.queue_bytes_max) {
    return refused(trace, Reason::kQueueFull, "the recipient's queue is at its limit");
  }
  if (facts.memory_stage != 0) return refused(trace, Reason::kBrokerBusy, "the broker is short of memory");
  if (!to.connected) {
    return arrives(trace, "it would wait: the recipient has been away for " + seconds(to.idle_ms));
  }
  if (!facts.window_open) {
    return arrives(trace, "it would wait: the recipient's window is full, " + std::to_string(to.unacknowledged) +
                              " messages are unacknowledged");
  }
  if (to.blocked) return arrives(trace, "it would wait: the recipient's connection takes nothing at the moment");
  if (trace.paused) return arrives(trace, "nothing stands in the way, but the sender is asked to pause");
  if (!trace.from) return arrives(trace, "nothing stands in the way, but the sender is not connected");
  if (facts.permission == core::KnownPermission::kUnknown) {
    return arrives(trace,
                   "nothing stands in the way, but whether the sender may send to this name is asked when it does");
  }
  arrives(trace, "nothing stands in the way");
}

}  // namespace onehop::server
