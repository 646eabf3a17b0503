// Who a client certificate is for, and which certificates are for nobody.
#include "identity/certificate_rule.h"

#include <gtest/gtest.h>

#include "certificate_maker.h"

namespace onehop::identity {
namespace {

using From = CertificatePrincipal;

TEST(CertificateRule, EachRuleReadsItsOwnName) {
  const std::string der = make_certificate({"device-1"}, "URI:spiffe://example/device,DNS:Device.Example");
  EXPECT_EQ(principal_in_certificate(der, From::kUri), "spiffe://example/device");
  EXPECT_EQ(principal_in_certificate(der, From::kDns), "device.example");
  EXPECT_EQ(principal_in_certificate(der, From::kCommonName), "device-1");
}

TEST(CertificateRule, SeveralNamesAreNone) {
  const std::string der = make_certificate({"a", "b"}, "URI:urn:a,URI:urn:b,DNS:a.example,DNS:b.example");
  for (const From from : {From::kUri, From::kDns, From::kCommonName}) {
    EXPECT_FALSE(principal_in_certificate(der, from));
  }
}

TEST(CertificateRule, WithoutSuchANameThereIsNoPrincipal) {
  const std::string der = make_certificate({}, "IP:127.0.0.1,email:a@example.org");
  for (const From from : {From::kUri, From::kDns, From::kCommonName}) {
    EXPECT_FALSE(principal_in_certificate(der, from));
  }
  EXPECT_FALSE(principal_in_certificate(make_certificate({"a"}, ""), From::kUri));
}

TEST(CertificateRule, NamesThatNoPrincipalMayHave) {
  for (const std::string& name : {std::string("alice\0.evil", 11), std::string("*"), std::string("a b"),
                                  std::string("a\n"), std::string("\xc3\xa4")}) {
    EXPECT_FALSE(principal_in_certificate(make_certificate({name}, ""), From::kCommonName)) << name;
  }
  EXPECT_FALSE(principal_in_certificate(make_certificate({"a"}, "DNS:*.example"), From::kDns));
}

TEST(CertificateRule, BytesThatAreNoCertificate) {
  const std::string der = make_certificate({"a"}, "");
  for (size_t size = 0; size < der.size(); ++size) {
    EXPECT_FALSE(principal_in_certificate(der.substr(0, size), From::kCommonName)) << size;
  }
  EXPECT_FALSE(principal_in_certificate(der + "x", From::kCommonName));
}

}  // namespace
}  // namespace onehop::identity
