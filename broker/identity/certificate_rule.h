// Which principal a client certificate stands for. The certificate has been verified before; here is only read who it
// is for. ANY THREAD.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "onehop/identity.h"

namespace onehop::identity {

// Of a certificate as DER. Nothing: it has no such name, or more than one of them, or the name is no valid principal.
// Of a certificate with several names nobody could say which one its owner is.
std::optional<std::string> principal_in_certificate(std::string_view der, CertificatePrincipal from);

}  // namespace onehop::identity
