// The first bytes that come on a connection, to say in plain words who answers there if it is no onehop broker: a
// balancer that has no server to pass the connection to says so in HTTP, a port for encrypted connections sends an
// alert of TLS. Often that is too short to be found wrong as a frame.
#pragma once

#include <string>

#include "core/base/bytes.h"

namespace onehop::client {

class FirstAnswer {
 public:
  void begin() { bytes_.clear(); }
  void take(core::Bytes bytes) { bytes_.append(bytes.substr(0, kBytesMax - bytes_.size())); }

  // What it is other than onehop's protocol, as far as that is recognised; empty otherwise. `all`: no more will come.
  std::string foreign(bool all) const;

 private:
  // Enough for a status line of HTTP; and fewer than the frame has that it would be, whose length is its H.
  static constexpr size_t kBytesMax = 64;

  std::string first_line() const;

  std::string bytes_;
};

}  // namespace onehop::client
