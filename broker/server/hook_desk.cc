// HookDesk: see the header.
#include "server/hook_desk.h"

#include <algorithm>
#include <utility>

#include "core/base/limits.h"
#include "core/base/utf8.h"
#include "onehop/v1/onehop.pb.h"
#include "server/local_clients.h"

namespace onehop::server {
namespace {

constexpr size_t kTextBytesMax = 256;

Connection& connection_of(core::HostLink link) {
  return *reinterpret_cast<Connection*>(link.value);
}

std::string address_text(const Connections& connections, const Connection& connection) {
  const reactor::SocketAddress address = connections.address_of(connection);
  return address.size() == 0 ? std::string() : address.text();
}

HookVerdict yes() {
  HookVerdict verdict;
  verdict.decided = verdict.accepted = true;
  return verdict;
}

core::Answer answer_to_action(const HookVerdict& verdict) {
  core::Answer answer;
  answer.accepted = verdict.accepted;
  answer.code = verdict.decided ? 0 : v1::CODE_SERVER_BUSY;
  return answer;
}

}  // namespace

HookDesk::HookDesk(core::Shard& shard, core::ShardIndex index, Connections& connections,
                   reactor::Mailbox<ShardMail>& mailbox, ArrivalRules& rules, Handlers& handlers)
    : shard_(shard),
      index_(index),
      connections_(connections),
      rules_(rules),
      handlers_(handlers),
      principals_(rules.principals),
      counted_sessions_(rules.addresses),
      box_(std::make_shared<AnswerBox>(mailbox)) {}

HookDesk::~HookDesk() {
  box_->close();
}

core::Answered HookDesk::ask(core::Ticket ticket, const core::Question& question, core::Answer& answer,
                             core::Instant now) {
  switch (question.kind) {
    case core::Question::Kind::kSend:
      return ask_whether(Action::kSend, ticket, question, answer);
    case core::Question::Kind::kPublish:
      return ask_whether(Action::kPublish, ticket, question, answer);
    case core::Question::Kind::kSubscribe:
      return ask_whether(Action::kSubscribe, ticket, question, answer);
    case core::Question::Kind::kServe:
      return ask_whether(Action::kServe, ticket, question, answer);
    case core::Question::Kind::kRequest:
      return ask_whether(Action::kRequest, ticket, question, answer);
    case core::Question::Kind::kWatch:
      return ask_whether(Action::kWatch, ticket, question, answer);
    case core::Question::Kind::kStay:
      ask_who_stays(question, answer);
      return core::Answered::kNow;
    case core::Question::Kind::kRenew:
      return ask_about_connect(ticket, question, answer, now);
    case core::Question::Kind::kAuthenticate:
      break;
  }
  if (const uint64_t left_ms = rules_.barred.left_ms(question.name, now.ms); left_ms != 0) {
    refuse(answer, Code::kAdministrative, "an operator keeps this name out for a while",
           static_cast<uint32_t>(std::min<uint64_t>(left_ms, UINT32_MAX)));
    return core::Answered::kNow;
  }
  return ask_about_connect(ticket, question, answer, now);
}

core::Answered HookDesk::ask_about_connect(core::Ticket ticket, const core::Question& question, core::Answer& answer,
                                           core::Instant now) {
  Connecting connecting;
  connecting.ticket = ticket;
  connecting.is_local = LocalClients::owns(question.link);
  if (!connecting.is_local) connecting.connection = connections_.id_of(connection_of(question.link));
  connecting.name = question.name;
  connecting.wants_take_over = question.take_over;
  connecting.renews = question.session;
  if (pass_stages(connecting, question.token, ask_stage(connecting, question.token), answer, now)) {
    return core::Answered::kNow;
  }
  keep(std::move(connecting), now);
  return core::Answered::kLater;
}

// From the verdict on the present stage on. False: it waits for the next one.
bool HookDesk::pass_stages(Connecting& connecting, std::string_view token, std::optional<HookVerdict> verdict,
                           core::Answer& answer, core::Instant now) {
  for (;;) {
    if (!verdict) return false;
    if (!pass_stage(connecting, *verdict, answer, now)) return true;
    if (connecting.stage == Stage::kLetIn) {
      connecting.renews == 0 ? let_in(connecting, answer) : renew(connecting, answer, now);
      return true;
    }
    verdict = ask_stage(connecting, token);
  }
}

std::optional<HookVerdict> HookDesk::ask_stage(const Connecting& connecting, std::string_view token) {
  const Hooks& hooks = handlers_.hooks();
  if (connecting.stage == Stage::kAuthenticate) {
    if (!hooks.authenticate) return yes();
    const auto pending = std::make_shared<PendingAnswer>(box_, connecting.ticket);
    const Proof proof = connecting.is_local ? Proof() : proof_of(*connections_.find(connecting.connection));
    const std::string peer =
        connecting.is_local ? kLocalPeer : address_text(connections_, *connections_.find(connecting.connection));
    const Credentials credentials{
        token, connecting.name, peer, index_, connecting.renews != 0, proof.certificate, proof.certificate_name};
    if (!handlers_.call(Handler::kAuthenticate,
                        [&] { hooks.authenticate(credentials, AuthenticateAnswer(pending)); })) {
      pending->give({});
    }
    return pending->take_or_wait();
  }
  if (connecting.stage == Stage::kTakeOver && !connecting.wants_take_over) return yes();
  const Action action = connecting.stage == Stage::kOwnName ? Action::kOwnName : Action::kTakeOver;
  return authorize(connecting.ticket,
                   {action, connecting.principal, connecting.permissions, connecting.name, connecting.name});
}

HookDesk::Proof HookDesk::proof_of(const Connection& connection) {
  Proof proof;
  if (connection.has_transport) proof.certificate = connections_.transport_of(connection)->peer_certificate();
  if (const Source* source = connections_.source_of(connection)) proof.certificate_name = source->certificate_name;
  return proof;
}

std::optional<HookVerdict> HookDesk::authorize(core::Ticket ticket, const Access& access) {
  const Hooks& hooks = handlers_.hooks();
  if (!hooks.authorize) return yes();
  const auto pending = std::make_shared<PendingAnswer>(box_, ticket);
  if (!handlers_.call(Handler::kAuthorize, [&] { hooks.authorize(access, AuthorizeAnswer(pending)); })) {
    pending->give({});
  }
  return pending->take_or_wait();
}

// False: the verdict ends it, and `answer` is filled in.
bool HookDesk::pass_stage(Connecting& connecting, const HookVerdict& verdict, core::Answer& answer, core::Instant now) {
  switch (connecting.stage) {
    case Stage::kAuthenticate:
      return pass_authenticate(connecting, verdict, answer, now);
    case Stage::kOwnName:
      if (!verdict.decided) {
        refuse(answer, Code::kServerBusy, "the permissions cannot be checked now");
        return false;
      }
      if (!verdict.accepted) {
        refuse(answer, Code::kNotAuthorized, "the client may not own this name");
        return false;
      }
      connecting.stage = Stage::kTakeOver;
      return true;
    case Stage::kTakeOver:
      connecting.may_take_over = verdict.accepted;
      connecting.stage = Stage::kLetIn;
      return true;
    case Stage::kLetIn:
      return true;
  }
  return true;
}

bool HookDesk::pass_authenticate(Connecting& connecting, const HookVerdict& verdict, core::Answer& answer,
                                 core::Instant now) {
  if (!verdict.decided) {
    refuse(answer, Code::kServerBusy, "the credentials cannot be checked now");
    return false;
  }
  if (!verdict.accepted) {
    refuse(answer, verdict.code, verdict.text, verdict.retry_after_ms);
    return false;
  }
  connecting.principal = verdict.principal;
  connecting.permissions = verdict.permissions;
  // The time runs from the answer on, however long the next stages take.
  const bool ends = verdict.expires_in_ms != 0 && verdict.expires_in_ms < core::Instant::never() - now;
  connecting.credentials_end = ends ? now + verdict.expires_in_ms : core::Instant::never();
  connecting.stage = Stage::kOwnName;
  return true;
}

void HookDesk::let_in(const Connecting& connecting, core::Answer& answer) {
  drop_newcomer();
  newcomer_ = {principals_.hold(connecting.principal), connecting.permissions};
  answer.accepted = true;
  answer.principal = newcomer_.principal.number;
  answer.may_take_over = connecting.may_take_over;
  answer.credentials_end = connecting.credentials_end;
  if (counted_sessions_.wanted() && !connecting.is_local) {
    const Connection& connection = *connections_.find(connecting.connection);
    const core::HostLink link{reinterpret_cast<uint64_t>(&connection)};
    answer.one_more = counted_sessions_.ask(link, connections_.address_of(connection));
  }
}

// Of another principal, or when the credentials have ended while the hooks were asked, nothing changes.
void HookDesk::renew(const Connecting& connecting, core::Answer& answer, core::Instant now) {
  const Identity who = identity_of(connecting.renews);
  if (connecting.principal != who.text() || connecting.credentials_end <= now) {
    return refuse(answer, Code::kNotAuthorized, {});
  }
  answer.accepted = true;
  answer.principal = who.principal.number;
  answer.credentials_end = connecting.credentials_end;
  // They hold when core says that the renewal does, which it says within the call that this answer goes to.
  renewed_permissions_ = connecting.permissions;
}

void HookDesk::refuse(core::Answer& answer, Code code, std::string text, uint32_t retry_after_ms) {
  text_ = std::move(text);
  if (text_.size() > kTextBytesMax || !core::is_valid_utf8(text_)) text_.clear();
  answer.accepted = false;
  answer.code = static_cast<uint32_t>(code);
  answer.text = text_;
  answer.retry_after_ms = retry_after_ms;
}

// Core says nothing when it gives a question up, so those are thrown away here when new ones come.
void HookDesk::keep(Connecting connecting, core::Instant now) {
  const core::Instant given_up = now + 2 * core::kConnectDeadlineMs;
  connecting.given_up = given_up;
  while (!given_up_.empty() && given_up_.front().first <= now) {
    const auto found = connecting_.find(given_up_.front().second);
    if (found != connecting_.end() && found->second.given_up <= now) connecting_.erase(found);
    given_up_.pop_front();
  }
  const uint64_t ticket = connecting.ticket.value;
  given_up_.emplace_back(given_up, ticket);
  connecting_.insert_or_assign(ticket, std::move(connecting));
}

void HookDesk::ask_who_stays(const core::Question& question, core::Answer& answer) {
  const auto& still_allowed = handlers_.hooks().still_allowed;
  const Identity who = identity_of(question.session);
  const std::string peer = question.link.value == 0 ? std::string() : peer_of(question.link);
  const ConnectedClient client{question.name, who.text(), who.permissions, peer, question.session, index_};
  bool stays = false;
  if (!handlers_.call(Handler::kStillAllowed, [&] { stays = still_allowed(client); })) {
    return refuse(answer, Code::kServerBusy, {});
  }
  answer.accepted = stays;
}

std::string HookDesk::peer_of(core::HostLink link) const {
  return LocalClients::owns(link) ? kLocalPeer : address_text(connections_, connection_of(link));
}

core::Answered HookDesk::ask_whether(Action action, core::Ticket ticket, const core::Question& question,
                                     core::Answer& answer) {
  const Identity who = identity_of(question.session);
  const std::optional<HookVerdict> verdict =
      authorize(ticket, {action, who.text(), who.permissions, question.sender, question.name});
  if (!verdict) return core::Answered::kLater;
  answer = answer_to_action(*verdict);
  return core::Answered::kNow;
}

void HookDesk::take_verdict(core::Ticket ticket, const HookVerdict& verdict, core::Instant now) {
  const auto found = connecting_.find(ticket.value);
  if (found == connecting_.end()) return shard_.on_answer(ticket, answer_to_action(verdict), now);
  Connecting connecting = std::move(found->second);
  connecting_.erase(found);
  // Its address may be needed: a connection that has gone is not let in.
  if (!connecting.is_local && connections_.find(connecting.connection) == nullptr) return;
  core::Answer answer;
  if (!pass_stages(connecting, {}, verdict, answer, now)) return keep(std::move(connecting), now);
  shard_.on_answer(ticket, answer, now);
}

// Sessions and those who have opened them.

HookDesk::Identity HookDesk::identity_of(uint64_t session) const {
  const auto found = identities_.find(session);
  return found == identities_.end() ? Identity() : found->second;
}

void HookDesk::set_permissions(uint64_t session, uint64_t permissions) {
  const auto found = identities_.find(session);
  if (found != identities_.end()) {
    found->second.permissions = permissions;
  } else if (permissions != 0) {
    identities_[session].permissions = permissions;
  }
}

void HookDesk::before(const core::Event& event) {
  if (event.kind == core::Event::Kind::kSessionOpened) {
    counted_sessions_.opened(event.link, event.session);
    const Identity identity = std::exchange(newcomer_, {});
    if (identity.principal.number != 0 || identity.permissions != 0) identities_[event.session] = identity;
  }
  if (event.kind == core::Event::Kind::kSessionRenewed) set_permissions(event.session, renewed_permissions_);
  if (event.kind == core::Event::Kind::kSessionResumed) {
    set_permissions(event.session, newcomer_.permissions);
    drop_newcomer();
  }
}

void HookDesk::after(const core::Event& event, core::Instant now) {
  switch (event.kind) {
    case core::Event::Kind::kSessionEnded:
    case core::Event::Kind::kTakenOver:
      counted_sessions_.ended(event.session, now.ms);
      if (const auto found = identities_.find(event.session); found != identities_.end()) {
        principals_.release(found->second.principal);
        identities_.erase(found);
      }
      break;
    case core::Event::Kind::kConnectRefused:
      counted_sessions_.refused(event.link, event.code);
      break;
    default:
      break;
  }
}

// It was let in, and has opened no session.
void HookDesk::drop_newcomer() {
  principals_.release(std::exchange(newcomer_, {}).principal);
}

}  // namespace onehop::server
