// What the oracle knows of services: which sessions serve what, for sure or perhaps, and which of them got a message. A
// message has at most one instance at a time. It may go to another one if the first has ended, does not serve any more
// or is away, and if it was not written to the first; or if its sender has allowed it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "onehop/v1/onehop.pb.h"
#include "sim/coverage.h"
#include "sim/oracle_records.h"

namespace onehop::sim {

class Oracle;

class ServiceOracle {
 public:
  // Of services(), the first ones are served at times. Nobody serves the next one, and nobody can serve the last.
  static constexpr uint32_t kServed = 3;

  ServiceOracle(Oracle& oracle, Coverage& coverage) : oracle_(oracle), coverage_(coverage) {}

  static const std::vector<std::string>& services();

  // A client serves, or does not serve any more; the ref that it is to say.
  uint64_t subscribes(uint32_t connection, uint32_t service);
  uint64_t unsubscribes(uint32_t connection, uint32_t service);
  static bool is_own(uint64_t ref);
  void answered(uint32_t connection, const v1::Subscribed& answer);
  // Called before it is noted that the session has another connection.
  void came_back(Session& session) const;

  void sent(const SentMessage& sent);
  // A client reads a message: whether it may be, before it is noted; then what it shows.
  void check_copy(uint32_t connection, uint32_t record, const v1::Message& message);
  void delivered(uint32_t connection, uint32_t record, const v1::Message& message);
  const std::vector<Copy>& copies(uint32_t record) const;
  // Whether it may come to a session marked as redelivered although that session has not got it before.
  bool may_be_moved_attempted(uint32_t session, const SentMessage& sent) const;

  // Why something may not be what became of a message; or nothing.
  std::string why_refusal_illegal(const SentMessage& sent, v1::Reason reason);
  bool may_be_attempted(const SentMessage& sent) const;
  std::string why_not_lost(const SentMessage& sent, v1::Reason reason, bool attempted);
  std::string why_not_expired_unattempted(const SentMessage& sent, uint64_t due_us) const;

  void flow(uint32_t connection, uint32_t service, const v1::Flow& flow, uint64_t written_us, bool was_unblocked);

  // Everything has come to rest: this unconfirmed message has not arrived.
  void check_lost(const SentMessage& sent);
  void check_at_rest();

 private:
  struct Request {
    uint32_t session;
    uint32_t connection;
    uint32_t service;
    bool subscribes;
    uint64_t sent_at;
    uint64_t sent_us;
    uint64_t answered_at = kNever;
    uint64_t answered_us = kNever;
    bool refused = false;
  };
  // From one session to one service.
  struct Sender {
    uint32_t session;
    uint32_t service;
    uint32_t largest_frame_bytes = 0;
    uint32_t pauses = 0;  // Told, less the RESUMEs.
    bool paused = false;
    bool pause_was_unblocked = false;
    uint32_t pause_connection = 0;
    uint64_t pause_written_us = 0;
    uint32_t pause_lease_ms = 0;
  };

  uint64_t request(uint32_t connection, uint32_t service, bool subscribes);
  Sender* find_sender(uint32_t session, uint32_t service);
  // Sessions that have ever wanted to serve it.
  const std::vector<uint32_t>& instances(uint32_t service) const { return instances_[service]; }
  // Whether it may have been an instance at any time since.
  bool may_serve(uint32_t session, uint32_t service, uint64_t since) const;
  bool may_have_asked(uint32_t session, uint32_t service, uint64_t since) const;
  // Whether it has been one since before that, for sure.
  bool surely_serves(uint32_t session, uint32_t service, uint64_t since_us) const;
  // Whether it has been connected all the time, and took and settled everything at once.
  bool is_quick(const Session& session) const;
  // Whether so many bytes may have waited for it since then that a message did not fit.
  bool may_be_over(const Session& session, const SentMessage& sent, uint64_t room) const;
  bool is_too_large_for(const Session& session, const SentMessage& sent) const;
  uint64_t bytes_for(const Session& session, uint64_t since_us) const;
  bool may_wait_for(const Session& session, const SentMessage& message, uint64_t since_us) const;
  bool somebody_has_room(const SentMessage& sent, uint64_t since_us) const;
  bool another_is_available(uint32_t session, const SentMessage& sent, uint64_t since_us) const;
  bool may_have_waited_to_move(const SentMessage& sent) const;
  bool asked_to_leave(uint32_t session, const SentMessage& sent) const;
  // Whether what it had not got yet may have been taken from this session.
  bool may_have_left(uint32_t session, const SentMessage& sent) const;
  bool anybody_may_have_left(const SentMessage& sent, uint32_t but) const;
  void check_choice(uint32_t connection, const SentMessage& sent);
  bool is_late(uint32_t session, const SentMessage& sent) const;
  bool all_may_be_over(uint32_t service, const Connection& sender, uint32_t frame_bytes) const;
  void check_answers();
  void check_released();

  Oracle& oracle_;
  Coverage& coverage_;
  std::vector<Request> requests_;  // By ref.
  std::vector<std::vector<uint32_t>> instances_{services().size()};
  std::vector<std::vector<Copy>> copies_;  // By record.
  std::vector<Sender> senders_;
};

}  // namespace onehop::sim
