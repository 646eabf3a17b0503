// Looks at the first bytes of a connection until a whole ClientHello is there. OpenSSL's state of a handshake takes
// tens of kilobytes, so it is made only then.
//
//   record      type(1): 22   version(2): 3, 0 to 4   length(2): 1 to 16,384   fragment
//   handshake   in the fragments: type(1): 1   length(3): at most kHelloBytesMax   body
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/bytes.h"

namespace onehop::tls {

// Of the handshake message, with its header. Hellos have some 200 to 2,000 bytes.
inline constexpr size_t kHelloBytesMax = 16 << 10;
// In how many records it may come.
inline constexpr size_t kHelloRecordsMax = 16;

enum class Hello : uint8_t {
  kNeedMore,  // It may become one.
  kWhole,
  kPlaintext,  // It is a protocol without encryption.
  kHttp,       // As kPlaintext: an HTTP request.
  kBroken,     // It begins as TLS does and cannot be a hello.
};

// What `bytes`, all that the peer has sent so far, are.
Hello look_at_hello(core::Bytes bytes);

}  // namespace onehop::tls
