// What the oracle knows of requests: which messages may be replies to them. A request has one outcome as every message
// that is to be confirmed, but the acknowledgement is not it: REPLIED, once a reply of the session that has got the
// request has been admitted for its sender; or RESPONDER_LOST, if that session ends between the acknowledgement and the
// reply.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "onehop/v1/onehop.pb.h"
#include "sim/coverage.h"
#include "sim/oracle_records.h"

namespace onehop::sim {

class Oracle;

class RequestOracle {
 public:
  RequestOracle(Oracle& oracle, Coverage& coverage) : oracle_(oracle), coverage_(coverage) {}

  // A client sends a message that names this request.
  void replies(uint32_t reply, uint32_t request);
  void reply_delivered(const SentMessage& reply);
  // Its sender reads that it was refused.
  void reply_refused(uint32_t connection, const SentMessage& reply);
  // Whether a broker that drains may take it, although it was sent in the drain.
  bool passes_drain(const SentMessage& reply) const;
  // Why a receipt may not be what became of a request, as far as it is more than a message; or nothing.
  std::string why_impossible(const SentMessage& request, const v1::Receipt& receipt);
  // Everything has come to rest.
  void check_at_rest();

 private:
  const std::vector<uint32_t>& replies_to(const SentMessage& request) const;
  // Whether its sender has got the request, and so may reply to it.
  bool is_from_responder(const SentMessage& reply) const;
  // Whether it may have been admitted while the request was open.
  bool may_count(const SentMessage& request, const SentMessage& reply) const;
  bool has_reply(const SentMessage& request) const;
  bool was_acknowledged(const SentMessage& request) const;
  std::string why_not_replied(const SentMessage& request, const v1::Receipt& receipt);
  std::string why_responder_not_lost(const SentMessage& request, const v1::Receipt& receipt);
  // Whether the sender of the request had read a reply before.
  bool was_read(const SentMessage& request, uint64_t until_us) const;
  uint64_t refused_us(const SentMessage& request) const;
  uint64_t responder_ended_us(const SentMessage& request) const;

  Oracle& oracle_;
  Coverage& coverage_;
  absl::flat_hash_map<uint32_t, std::vector<uint32_t>> replies_;  // By record of the request. Looked up, never walked.
};

}  // namespace onehop::sim
