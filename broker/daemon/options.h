// What onehopd is asked for, wherever it was asked, and how it ends.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "onehop/broker.h"

namespace onehop::daemon {

struct DaemonOptions {
  BrokerOptions broker;
  std::string admin = "tcp://127.0.0.1:7412";  // none: no admin port.
  std::string admin_token_file;
  std::string admin_viewer_token_file;
  std::string log_level = "info";   // debug, info, warn, error, off.
  std::string log_format = "auto";  // text, json; auto: text on a terminal, json otherwise.
  uint32_t stop_deadline_ms = 30'000;
  // For listeners with TLS. Certificates and keys belong together by their places in the lists.
  std::vector<std::string> tls_certificate_file;
  std::vector<std::string> tls_key_file;
  std::string tls_client = "none";  // none, optional, required.
  std::string tls_client_ca_file;
  std::string tls_crl_file;
  // Who may connect and what clients may do: as in IdentityOptions.
  std::vector<std::string> authentication;
  std::string certificate_principal = "uri";  // uri, dns, cn.
  std::string users_file;
  std::string token_keys_file;
  std::string token_issuer;
  std::string token_audience;
  std::string anonymous_role;
  std::string permissions_file;
  uint32_t checks_threads = 2;
  bool reload_on_change = false;  // The files are looked at again and again; otherwise only SIGHUP reads them anew.
};

// Exit codes of onehopd.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,  // It could not start, or connections were cut off at the end.
  kExitUsage = 2,   // The configuration is wrong.
};

}  // namespace onehop::daemon
