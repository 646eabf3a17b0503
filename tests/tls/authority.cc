// See the header.
#include "authority.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace onehop::tls {
namespace {

using FilePointer = std::unique_ptr<std::FILE, FreedBy<std::fclose>>;

void check(bool good, const char* what) {
  if (!good) throw std::runtime_error(std::string(what) + ": " + take_openssl_error());
}

FilePointer open_to_write(const std::string& file) {
  FilePointer opened(std::fopen(file.c_str(), "w"));
  check(opened != nullptr, file.c_str());
  return opened;
}

KeyPointer new_key() {
  KeyPointer key(EVP_EC_gen("P-256"));
  check(key != nullptr, "key");
  return key;
}

CertificatePointer new_certificate(const std::string& common_name, long serial, EVP_PKEY* key) {
  CertificatePointer made(X509_new());
  check(made != nullptr, "certificate");
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial);
  X509_set_pubkey(made.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
  return made;
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& text) {
  X509V3_CTX settings;
  X509V3_set_ctx(&settings, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &settings, kind, text.c_str());
  check(extension != nullptr, text.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

void write_certificate(const std::string& file, X509* certificate) {
  check(PEM_write_X509(open_to_write(file).get(), certificate) == 1, "certificate");
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "onehop_tls_XXXXXX").string();
  check(mkdtemp(pattern.data()) != nullptr, "folder");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Authority::Authority(const std::string& common_name)
    : key_(new_key()), certificate_(new_certificate(common_name, 1, key_.get())) {
  X509* own = certificate_.get();
  X509_set_issuer_name(own, X509_get_subject_name(own));
  X509_gmtime_adj(X509_getm_notBefore(own), -86'400);
  X509_gmtime_adj(X509_getm_notAfter(own), 86'400);
  add_extension(own, own, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(own, own, NID_key_usage, "critical,keyCertSign,cRLSign");
  check(X509_sign(own, key_.get(), EVP_sha256()) > 0, "signature");
  write_certificate(file(), own);
}

Issued Authority::issue(const std::string& name, const Wanted& wanted) {
  const KeyPointer key = new_key();
  const CertificatePointer made = new_certificate(wanted.common_name, ++serial_, key.get());
  X509_set_issuer_name(made.get(), X509_get_subject_name(certificate_.get()));
  X509_gmtime_adj(X509_getm_notBefore(made.get()), wanted.begins_in_s);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), wanted.ends_in_s);
  if (!wanted.names.empty()) {
    add_extension(made.get(), certificate_.get(), NID_subject_alt_name, wanted.names);
  }
  add_extension(made.get(), certificate_.get(), NID_ext_key_usage, wanted.purpose);
  check(X509_sign(made.get(), key_.get(), EVP_sha256()) > 0, "signature");
  Issued issued{folder_.file(name + ".pem"), folder_.file(name + ".key"), serial_};
  write_certificate(issued.certificate, made.get());
  check(PEM_write_PrivateKey(open_to_write(issued.key).get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
        "key");
  return issued;
}

std::string Authority::revoke(const std::vector<long>& serials) {
  using ListPointer = std::unique_ptr<X509_CRL, FreedBy<X509_CRL_free>>;
  const ListPointer list(X509_CRL_new());
  X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(certificate_.get()));
  ASN1_TIME* time = ASN1_TIME_new();
  X509_gmtime_adj(time, -3'600);
  X509_CRL_set1_lastUpdate(list.get(), time);
  for (const long serial : serials) {
    X509_REVOKED* revoked = X509_REVOKED_new();
    ASN1_INTEGER* number = ASN1_INTEGER_new();
    ASN1_INTEGER_set(number, serial);
    X509_REVOKED_set_serialNumber(revoked, number);
    X509_REVOKED_set_revocationDate(revoked, time);
    X509_CRL_add0_revoked(list.get(), revoked);
    ASN1_INTEGER_free(number);
  }
  X509_gmtime_adj(time, 3'600);
  X509_CRL_set1_nextUpdate(list.get(), time);
  ASN1_TIME_free(time);
  check(X509_CRL_sign(list.get(), key_.get(), EVP_sha256()) > 0, "signature");
  std::string file = folder_.file("revocation_lists.pem");
  check(PEM_write_X509_CRL(open_to_write(file).get(), list.get()) == 1, "list");
  return file;
}

}  // namespace onehop::tls
