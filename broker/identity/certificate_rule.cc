// See the header.
#include "identity/certificate_rule.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "identity/principal.h"

namespace onehop::identity {
namespace {

struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeNames {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};
using Certificate = std::unique_ptr<X509, FreeCertificate>;
using Names = std::unique_ptr<GENERAL_NAMES, FreeNames>;

// With its length, so that a NUL byte within does not end it: what is_valid_principal refuses then.
std::string text_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)), static_cast<size_t>(ASN1_STRING_length(text))};
}

std::optional<std::string> alternative_name(const X509* certificate, int type) {
  const Names names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::optional<std::string> found;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != type) continue;
    if (found) return std::nullopt;
    found = text_of(type == GEN_URI ? name->d.uniformResourceIdentifier : name->d.dNSName);
  }
  if (found && type == GEN_DNS) {
    for (char& c : *found) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return found;
}

std::optional<std::string> common_name(const X509* certificate) {
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) return std::nullopt;
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (size < 0) return std::nullopt;
  std::string out(reinterpret_cast<const char*>(utf8), static_cast<size_t>(size));
  OPENSSL_free(utf8);
  return out;
}

std::optional<std::string> name_in(const X509* certificate, CertificatePrincipal from) {
  switch (from) {
    case CertificatePrincipal::kUri:
      return alternative_name(certificate, GEN_URI);
    case CertificatePrincipal::kDns:
      return alternative_name(certificate, GEN_DNS);
    case CertificatePrincipal::kCommonName:
      break;
  }
  return common_name(certificate);
}

}  // namespace

std::optional<std::string> principal_in_certificate(std::string_view der, CertificatePrincipal from) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const Certificate certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  std::optional<std::string> found;
  if (certificate != nullptr && at == reinterpret_cast<const unsigned char*>(der.data()) + der.size()) {
    found = name_in(certificate.get(), from);
  }
  ERR_clear_error();
  if (!found || !is_valid_principal(*found)) return std::nullopt;
  return found;
}

}  // namespace onehop::identity
