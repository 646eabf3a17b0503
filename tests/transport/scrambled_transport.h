// A transport for tests that does all that a real one may do, and is easy to see through:
//
//   handshake   client: "scramble" seed(4)    server: "scrambled" seed(4)    client: "ready"
//   record      type(1) length(2) payload check(1): type and length are plain, payload and check are XORed with a key
//               that runs on with every byte, of its own for each direction
//
// It cuts what it is given into records of odd sizes, hands output and stream out in odd pieces, and notices every byte
// that is lost, repeated, moved or changed. A stream ends with a record of its own. What is broken is answered with an
// alert, which is what the tests look for at the other end.
#pragma once

#include <cstdint>
#include <string>

#include "transport/byte_queue.h"
#include "transport/transport.h"

namespace onehop::transport {

class ScrambledTransport final : public Transport {
 public:
  enum class Side : uint8_t { kClient, kServer };

  ScrambledTransport(Side side, uint32_t seed);

  // Instead of the handshake's first words, for a client that gets it wrong; of the same length.
  static constexpr core::Bytes kClientHello = "scramble";
  static constexpr core::Bytes kServerHello = "scrambled";
  static constexpr core::Bytes kReady = "ready";
  static constexpr core::Bytes kAlert = "this cannot be unscrambled";

  void take_input(core::Bytes bytes) override;
  void end_input() override;
  size_t read(std::span<char> into) override;
  size_t write(std::span<const core::Iov> pieces) override;
  void end() override;
  core::Bytes output() const override;
  void output_written(size_t size) override;
  State state() const override;
  core::Bytes error() const override { return state() == State::kBroken ? error_ : core::Bytes(); }
  size_t held_bytes() const override {
    return input_.held_bytes() + stream_.held_bytes() + output_.held_bytes() + held_open_.held_bytes();
  }

 private:
  enum class Type : uint8_t { kData = 1, kEnd = 2, kAlert = 3 };

  struct Key {
    uint32_t state = 0;
    char next();
  };

  bool is_open() const { return opened_ && !ended_ && error_.empty(); }
  // The next size of a sequence of odd ones, at most `most`.
  size_t odd(size_t most) const;
  bool take_hello();
  bool take_record();
  void open(uint32_t client_seed, uint32_t server_seed);
  void put_record(Type type, core::Bytes payload);
  void break_off(core::Bytes why);

  const Side side_;
  const uint32_t seed_;
  uint32_t peer_seed_ = 0;
  Key key_in_, key_out_;
  ByteQueue input_;   // Of a record that is not complete.
  ByteQueue stream_;  // Of the peer, for read().
  ByteQueue output_;
  ByteQueue held_open_;  // Keeps a little for as long as it lives, as a real one keeps its keys.
  core::Bytes error_;
  bool opened_ = false;
  bool ended_ = false;
  mutable uint32_t sizes_ = 0;
};

}  // namespace onehop::transport
