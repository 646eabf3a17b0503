// The options of commands that are a client which say whom it believes, and what it shows, where it speaks TLS.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace onehop::cli {

struct TlsOptions {
  std::string ca;  // Files.
  std::string certificate;
  std::string key;
  std::string server_name;
  bool insecure = false;
};

void add_tls_options(CLI::App& command, TlsOptions& options);

}  // namespace onehop::cli
