// Signed tokens: the good ones, and every attack on such tokens that is known.
#include "identity/token_verifier.h"

#include <gtest/gtest.h>

#include "identity/base64url.h"
#include "signer.h"

namespace onehop::identity {
namespace {

constexpr uint64_t kNowMs = 1'700'000'000'000;
constexpr const char* kClaims = R"({"sub":"alice","exp":1700000600})";

std::shared_ptr<const JwkSet> keys_of(const std::string& text) {
  std::vector<std::string> problems;
  auto keys = JwkSet::parse(text, "keys", problems);
  EXPECT_TRUE(problems.empty()) << problems.front();
  return keys;
}

std::string header_of(const std::string& algorithm, const std::string& more = {}) {
  return R"({"alg":")" + algorithm + R"(")" + (more.empty() ? "" : "," + more) + "}";
}

class Tokens : public testing::Test {
 protected:
  TokenFault fault(const std::string& token, TokenRules rules = {}) const {
    return TokenVerifier(keys_, std::move(rules)).verify(token, kNowMs).fault;
  }
  TokenFault fault_of_claims(const std::string& claims, TokenRules rules = {}) const {
    return fault(signer_.token(header_of("EdDSA"), claims), std::move(rules));
  }
  TokenFault fault_of_header(const std::string& header) const { return fault(signer_.token(header, kClaims)); }

  Signer signer_{"EdDSA"};
  std::shared_ptr<const JwkSet> keys_ = keys_of(key_set(signer_.jwk("")));
};

TEST_F(Tokens, OfEachAlgorithm) {
  for (const char* algorithm : {"EdDSA", "ES256", "RS256"}) {
    const Signer signer(algorithm);
    const TokenVerifier verifier(keys_of(key_set(signer.jwk(""))), {});
    for (int i = 0; i < 20; ++i) {  // Of ES256, numbers with zeros in front are among them now and then.
      const TokenVerdict verdict = verifier.verify(
          signer.token(header_of(algorithm), R"({"sub":"alice","exp":1700000600,"n":)" + std::to_string(i) + "}"),
          kNowMs);
      EXPECT_EQ(verdict.fault, TokenFault::kNone) << algorithm << " " << to_string(verdict.fault);
      EXPECT_EQ(verdict.principal, "alice");
      EXPECT_EQ(verdict.expires_unix_ms, 1'700'000'600'000U);
      EXPECT_FALSE(verdict.roles);
    }
  }
}

TEST_F(Tokens, NoneAndHmacAreNeverAccepted) {
  for (const char* algorithm : {"none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "eddsa", "EdDSA ",
                                "RS256", "ES256", "PS256", "ES384", "RS1"}) {
    EXPECT_EQ(fault_of_header(header_of(algorithm)), TokenFault::kKey) << algorithm;
    const std::string text = base64url_encode(header_of(algorithm)) + "." + base64url_encode(kClaims);
    EXPECT_EQ(fault(text + "."), TokenFault::kKey) << algorithm;
    EXPECT_EQ(fault(text), TokenFault::kForm) << algorithm;
    // With the public key as its secret, in both forms that somebody might have.
    EXPECT_EQ(fault(text + "." + base64url_encode(hmac_sha256(signer_.public_pem(), text))), TokenFault::kKey);
  }
  EXPECT_EQ(fault_of_header(R"({"typ":"JWT"})"), TokenFault::kHeader);
  EXPECT_EQ(fault_of_header(R"({"alg":["EdDSA"]})"), TokenFault::kHeader);
  EXPECT_EQ(fault_of_header(R"({"alg":null})"), TokenFault::kHeader);
}

// A key of one kind is never used as one of another, whatever a token's header says.
TEST_F(Tokens, AlgorithmIsTheOneOfTheKey) {
  const Signer edwards("EdDSA"), curve("ES256"), rsa("RS256");
  const TokenVerifier verifier(keys_of(key_set(edwards.jwk(R"("kid":"ed",)") + "," + curve.jwk(R"("kid":"ec",)") + "," +
                                               rsa.jwk(R"("kid":"rsa",)"))),
                               {});
  const std::pair<const Signer*, const char*> signers[] = {{&edwards, "EdDSA"}, {&curve, "ES256"}, {&rsa, "RS256"}};
  const std::pair<const char*, const char*> keys[] = {{"ed", "EdDSA"}, {"ec", "ES256"}, {"rsa", "RS256"}};
  for (const auto& [signer, its_algorithm] : signers) {
    for (const auto& [id, key_algorithm] : keys) {
      for (const char* algorithm : {"EdDSA", "ES256", "RS256", "HS256", "none"}) {
        const std::string token = signer->token(header_of(algorithm, R"("kid":")" + std::string(id) + "\""), kClaims);
        const bool right = std::string(its_algorithm) == key_algorithm && std::string(algorithm) == key_algorithm;
        EXPECT_EQ(verifier.verify(token, kNowMs).fault == TokenFault::kNone, right) << its_algorithm << id << algorithm;
      }
    }
  }
}

TEST_F(Tokens, KeyIdsAreNamesAndNothingElse) {
  const Signer first("EdDSA"), second("EdDSA");
  const TokenVerifier verifier(keys_of(key_set(first.jwk(R"("kid":"a",)") + "," + second.jwk(R"("kid":"b",)"))), {});
  const auto fault_with = [&](const std::string& id) {
    return verifier.verify(first.token(R"({"alg":"EdDSA")" + id + "}", kClaims), kNowMs).fault;
  };
  EXPECT_EQ(fault_with(R"(,"kid":"a")"), TokenFault::kNone);
  EXPECT_EQ(fault_with(R"(,"kid":"b")"), TokenFault::kSignature);
  // Without an id nobody guesses which key is meant.
  EXPECT_EQ(fault_with(""), TokenFault::kKey);
  for (const char* id : {"", "A", "a ", "../a", "/dev/null", "a' or '1'='1", "a\\u0000", "0", "|id"}) {
    EXPECT_EQ(fault_with(R"(,"kid":")" + std::string(id) + "\""), TokenFault::kKey) << id;
  }
  EXPECT_EQ(fault_with(R"(,"kid":0)"), TokenFault::kHeader);
  EXPECT_EQ(fault_with(R"(,"kid":null)"), TokenFault::kHeader);
  EXPECT_EQ(fault_with(R"(,"kid":["a"])"), TokenFault::kHeader);
  // An id where the only key has none.
  EXPECT_EQ(fault_of_header(header_of("EdDSA", R"("kid":"")")), TokenFault::kKey);
  EXPECT_EQ(fault_of_header(header_of("EdDSA", R"("kid":"a")")), TokenFault::kKey);
}

TEST_F(Tokens, NoKeyOfTheSendersOwn) {
  const Signer mallory("EdDSA");
  for (const std::string& more :
       {R"("jwk":)" + mallory.jwk(""), std::string(R"("jku":"https://example.org/keys")"),
        std::string(R"("x5u":"https://example.org/cert")"), std::string(R"("x5c":["MIIB"])"),
        std::string(R"("x5t":"abc")"), std::string(R"("crit":["exp"])"), std::string(R"("crit":[])"),
        std::string(R"("b64":false)"), std::string(R"("zip":"DEF")"), std::string(R"("enc":"A128GCM")")}) {
    EXPECT_EQ(fault(mallory.token(header_of("EdDSA", more), kClaims)), TokenFault::kHeader) << more;
    // Also where the signature is right.
    EXPECT_EQ(fault_of_header(header_of("EdDSA", more)), TokenFault::kHeader) << more;
  }
  EXPECT_EQ(fault(mallory.token(header_of("EdDSA"), kClaims)), TokenFault::kSignature);
}

TEST_F(Tokens, OfAnotherKindAreRefused) {
  EXPECT_EQ(fault_of_header(header_of("EdDSA", R"("typ":"JWT")")), TokenFault::kNone);
  EXPECT_EQ(fault_of_header(header_of("EdDSA", R"("typ":"at+jwt")")), TokenFault::kNone);
  for (const char* type : {"dpop+jwt", "secevent+jwt", "JWE", "", "JWTx"}) {
    EXPECT_EQ(fault_of_header(header_of("EdDSA", R"("typ":")" + std::string(type) + "\"")), TokenFault::kHeader)
        << type;
  }
}

TEST_F(Tokens, Times) {
  const std::pair<const char*, TokenFault> rows[] = {
      {R"({"sub":"a","exp":1700000001})", TokenFault::kNone},
      {R"({"sub":"a","exp":1700000000.5})", TokenFault::kNone},
      // Within the leeway of 30 seconds, and a second beyond.
      {R"({"sub":"a","exp":1699999971})", TokenFault::kNone},
      {R"({"sub":"a","exp":1699999970})", TokenFault::kExpired},
      {R"({"sub":"a","exp":0})", TokenFault::kExpired},
      {R"({"sub":"a","exp":1700000600,"nbf":1700000030})", TokenFault::kNone},
      {R"({"sub":"a","exp":1700000600,"nbf":1700000031})", TokenFault::kNotYet},
      // There must be an end, and it must be a time.
      {R"({"sub":"a"})", TokenFault::kClaims},
      {R"({"sub":"a","exp":"1700000600"})", TokenFault::kClaims},
      {R"({"sub":"a","exp":null})", TokenFault::kClaims},
      {R"({"sub":"a","exp":true})", TokenFault::kClaims},
      {R"({"sub":"a","exp":-1})", TokenFault::kClaims},
      {R"({"sub":"a","exp":1e300})", TokenFault::kClaims},
      {R"({"sub":"a","exp":1e999})", TokenFault::kClaims},
      {R"({"sub":"a","exp":99999999999999999999999})", TokenFault::kClaims},
      {R"({"sub":"a","exp":[1700000600]})", TokenFault::kClaims},
      {R"({"sub":"a","exp":1700000600,"nbf":"0"})", TokenFault::kClaims},
  };
  for (const auto& [claims, fault] : rows) EXPECT_EQ(fault_of_claims(claims), fault) << claims;
}

TEST_F(Tokens, IssuerAndAudience) {
  const TokenRules rules{"https://issuer", "broker"};
  const std::pair<const char*, TokenFault> rows[] = {
      {R"("iss":"https://issuer","aud":"broker")", TokenFault::kNone},
      {R"("iss":"https://issuer","aud":["x","broker"])", TokenFault::kNone},
      {R"("aud":"broker")", TokenFault::kIssuer},
      {R"("iss":"https://issuer/","aud":"broker")", TokenFault::kIssuer},
      {R"("iss":["https://issuer"],"aud":"broker")", TokenFault::kIssuer},
      {R"("iss":"https://issuer")", TokenFault::kAudience},
      {R"("iss":"https://issuer","aud":"Broker")", TokenFault::kAudience},
      {R"("iss":"https://issuer","aud":[])", TokenFault::kAudience},
      {R"("iss":"https://issuer","aud":["broker",1])", TokenFault::kClaims},
      {R"("iss":"https://issuer","aud":{"broker":1})", TokenFault::kClaims},
      {R"("iss":"https://issuer","aud":null)", TokenFault::kClaims},
  };
  for (const auto& [more, fault] : rows) {
    EXPECT_EQ(fault_of_claims(R"({"sub":"a","exp":1700000600,)" + std::string(more) + "}", rules), fault) << more;
  }
  // What is meant for somebody in particular is not for a broker without a name.
  EXPECT_EQ(fault_of_claims(R"({"sub":"a","exp":1700000600,"aud":"x"})"), TokenFault::kAudience);
  EXPECT_EQ(fault_of_claims(R"({"sub":"a","exp":1700000600,"aud":""})"), TokenFault::kAudience);
  EXPECT_EQ(fault_of_claims(R"({"sub":"a","exp":1700000600,"aud":[""]})"), TokenFault::kAudience);
}

TEST_F(Tokens, Subjects) {
  const std::string long_one(256, 'a');
  for (const std::string subject :
       {R"("")", R"("*")", R"("a*")", R"("a b")", R"("a\u0000b")", R"("\u00e4")", "1", "null", R"(["a"])", R"({})"}) {
    EXPECT_EQ(fault_of_claims(R"({"exp":1700000600,"sub":)" + subject + "}"), TokenFault::kClaims) << subject;
  }
  EXPECT_EQ(fault_of_claims(R"({"exp":1700000600,"sub":")" + long_one + "\"}"), TokenFault::kClaims);
  EXPECT_EQ(fault_of_claims(R"({"exp":1700000600})"), TokenFault::kClaims);
}

TEST_F(Tokens, NothingIsThereTwice) {
  for (const char* claims :
       {R"({"sub":"a","sub":"b","exp":1700000600})", R"({"sub":"a","exp":1,"exp":1700000600})",
        R"({"sub":"a","exp":1700000600,"onehop":{"roles":[],"roles":["a"]}})",
        R"({"sub":"a","exp":1700000600,"x":[{"y":1,"y":1}]})", R"({"sub":"a","\u0073ub":"b","exp":1700000600})"}) {
    EXPECT_EQ(fault_of_claims(claims), TokenFault::kClaims) << claims;
  }
  EXPECT_EQ(fault_of_header(R"({"alg":"none","alg":"EdDSA"})"), TokenFault::kForm);
}

TEST_F(Tokens, Form) {
  const std::string good = signer_.token(header_of("EdDSA"), kClaims);
  ASSERT_EQ(fault(good), TokenFault::kNone);
  const size_t first = good.find('.'), second = good.rfind('.');
  const std::string header = good.substr(0, first), body = good.substr(first + 1, second - first - 1);
  const std::string signature = good.substr(second + 1);
  for (const std::string& token :
       {std::string(), std::string("."), std::string(".."), std::string("a.b"), header + "." + body, good + ".",
        good + ".x", "." + good, good + "=", good + " ", " " + good, good + "\n",
        header + "=." + body + "." + signature, header + "." + body + "\n." + signature, header + ".." + signature,
        header + "." + body + "." + signature + "A", std::string(9'000, 'a'), "Bearer " + good,
        good + std::string(1, '\0')}) {
    EXPECT_NE(fault(token), TokenFault::kNone) << token;
  }
  EXPECT_EQ(fault(header + "." + body + "."), TokenFault::kSignature);
  EXPECT_EQ(fault(header + "." + base64url_encode(R"({"sub":"root","exp":1700000600})") + "." + signature),
            TokenFault::kSignature);
  // Another text for the same bytes: 64 bytes leave four bits of the last character unused.
  std::string other = good;
  other.back() = static_cast<char>(other.back() + 1);
  EXPECT_NE(fault(other), TokenFault::kNone);
  for (const char* text : {"[]", "1", "\"a\"", "", "{", "{}x", "{} {}", "\xff", "{\"a\":\"\xff\"}"}) {
    EXPECT_EQ(fault_of_claims(text), TokenFault::kClaims) << text;
  }
  EXPECT_EQ(fault_of_claims(R"({"sub":"a","exp":1700000600,"x":[[[[[[[[[[]]]]]]]]]]})"), TokenFault::kClaims);
}

TEST_F(Tokens, LargestOneThatIsRead) {
  const auto token_with = [&](size_t filling) {
    return signer_.token(header_of("EdDSA"),
                         R"({"sub":"a","exp":1700000600,"x":")" + std::string(filling, 'x') + "\"}");
  };
  EXPECT_EQ(fault(token_with(5'900)), TokenFault::kNone);
  EXPECT_EQ(fault(token_with(6'100)), TokenFault::kForm);
}

TEST_F(Tokens, SignaturesOfEs256) {
  const Signer signer("ES256");
  const TokenVerifier verifier(keys_of(key_set(signer.jwk(""))), {});
  const std::string text = base64url_encode(header_of("ES256")) + "." + base64url_encode(kClaims);
  const auto fault_with = [&](const std::string& signature) {
    return verifier.verify(text + "." + base64url_encode(signature), kNowMs).fault;
  };
  const std::string good = signer.signature(text);
  EXPECT_EQ(fault_with(good), TokenFault::kNone);
  EXPECT_EQ(fault_with(signer.raw_signature(text)), TokenFault::kSignature);  // In DER.
  EXPECT_EQ(fault_with(std::string(64, '\0')), TokenFault::kSignature);
  EXPECT_EQ(fault_with(std::string(32, '\0') + good.substr(32)), TokenFault::kSignature);
  EXPECT_EQ(fault_with(good.substr(0, 32) + std::string(32, '\0')), TokenFault::kSignature);
  EXPECT_EQ(fault_with(std::string(64, '\xff')), TokenFault::kSignature);
  EXPECT_EQ(fault_with(good.substr(0, 63)), TokenFault::kSignature);
  EXPECT_EQ(fault_with(good + '\0'), TokenFault::kSignature);
  EXPECT_EQ(fault_with(""), TokenFault::kSignature);
}

TEST_F(Tokens, Roles) {
  const auto verdict = [&](const std::string& claim) {
    return TokenVerifier(keys_, {}).verify(
        signer_.token(header_of("EdDSA"), R"({"sub":"a","exp":1700000600,"onehop":)" + claim + "}"), kNowMs);
  };
  const TokenVerdict good = verdict(R"({"roles":["b","a","b"]})");
  EXPECT_EQ(good.fault, TokenFault::kNone);
  EXPECT_EQ(*good.roles, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(verdict(R"({"roles":[]})").roles->empty());
  // A narrowing that is not understood is not passed over.
  for (const char* claim : {"{}", "null", "[]", R"(["a"])", R"({"roles":"a"})", R"({"roles":[1]})", R"({"roles":[""]})",
                            R"({"roles":["a"],"send":["b"]})", R"({"role":["a"]})"}) {
    EXPECT_EQ(verdict(claim).fault, TokenFault::kClaims) << claim;
  }
}

TEST(Base64Url, OneTextForEachSequenceOfBytes) {
  for (const std::string bytes : {"", "a", "ab", "abc", "abcd", "\xff\xfe\xfd"}) {
    EXPECT_EQ(base64url_decode(base64url_encode(bytes)), bytes);
  }
  for (const char* text : {"YQ==", "YQ=", "YR", "YWJ", "Y", "YWJjZ", "YQ\n", "+/+/", "Y Q", "YQ."}) {
    EXPECT_FALSE(base64url_decode(text)) << text;
  }
}

}  // namespace
}  // namespace onehop::identity
