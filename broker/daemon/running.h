// onehopd while it runs: the broker, what it was configured with, and the signals that change or end it.
#pragma once

#include <signal.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "admin/port.h"
#include "daemon/configuration.h"
#include "daemon/file_watch.h"
#include "daemon/log.h"
#include "daemon/notify.h"
#include "onehop/broker.h"

namespace onehop::daemon {

class Running {
 public:
  Running(const Given& given, const Configuration& configuration);
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running();

  // False: says why on standard error.
  bool start();
  // Serves until SIGTERM or SIGINT; returns what to exit with. These signals, SIGHUP and SIGALRM must be blocked in all
  // threads since before start().
  int serve();

 private:
  bool start_admin(std::string& error);
  void start_identity(BrokerOptions& options);
  void tell_started();
  // Waits for the next of these signals. Returns SIGHUP too if reload_on_change is on and the files have changed. While
  // it waits, it tells systemd that the broker is alive, and the log how many lines were left out.
  int next_signal(const sigset_t& signals);
  bool files_changed();
  void tell_alive();
  void reload();
  void note_reload(bool successful);
  admin::ProgramState state();
  // As admin::Actions::permission.
  std::optional<admin::Permission> permission(const std::string& principal, const std::string& action,
                                              const std::string& target) const;
  bool take_over(const Configuration& next, std::string& error);
  void log_changes(const std::vector<Change>& changed);
  int stop(const sigset_t& signals, int signal);
  void tell_waiting();
  uint32_t stop_deadline_ms();

  const Given given_;
  std::mutex mutex_;
  Configuration configuration_;         // The admin port's thread looks at it too.
  bool last_reload_successful_ = true;  // mutex_ guards this and the next.
  double last_reload_success_unix_seconds_;
  Log log_;
  Notify notify_;
  FileWatch files_;
  bool stopping_ = false;
  std::chrono::steady_clock::time_point next_alive_{};  // When systemd is to be told again.
  std::chrono::steady_clock::time_point next_look_{};   // When log and files are to be looked at again.
  // When to tell next whom the stopping broker waits for.
  std::chrono::steady_clock::time_point next_waiting_ = std::chrono::steady_clock::time_point::max();
  std::shared_ptr<Tls> tls_;            // The broker's; none: it began without a certificate.
  std::shared_ptr<Tls> admin_tls_;      // The admin port's, if it speaks TLS.
  std::shared_ptr<Identity> identity_;  // Nothing: everybody is let in.
  std::unique_ptr<Broker> broker_;
  std::unique_ptr<admin::Port> port_;  // Asks the broker, so it goes first. Nothing: there is no admin port.
};

}  // namespace onehop::daemon
