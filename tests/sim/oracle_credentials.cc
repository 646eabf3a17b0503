// Oracle: credentials that end and are renewed, and changes of the policy that take sessions away.
#include <string>

#include "sim/oracle.h"

namespace onehop::sim {

void Oracle::let_in(uint32_t number, uint32_t hold_ms) {
  Connection& connection = connections_[number];
  connection.hold_ms = hold_ms;
  connection.credentials_end_us = hold_ms == 0 ? kNever : now_us_ + hold_ms * kUsPerMs;
}

// The broker may be asked to renew them, or may not; the client says so in its Renew.
std::string Oracle::renews(uint32_t number) {
  Connection& connection = connections_[number];
  connection.renewals.emplace_back();
  return "renewal " + std::to_string(connection.renewals.size());
}

void Oracle::asked_to_renew(uint32_t number, core::Bytes name, core::Bytes token, uint64_t session_number) {
  Connection& connection = connections_[number];
  if (!connection.open) return fail(number, "is asked about, though it has nothing to renew");
  const Session& session = session_of(number);
  const bool right = connection.renewals_asked < connection.renewals.size() && session.number == session_number &&
                     names_[session.name].text == name &&
                     token == "renewal " + std::to_string(connection.renewals_asked + 1);
  if (!right) return fail(number, "did not ask for what is to be renewed");
  if (!session.may_renew) return fail(number, "renews, though it did not say that it would");
  if (connection.renewals_asked != connection.renewals_answered) {
    return fail(number, "renews before the answer to the renewal before");
  }
  ++connection.renewals_asked;
}

void Oracle::renewal_answered(uint32_t number, const Renewal& renewal) {
  Connection& connection = connections_[number];
  connection.renewals[connection.renewals_answered++] = renewal;
  if (renewal.reason != v1::REASON_UNSPECIFIED) return;
  connection.credentials_end_us = renewal.hold_ms == 0 ? kNever : now_us_ + renewal.hold_ms * kUsPerMs;
}

void Oracle::renewed(uint32_t number, const v1::Renewed& renewed) {
  Connection& connection = connections_[number];
  step();
  if (connection.renewals_told == connection.renewals_answered) return fail(number, "was told of a renewal too many");
  const Renewal& renewal = connection.renewals[connection.renewals_told++];
  const bool good = renewal.reason == v1::REASON_UNSPECIFIED;
  if (renewed.reason() != renewal.reason || renewed.expires_in_ms() != (good ? renewal.hold_ms : 0)) {
    return fail(number, "was told another end of its renewal than it had");
  }
  coverage_.add(good ? Provoked::kRenewed : Provoked::kRenewalRefused);
}

// The broker ends an open connection with NOT_AUTHORIZED.
void Oracle::check_not_authorized(uint32_t number) {
  const Connection& connection = connections_[number];
  if (session_of(number).revoked) return;
  coverage_.add(Provoked::kCredentialsExpired);
  if (connection.credentials_end_us == kNever || now_us_ + kEarlySlackUs < connection.credentials_end_us) {
    fail(number, "was ended for its credentials, which hold");
  }
}

void Oracle::check_credentials(uint32_t number) {
  const Connection& connection = connections_[number];
  // One that only waits for its goodbye to go out has no session any more.
  if (!connection.open || session_of(number).connection != number) return;
  const bool ended = connection.credentials_end_us != kNever && now_us_ > connection.credentials_end_us + kLateSlackUs;
  if (ended) fail(number, "goes on without credentials");
}

// Whether the session may stay is the host's to say; `stays` is what it says.
void Oracle::asked_who_stays(uint32_t number_or_none, core::Bytes name, uint64_t session_number, Stays stays) {
  const auto found = by_number_.find(session_number);
  if (found == by_number_.end()) return fail("who stays is asked about a session that never was");
  Session& session = sessions_[found->second];
  if (session.ended_at != kNever) return fail(session, "is asked about, and has ended");
  if (session.connection != number_or_none || names_[session.name].text != name) {
    return fail(session, "is asked about under another name or connection");
  }
  session.stay_asked_at = order_;
  if (stays == Stays::kNo) {
    session.revoked = true;
    revoked_.push_back(session.index);
    coverage_.add(number_or_none == kNone ? Provoked::kRevokedAway : Provoked::kRevoked);
  }
  if (stays == Stays::kUnsure && number_or_none != kNone) {
    connections_[number_or_none].policy_unsure = true;
    coverage_.add(Provoked::kPolicyUnsure);
  }
}

// After each call: nobody stays who may not.
void Oracle::check_revoked() {
  for (const uint32_t index : revoked_) {
    if (sessions_[index].ended_at == kNever) return fail(sessions_[index], "stays, though it may not");
  }
  revoked_.clear();
}

// Every session that was let in by an older policy has been asked about.
void Oracle::check_policy(core::ShardIndex shard) {
  if (policy_at_ == kNever || stopping_at_ != kNever || now_us_ <= policy_us_ + kLateSlackUs) return;
  for (const Name& name : names_) {
    if (name.owner == kNone || name.home != shard) continue;
    const Session& session = sessions_[name.owner];
    if (session.admitted_at < policy_at_ && session.stay_asked_at < policy_at_) {
      return fail(session, "was let in by a policy that has changed, and was not asked about");
    }
  }
}

}  // namespace onehop::sim
