// Issues certificates for tests, into a folder that goes with it: nothing of it is worth stealing, and nothing of it
// gets old in the repository.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tls/openssl.h"

namespace onehop::tls {

using KeyPointer = std::unique_ptr<EVP_PKEY, FreedBy<EVP_PKEY_free>>;
using CertificatePointer = std::unique_ptr<X509, FreedBy<X509_free>>;

// What a certificate says.
struct Wanted {
  std::string common_name = "test";
  std::string names = "DNS:localhost,IP:127.0.0.1";  // As openssl.cnf writes a subjectAltName; empty: none.
  std::string purpose = "serverAuth";                // Of extendedKeyUsage.
  long begins_in_s = -3'600;
  long ends_in_s = 3'600;
};

// PEM files of one certificate.
struct Issued {
  std::string certificate;
  std::string key;
  long serial = 0;
};

// The folder goes when this does.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();

  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

class Authority {
 public:
  explicit Authority(const std::string& common_name = "test authority");

  // Its own certificate.
  std::string file() const { return folder_.file("ca.pem"); }
  // Writes NAME.pem and NAME.key, over what was there.
  Issued issue(const std::string& name, const Wanted& wanted = {});
  // Writes the list of what was revoked, and returns the file.
  std::string revoke(const std::vector<long>& serials);
  const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
  KeyPointer key_;
  CertificatePointer certificate_;
  long serial_ = 1;
};

}  // namespace onehop::tls
