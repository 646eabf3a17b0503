// See the header.
#include "certificate_maker.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <stdexcept>

namespace onehop::identity {

std::string make_certificate(const std::vector<std::string>& common_names, const std::string& alternative_names) {
  EVP_PKEY* const key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  X509* const certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  X509_set_pubkey(certificate, key);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 600);
  for (const std::string& name : common_names) {
    X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.data()), static_cast<int>(name.size()), -1,
                               0);
  }
  if (!alternative_names.empty()) {
    X509V3_CTX around;
    X509V3_set_ctx(&around, certificate, certificate, nullptr, nullptr, 0);
    X509V3_set_ctx_nodb(&around);
    X509_EXTENSION* const names =
        X509V3_EXT_conf_nid(nullptr, &around, NID_subject_alt_name, alternative_names.c_str());
    if (names == nullptr) throw std::runtime_error("no such names: " + alternative_names);
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
  }
  X509_sign(certificate, key, nullptr);
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  std::string out(reinterpret_cast<const char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return out;
}

}  // namespace onehop::identity
