// Which principal a client certificate stands for. The certificate has been verified before; here is only read who it
// is for. ANY THREAD.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace onehop::identity {

// Where the principal stands in a certificate.
enum class CertificateName : uint8_t {
  kUri,         // The one URI among its alternative names.
  kDns,         // The one DNS name among them, in lower case.
  kCommonName,  // The one common name of its subject.
};

// Of a certificate as DER. Nothing: it has no such name, or more than one of them, or the name is no valid principal.
// Of a certificate with several names nobody could say which one its owner is.
std::optional<std::string> principal_in_certificate(std::string_view der, CertificateName name);

}  // namespace onehop::identity
