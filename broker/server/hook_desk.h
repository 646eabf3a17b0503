// What a shard asks before it lets a client in or a message through: the names that are kept out, the limits of source
// addresses, and the embedder's hooks, whose answers may come later. The loop's thread only.
//
// A Connect that is asked about passes these stages in order; each may end it:
//
//   authenticate ──▶ own_name ──▶ take_over (only if it asks for that) ──▶ let in
//
// A renewal of credentials passes them, too, except that it takes nothing over, and is renewed instead of let in.
//
// Invariant: each session that a principal has opened holds it in the table of principals until it ends.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <absl/container/flat_hash_map.h>

#include "core/shard/shard.h"
#include "onehop/hooks.h"
#include "server/arrival_rules.h"
#include "server/connections.h"
#include "server/counted_sessions.h"
#include "server/handlers.h"
#include "server/pending_answer.h"
#include "server/principal_table.h"

namespace onehop::server {

class HookDesk {
 public:
  // All of these outlive this.
  HookDesk(core::Shard& shard, core::ShardIndex index, Connections& connections, reactor::Mailbox<ShardMail>& mailbox,
           ArrivalRules& rules, Handlers& handlers);
  HookDesk(const HookDesk&) = delete;
  HookDesk& operator=(const HookDesk&) = delete;
  ~HookDesk();

  // As core::Host::ask.
  core::Answered ask(core::Ticket ticket, const core::Question& question, core::Answer& answer, core::Instant now);
  // An answer that has come later.
  void take_verdict(core::Ticket ticket, const HookVerdict& verdict, core::Instant now);

  struct Identity {
    PrincipalTable::Principal principal;
    uint64_t permissions = 0;
    std::string_view text() const { return principal.text == nullptr ? std::string_view() : *principal.text; }
  };
  // Whose session it is, from the event of its opening to that of its end.
  Identity identity_of(uint64_t session) const;
  // Before and after the event is told to anybody.
  void before(const core::Event& event);
  void after(const core::Event& event, core::Instant now);

 private:
  enum class Stage : uint8_t { kAuthenticate, kOwnName, kTakeOver, kLetIn };
  // A Connect, or a renewal, that is asked about.
  struct Connecting {
    core::Ticket ticket;
    ConnectionId connection;  // Of one that is not local.
    bool is_local = false;
    std::string name;
    bool wants_take_over = false;
    Stage stage = Stage::kAuthenticate;
    std::string principal;
    uint64_t permissions = 0;
    bool may_take_over = true;
    core::Instant credentials_end = core::Instant::never();
    uint64_t renews = 0;     // The session whose credentials are renewed; 0: it is a Connect.
    core::Instant given_up;  // By core.
  };

  core::Answered ask_about_connect(core::Ticket ticket, const core::Question& question, core::Answer& answer,
                                   core::Instant now);
  core::Answered ask_whether(Action action, core::Ticket ticket, const core::Question& question, core::Answer& answer);
  void ask_who_stays(const core::Question& question, core::Answer& answer);
  std::string peer_of(core::HostLink link) const;
  bool pass_stages(Connecting& connecting, std::string_view token, std::optional<HookVerdict> verdict,
                   core::Answer& answer, core::Instant now);
  // What its connection has proved, or a balancer says for it.
  struct Proof {
    std::string certificate;
    std::string certificate_name;
  };
  Proof proof_of(const Connection& connection);
  std::optional<HookVerdict> ask_stage(const Connecting& connecting, std::string_view token);
  bool pass_stage(Connecting& connecting, const HookVerdict& verdict, core::Answer& answer, core::Instant now);
  bool pass_authenticate(Connecting& connecting, const HookVerdict& verdict, core::Answer& answer, core::Instant now);
  void let_in(const Connecting& connecting, core::Answer& answer);
  void renew(const Connecting& connecting, core::Answer& answer, core::Instant now);
  void set_permissions(uint64_t session, uint64_t permissions);
  std::optional<HookVerdict> authorize(core::Ticket ticket, const Access& access);
  void refuse(core::Answer& answer, Code code, std::string text, uint32_t retry_after_ms = 0);
  void keep(Connecting connecting, core::Instant now);
  void drop_newcomer();

  core::Shard& shard_;
  const core::ShardIndex index_;
  Connections& connections_;
  ArrivalRules& rules_;
  Handlers& handlers_;
  PrincipalTable& principals_;
  CountedSessions counted_sessions_;
  const std::shared_ptr<AnswerBox> box_;
  absl::flat_hash_map<uint64_t, Connecting> connecting_;     // By ticket: those whose answer comes later.
  std::deque<std::pair<core::Instant, uint64_t>> given_up_;  // When core has given up which ticket, in order.
  absl::flat_hash_map<uint64_t, Identity> identities_;       // By the number of the session.
  // Who is let in in this very call. What core makes of it follows within the call, as in CountedSessions.
  Identity newcomer_;
  uint64_t renewed_permissions_ = 0;  // Of the last renewal that was accepted, in the same way.
  std::string text_;                  // Of the last refusal. Core reads it during the call only.
};

}  // namespace onehop::server
