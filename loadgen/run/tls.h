// TLS of the load generator's clients, for targets that begin with tls://.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "client/secure_link.h"
#include "loadgen/run/flag.h"
#include "loadgen/run/settings.h"
#include "loadgen/run/target.h"

namespace onehop::loadgen {

// All flags of TLS. The settings must outlive them.
std::vector<Flag> tls_flags(TlsSettings& tls);
// Takes over what the target says. Returns a line that begins with the flag that is wrong, or an empty text.
std::string apply_tls(TlsSettings& tls, const Target& target);
// TLS on one connection. Nothing, and one line in `error`, if the files are not as they must be.
std::unique_ptr<client::SecureLink> begin_tls(const TlsSettings& tls, tls::ResumableSession& session,
                                              std::string& error);

}  // namespace onehop::loadgen
