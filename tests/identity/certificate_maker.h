// Certificates for tests, with whatever names.
#pragma once

#include <string>
#include <vector>

namespace onehop::identity {

// As DER, signed with a key of its own. `alternative_names` as OpenSSL's configuration has them; empty: none.
std::string make_certificate(const std::vector<std::string>& common_names, const std::string& alternative_names);

}  // namespace onehop::identity
