// The credentials of a client: which token it shows next, and their renewal while a connection lasts.
//
// Invariant: at most one Renew waits for its answer. The broker would end the connection if a second one came before
// it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "client/contained_events.h"
#include "client/sender.h"
#include "core/base/bytes.h"
#include "core/base/instant.h"
#include "onehop/client_types.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::client {

class Credentials {
 public:
  // All of these outlive this.
  Credentials(const ClientOptions& options, ContainedEvents& events, Sender& sender)
      : options_(options), events_(events), sender_(sender), token_(options.token) {}

  // What the Connect that is being written shows.
  const std::string& for_connect();
  void opened(const v1::Connected& connected, core::Instant now);
  // The connection is not open any more.
  void closed();
  // The program has new credentials.
  SendStatus renew(std::string_view token);
  // Answers what is wrong with the frame; nullptr: nothing.
  const char* on_renewed(core::Bytes body, core::Instant now);
  void on_tick(core::Instant now);
  core::Instant deadline() const;
  // Whether another token than the one that the broker has accepted last may be shown next.
  bool may_be_newer() const { return options_.token_source != nullptr || token_ != accepted_; }
  // Called when the broker has refused the token as bad. Returns whether the source or renew() has given another one:
  // keys and tokens are changed one after the other, and a client may connect in between. Until a broker accepts a
  // token, only the first call can return true.
  bool is_replaced();

 private:
  void ask_source();
  void send();
  void set_end(uint32_t expires_in_ms, core::Instant now);
  void try_again_later(core::Instant now);

  const ClientOptions& options_;
  ContainedEvents& events_;
  Sender& sender_;
  std::string token_;     // The latest that is not known to be bad.
  std::string shown_;     // The one in the Connect or Renew that was written last.
  std::string accepted_;  // The latest that a broker has accepted.
  bool open_ = false;
  bool may_renew_ = false;         // The broker serves renewals.
  bool under_way_ = false;         // A Renew waits for its answer.
  bool waits_ = false;             // `token_` is to be sent after that answer.
  bool refused_ = false;           // is_replaced() was asked since the last connection that was open.
  bool owes_unsupported_ = false;  // The program is to be told that there are no renewals.
  core::Instant end_ = core::Instant::never();
  core::Instant renew_at_ = core::Instant::never();
};

}  // namespace onehop::client
