// Running: see the header.
#include "daemon/running.h"

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <thread>
#include <utility>

#include "daemon/waiting.h"
#include "identity/policy.h"

namespace onehop::daemon {
namespace {

// With this the thread that waits for the broker's end tells the main thread of it.
constexpr int kStopped = SIGALRM;
// When a broker that stops first tells whom it waits for, and how often it says so again. Most clients have gone
// before.
constexpr std::chrono::seconds kWaitingAfter{1};
constexpr std::chrono::seconds kWaitingEvery{10};
// How many clients are looked at for that: one page.
constexpr size_t kWaitingClientsMax = 1'000;
// How often the log is asked what it left out, and the files are looked at.
constexpr std::chrono::seconds kLookEvery{1};

sigset_t all_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, kStopped}) sigaddset(&signals, signal);
  return signals;
}

void log_counters(Log& log, const BrokerCounters& c) {
  log.line(Log::Level::kInfo, "served",
           {{"sessions", c.sessions_opened},
            {"sessions_resumed", c.sessions_resumed},
            {"messages_admitted", c.messages_admitted},
            {"messages_acknowledged", c.messages_acknowledged},
            {"messages_refused", c.messages_refused},
            {"messages_refused_by_recipient", c.messages_refused_by_recipient},
            {"messages_expired", c.messages_expired},
            {"messages_lost", c.messages_lost},
            {"messages_redelivered", c.messages_redelivered},
            {"messages_dropped", c.messages_dropped},
            {"pauses_told", c.pauses_told},
            {"gates_closed", c.gates_closed},
            {"hand_overs", c.hand_overs}});
}

// How clients show who they are, for whoever reads how the broker has started.
std::string authentication_of(const DaemonOptions& options) {
  std::string out;
  for (const std::string& method : options.authentication) out.append(out.empty() ? "" : ", ").append(method);
  if (out.empty()) return "none: everybody is let in";
  return out + (options.permissions_file.empty() ? "; no permissions file: everything is allowed" : "");
}

// "3 users, 2 keys, 4 roles"
std::string described(const identity::Policy& policy) {
  std::string out;
  const auto add = [&out](size_t count, const char* of_what) {
    out.append(out.empty() ? "" : ", ").append(std::to_string(count)).append(of_what);
  };
  if (policy.users != nullptr) add(policy.users->size(), " users");
  if (policy.keys != nullptr) add(policy.keys->size(), " keys");
  if (policy.permissions != nullptr) add(policy.permissions->roles(), " roles");
  return out;
}

// What the startup line adds to an address: whether it speaks TLS, and whether everybody may connect.
const char* openness_of(const std::string& address, const DaemonOptions& options) {
  if (!address.starts_with("tls://")) return "";
  if (options.tls_client == "required") return " (TLS, client certificates required)";
  return options.tls_client == "optional" ? " (TLS, client certificates optional)" : " (TLS)";
}

double unix_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::vector<admin::ProgramState::Authentications> authentications_of(const IdentityCounters& counters,
                                                                     uint64_t& denials) {
  std::vector<admin::ProgramState::Authentications> out;
  for (const AuthMethod method :
       {AuthMethod::kCertificate, AuthMethod::kToken, AuthMethod::kUsers, AuthMethod::kAnonymous}) {
    const IdentityCounters::Method& of_it = counters.methods[static_cast<size_t>(method)];
    out.push_back({std::string(to_string(method)), "accepted", of_it.accepted});
    out.push_back({std::string(to_string(method)), "refused", of_it.refused});
  }
  out.push_back({"none", "refused", counters.refused_without_method});
  out.push_back({"any", "throttled", counters.throttled});
  out.push_back({"any", "busy", counters.busy});
  denials = counters.denied_by_permissions;
  return out;
}

// Of a running broker, the settings that differ and may not; or nothing.
std::string wrong_with_changes(const std::vector<Change>& changed) {
  std::string names;
  for (const Change& change : changed) {
    if (!change.setting->reloadable) names.append(names.empty() ? "" : ", ").append(change.setting->name);
  }
  return names.empty() ? names : names + ": cannot change while the broker runs";
}

}  // namespace

Running::Running(const Given& given, const Configuration& configuration)
    : given_(given),
      configuration_(configuration),
      last_reload_success_unix_seconds_(unix_seconds()),
      log_(configuration.options) {
  files_.watch(configuration.files);
}

Running::~Running() = default;

bool Running::start() {
  BrokerOptions options = configuration_.options.broker;
  options.on_event = [this](const BrokerEvent& event) { log_.event(event); };
  start_identity(options);
  tls_ = configuration_.tls;  // The admin port tells of it from its first request on.
  std::string error;
  broker_ = Broker::start(options, error);
  if (broker_ == nullptr || !start_admin(error)) {
    std::fprintf(stderr, "onehopd: %s\n", error.c_str());
    return false;
  }
  for (const std::string& address : broker_->addresses()) {
    std::printf("listening on %s%s\n", address.c_str(), openness_of(address, configuration_.options));
  }
  if (port_ != nullptr) std::printf("admin on %s\n", port_->address().c_str());
  std::fflush(stdout);
  tell_started();
  return true;
}

// Who is let in does not change while the broker runs, so without it nothing is asked.
void Running::start_identity(BrokerOptions& options) {
  if (configuration_.options.authentication.empty()) return;
  IdentityOptions wanted = identity_options(configuration_.options);
  wanted.on_refused = [this](const IdentityEvent& event) {
    log_.audit(Log::Level::kWarn, "authentication_refused",
               {{"method", event.method}, {"claimed", event.claimed}, {"peer", event.peer}, {"text", event.why}});
  };
  identity_ = Identity::start(wanted, configuration_.policy);
  options.hooks = identity_->hooks();
}

bool Running::start_admin(std::string& error) {
  const DaemonOptions& options = configuration_.options;
  if (options.admin == "none") return true;
  admin::Actions actions;
  actions.config_json = [this] {
    const std::lock_guard lock(mutex_);
    return as_json(configuration_);
  };
  actions.state = [this] { return state(); };
  actions.permission = [this](const std::string& principal, const std::string& action, const std::string& target) {
    return permission(principal, action, target);
  };
  actions.drain = [this] { broker_->drain(stop_deadline_ms()); };
  actions.changed = [this](const admin::Change& change) {
    log_.audit(Log::Level::kInfo, "admin_request",
               {{"role", to_string(change.role)},
                {"peer", change.peer},
                {"path", change.path},
                {"query", change.query},
                {"status", change.status}});
  };
  admin_tls_ = configuration_.admin_tls;
  admin::Options how{options.admin, configuration_.admin_tokens, options.broker.allow_plaintext, nullptr};
  if (admin_tls_ != nullptr) how.tls = admin_tls_->security();
  port_ = admin::Port::start(how, *broker_, std::move(actions), error);
  if (port_ == nullptr) error = "admin: " + error;
  return port_ != nullptr;
}

std::optional<admin::Permission> Running::permission(const std::string& principal, const std::string& action,
                                                     const std::string& target) const {
  if (identity_ == nullptr) return admin::Permission{true, "there is no authentication: everybody may do everything"};
  std::optional<PermissionVerdict> verdict = identity_->explain(principal, action, target);
  if (!verdict) return std::nullopt;
  return admin::Permission{verdict->allowed, std::move(verdict->why)};
}

void Running::tell_started() {
  const BrokerOptions& options = configuration_.options.broker;
  const BrokerCounters counters = broker_->counters();
  const std::vector<std::string> all = broker_->addresses();
  const auto first_proxy = all.begin() + static_cast<std::ptrdiff_t>(options.listen.size());
  const std::vector<std::string> plain(all.begin(), first_proxy);
  const std::vector<std::string> proxy(first_proxy, all.end());
  log_.line(Log::Level::kInfo, "started",
            {{"version", ONEHOP_VERSION},
             {"addresses", plain},
             {"proxy_addresses", proxy},
             {"admin", port_ == nullptr ? "none" : port_->address()},
             {"shards", broker_->shards()},
             {"connections_max", counters.connections_limit},
             {"memory_bytes_max", counters.memory_bytes_max},
             {"queue_bytes_max", options.queue_bytes_max},
             {"frame_bytes_max", options.frame_bytes_max},
             {"stop_deadline_ms", configuration_.options.stop_deadline_ms},
             {"authentication", authentication_of(configuration_.options)}});
  notify_.ready("serving on " + all.front());
}

int Running::serve() {
  const sigset_t signals = all_signals();
  for (;;) {
    const int signal = next_signal(signals);
    if (signal == SIGTERM || signal == SIGINT) return stop(signals, signal);
    if (signal == SIGHUP) reload();
  }
}

// However often signals come, what is due each second, and to systemd, is told in time.
int Running::next_signal(const sigset_t& signals) {
  for (;;) {
    const auto now = std::chrono::steady_clock::now();
    if (notify_.interval().count() != 0 && now >= next_alive_) {
      tell_alive();
      next_alive_ = now + notify_.interval();
    }
    if (now >= next_look_) {
      log_.tell_left_out();
      next_look_ = now + kLookEvery;
      if (files_changed()) return SIGHUP;
    }
    if (now >= next_waiting_) {
      next_waiting_ = now + kWaitingEvery;
      tell_waiting();
    }
    const auto next = notify_.interval().count() == 0 ? next_look_ : std::min(next_alive_, next_look_);
    const int64_t us = std::max<int64_t>(0, (next - std::chrono::steady_clock::now()) / std::chrono::microseconds(1));
    const timespec left{static_cast<time_t>(us / 1'000'000), static_cast<long>(us % 1'000'000) * 1'000};
    if (const int signal = sigtimedwait(&signals, nullptr, &left); signal >= 0) return signal;
  }
}

bool Running::files_changed() {
  // Only this thread writes the configuration.
  return !stopping_ && configuration_.options.reload_on_change && files_.changed();
}

// Shards end one after the other while the broker stops, and then do not answer; the deadline bounds that.
void Running::tell_alive() {
  const auto within_ms = std::chrono::duration_cast<std::chrono::milliseconds>(notify_.interval() / 2).count();
  if (stopping_ || broker_->alive(static_cast<uint32_t>(std::min<int64_t>(within_ms, UINT32_MAX)))) {
    notify_.alive();
  } else {
    log_.line(Log::Level::kError, "not_alive", {{"text", "a shard does not answer"}});
  }
}

void Running::reload() {
  notify_.reloading();
  files_.renew();
  std::vector<std::string> problems;
  const std::optional<Configuration> next = load(given_, problems);
  std::vector<Change> changed;
  std::string error;
  if (next) {
    changed = changes(configuration_.options, next->options);
    error = wrong_with_changes(changed);
    if (error.empty()) take_over(*next, error);
  } else {
    error = problems.front();
    if (problems.size() > 1) error += " (and " + std::to_string(problems.size() - 1) + " more)";
  }
  note_reload(error.empty());
  if (error.empty()) {
    log_changes(changed);
  } else {
    log_.audit(Log::Level::kError, "reload_refused", {{"text", error}});
  }
  notify_.ready(error.empty() ? "serving" : "serving; the last reload was refused");
}

void Running::note_reload(bool successful) {
  const std::lock_guard lock(mutex_);
  last_reload_successful_ = successful;
  if (successful) last_reload_success_unix_seconds_ = unix_seconds();
}

admin::ProgramState Running::state() {
  const std::lock_guard lock(mutex_);
  admin::ProgramState state{last_reload_successful_, last_reload_success_unix_seconds_, log_.lines_missing()};
  const IdentityCounters counters = identity_ == nullptr ? IdentityCounters() : identity_->counters();
  state.authentications = authentications_of(counters, state.denials);
  if (tls_ == nullptr) return state;
  for (const TlsExpiry& one : tls_->expiries()) {
    state.certificates.push_back({one.certificate_file, static_cast<double>(one.expires_unix_ms) / 1'000});
  }
  return state;
}

// All or nothing: the broker's refusal is all that can go wrong.
bool Running::take_over(const Configuration& next, std::string& error) {
  if (!broker_->reload(next.options.broker, error)) return false;
  if (tls_ != nullptr && next.tls != nullptr) tls_->take_over(*next.tls);
  if (admin_tls_ != nullptr && next.admin_tls != nullptr) admin_tls_->take_over(*next.admin_tls);
  if (port_ != nullptr) port_->set_tokens(next.admin_tokens);
  if (identity_ != nullptr) {
    identity_->take_over(next.policy);
    broker_->policy_changed();
    log_.audit(Log::Level::kInfo, "policy_reloaded", {{"text", described(*next.policy)}});
  }
  log_.set_level(next.options.log_level);
  const std::lock_guard lock(mutex_);
  configuration_ = next;
  files_.watch(next.files);
  return true;
}

void Running::log_changes(const std::vector<Change>& changed) {
  for (const Change& change : changed) {
    log_.audit(Log::Level::kInfo, "setting_changed",
               {{"setting", change.setting->name}, {"from", change.before}, {"to", change.after}});
  }
  log_.audit(Log::Level::kInfo, "reloaded", {{"changed", changed.size()}});
}

uint32_t Running::stop_deadline_ms() {
  const std::lock_guard lock(mutex_);
  return configuration_.options.stop_deadline_ms;
}

void Running::tell_waiting() {
  switch (broker_->drain_phase()) {
    case Broker::DrainPhase::kNone:
    case Broker::DrainPhase::kDrained:
      return;
    case Broker::DrainPhase::kDelay:
      return log_.line(Log::Level::kInfo, "waiting",
                       {{"text", "lets clients in until drain_delay_ms is over; a second signal does not wait"}});
    case Broker::DrainPhase::kLeaving:
      break;
  }
  ClientQuery query;
  query.limit = kWaitingClientsMax;
  const Waiting waiting = waiting_for(broker_->clients(query));
  log_.line(Log::Level::kInfo, "waiting",
            {{"clients", waiting.clients}, {"unacknowledged", waiting.unacknowledged}, {"text", waiting.text}});
}

// Another thread waits for the end; this one for a second signal, which cuts the waiting short.
int Running::stop(const sigset_t& signals, int signal) {
  stopping_ = true;
  notify_.stopping();
  log_.audit(Log::Level::kInfo, "stopping", {{"signal", signal == SIGINT ? "SIGINT" : "SIGTERM"}});
  bool all_ended = false;
  const pthread_t main_thread = pthread_self();
  std::thread stopper([this, &all_ended, main_thread] {
    all_ended = broker_->stop(stop_deadline_ms()) == Broker::Stopped::kAllEnded;
    // The main thread waits for this signal; it ends nothing. NOLINTNEXTLINE(bugprone-bad-signal-to-kill-thread)
    pthread_kill(main_thread, kStopped);
  });
  next_waiting_ = std::chrono::steady_clock::now() + kWaitingAfter;
  for (int next = 0; next != kStopped;) {
    next = next_signal(signals);
    if (next != SIGTERM && next != SIGINT) continue;
    next_waiting_ = std::chrono::steady_clock::time_point::max();
    broker_->stop_now();
  }
  stopper.join();
  // Now everything is settled, and what is counted is the whole of it.
  log_counters(log_, broker_->counters());
  log_.line(Log::Level::kInfo, "stopped", {{"connections", all_ended ? "all ended" : "cut off at the deadline"}});
  return all_ended ? kExitOk : kExitFailed;
}

}  // namespace onehop::daemon
