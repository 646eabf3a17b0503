// Key sets: what is in one, and what is wrong with one.
#include "identity/jwk_set.h"

#include <gtest/gtest.h>

#include "signer.h"

namespace onehop::identity {
namespace {

std::string wrong_with(const std::string& text) {
  std::vector<std::string> problems;
  EXPECT_EQ(JwkSet::parse(text, "keys", problems), nullptr) << text;
  return problems.empty() ? "" : problems.front();
}

TEST(JwkSet, OfAllKinds) {
  const Signer edwards("EdDSA"), curve("ES256"), rsa("RS256");
  std::vector<std::string> problems;
  const auto keys = JwkSet::parse(
      key_set(edwards.jwk(R"("kid":"a","alg":"EdDSA","use":"sig",)") + "," +
              curve.jwk(R"("kid":"b","key_ops":["verify"],)") + "," + rsa.jwk(R"("kid":"c","x5t":"of no use",)")),
      "keys", problems);
  ASSERT_NE(keys, nullptr) << problems.front();
  const std::string a = "a", d = "d";
  EXPECT_EQ(keys->find(&a)->algorithm, KeyAlgorithm::kEdDsa);
  EXPECT_EQ(keys->find(&d), nullptr);
  EXPECT_EQ(keys->find(nullptr), nullptr);
  EXPECT_TRUE(keys->has(keys->find(&a)->fingerprint));
  EXPECT_FALSE(keys->has(keys->find(&a)->fingerprint + 1));
}

TEST(JwkSet, SaysWhatIsWrongWithWhichKey) {
  const Signer edwards("EdDSA"), curve("ES256"), rsa("RS256");
  const std::string good = edwards.jwk(R"("kid":"good",)");
  EXPECT_EQ(wrong_with(key_set(good + R"(,{"kid":"s","kty":"oct","k":"AAAA"})")),
            "keys: key 2 (s) is symmetric: whoever may check tokens with it could make them");
  EXPECT_EQ(wrong_with(key_set(edwards.jwk(R"("d":"AAAA",)"))),
            "keys: key 1 has the private member d: only public keys belong here");
  EXPECT_EQ(wrong_with(key_set(Signer("RS256", 1024).jwk(""))),
            "keys: key 1 has 1024 bits: an RSA key must have 2048 to 8192");
  EXPECT_EQ(wrong_with(key_set(edwards.jwk(R"("alg":"HS256",)"))),
            "keys: key 1 has an alg that is not EdDSA, the one for such a key");
  EXPECT_EQ(wrong_with(key_set(rsa.jwk(R"("alg":"PS256",)"))),
            "keys: key 1 has an alg that is not RS256, the one for such a key");
  EXPECT_EQ(wrong_with(key_set(edwards.jwk(R"("use":"enc",)"))), "keys: key 1 has a use that is not sig");
  EXPECT_EQ(wrong_with(key_set(edwards.jwk(R"("key_ops":["sign"],)"))), "keys: key 1 has key_ops without verify");
  EXPECT_EQ(wrong_with(key_set(good + "," + edwards.jwk(""))), "keys: key 2 must have a kid, a text of 1 to 256 bytes");
  EXPECT_EQ(wrong_with(key_set(good + "," + good)), "keys: key 2 (good) has the kid of another one");
  EXPECT_EQ(wrong_with(key_set(R"({"kty":"EC","crv":"P-384","x":"AA","y":"AA"})")),
            "keys: key 1 has a crv that is not P-256");
  EXPECT_EQ(wrong_with(key_set(R"({"kty":"OKP","crv":"Ed448","x":"AA"})")),
            "keys: key 1 has a crv that is not Ed25519");
  EXPECT_EQ(wrong_with(key_set(R"({"kty":"OKP","crv":"Ed25519","x":"AA"})")),
            "keys: key 1 has an x that is not 32 bytes of base64url");
  // A point that is not on the curve.
  const std::string zeros = base64url_encode(std::string(32, '\1'));
  EXPECT_EQ(wrong_with(key_set(R"({"kty":"EC","crv":"P-256","x":")" + zeros + R"(","y":")" + zeros + "\"}")),
            "keys: key 1 is no key that OpenSSL takes");
  EXPECT_EQ(
      wrong_with(key_set(R"({"kty":"RSA","n":")" + base64url_encode(std::string(256, '\xff')) + R"(","e":"AQ"})")),
      "keys: key 1 has an e that must be odd, and from 3 to 32 bits");
  EXPECT_EQ(wrong_with(key_set("{}")), "keys: key 1 has no kty");
  EXPECT_EQ(wrong_with(key_set("1")), "keys: key 1 is no object");
  for (const char* text : {"", "[]", "{}", R"({"keys":[]})", R"({"keys":{}})", R"({"keys":[)", "{} x"}) {
    EXPECT_NE(wrong_with(text), "");
  }
  EXPECT_NE(wrong_with(R"({"keys":[],"keys":[)" + good + "]}"), "");
}

}  // namespace
}  // namespace onehop::identity
