// See the header.
#include "cli/tls/options.h"

#include <CLI/CLI.hpp>

namespace onehop::cli {

void add_tls_options(CLI::App& command, TlsOptions& options) {
  command.add_option("--tls-ca", options.ca,
                     "File with the authorities that may vouch for a tls:// broker; default: those of the system");
  command.add_option("--tls-cert", options.certificate, "File with the certificate to show to the broker");
  command.add_option("--tls-key", options.key, "File with the key of that certificate");
  command.add_option("--tls-server-name", options.server_name,
                     "The name that the broker's certificate must be for; default: the host of --server");
  command.add_flag("--tls-insecure", options.insecure,
                   "INSECURE: believe whoever answers; for trials only, since anybody on the way can read along");
}

}  // namespace onehop::cli
