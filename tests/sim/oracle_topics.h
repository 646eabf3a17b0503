// What the oracle knows of topics: who has subscribed to what, for sure or perhaps, which messages each session got,
// and how many it was told to have missed. Of a message to a topic there may be many deliveries, or none, so what it
// says here is about sessions, while the oracle knows the message itself.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "onehop/v1/onehop.pb.h"
#include "sim/coverage.h"
#include "sim/oracle_records.h"

namespace onehop::sim {

class Oracle;

class TopicOracle {
 public:
  TopicOracle(Oracle& oracle, Coverage& coverage) : oracle_(oracle), coverage_(coverage) {}

  // What there is to send to and to subscribe to.
  static const std::vector<std::string>& topics();
  static const std::vector<std::string>& filters();

  // A client subscribes to a filter, or unsubscribes; the ref that it is to say.
  uint64_t subscribes(uint32_t connection, uint32_t filter, bool no_echo);
  uint64_t unsubscribes(uint32_t connection, uint32_t filter);
  void answered(uint32_t connection, const v1::Subscribed& answer);

  // A client reads a message to a topic.
  void delivered(uint32_t connection, uint32_t record, uint32_t skipped);
  // Why a message may not be refused because nobody is there; or nothing.
  std::string why_somebody_is_there(const SentMessage& sent) const;
  // Why a receipt may not be what became of a confirmed message; or nothing.
  std::string why_sum_is_wrong(const SentMessage& sent, const v1::Receipt& receipt);
  // Everything has come to rest.
  void check_at_rest();
  // So many misses the shards have counted.
  void check_skips(uint64_t counted);

 private:
  struct Request {
    uint32_t session;
    uint32_t connection;
    uint32_t filter;
    bool subscribes;
    bool no_echo;
    uint64_t sent_at;
    uint64_t sent_us;
    uint64_t answered_at = kNever;
    bool refused = false;
  };
  // The last of one sender's messages to one topic that came.
  struct Last {
    uint32_t sender;
    uint32_t topic;
    uint32_t position;
  };
  struct Recipient {
    std::vector<uint32_t> requests;  // In their order.
    std::vector<uint32_t> got;       // Records, in their order.
    std::vector<Last> last;
    uint64_t skipped = 0;  // As it was told.
  };

  Recipient& recipient(uint32_t session);
  uint64_t request(uint32_t connection, uint32_t filter, bool subscribes, bool no_echo);
  // Whether a session may have wanted the message, or wanted it for sure from before it was sent until now.
  bool may_want(uint32_t session, const SentMessage& sent) const;
  bool wants(uint32_t session, const SentMessage& sent) const;
  bool has_come(const Recipient& recipient, const SentMessage& sent) const;
  void check_told(uint32_t session);
  void check_complete(uint32_t session);
  void check_one_order(uint32_t topic);

  Oracle& oracle_;
  Coverage& coverage_;
  std::vector<Request> requests_;      // By ref, from 1.
  std::vector<Recipient> recipients_;  // By session.
};

}  // namespace onehop::sim
