// Any bytes as requests to the admin port: cut in pieces of any size they are the same requests, and a refusal after
// the same one (which of several reasons it gives may depend on the cut); and no request is beyond its bounds.
#include <cstdint>
#include <string>
#include <string_view>

#include "admin/http_request.h"
#include "check.h"

using onehop::admin::Request;
using onehop::admin::RequestReader;
using onehop::fuzz::require;

namespace {

// All that is read of a stream, in words.
std::string read_all(std::string_view bytes, size_t piece_size) {
  RequestReader reader;
  std::string read;
  while (!bytes.empty()) {
    // In memory of its own, so that a byte read beyond is found.
    const std::string piece(bytes.substr(0, piece_size));
    size_t taken = 0;
    const RequestReader::State state = reader.read(piece, taken);
    require(taken <= piece.size(), "more was taken than there was");
    bytes.remove_prefix(taken);
    if (state == RequestReader::State::kRefused) {
      require(reader.status() >= 400 && !reader.why().empty(), "a refusal without a reason");
      return read + "refused";
    }
    if (state == RequestReader::State::kNeedMore) {
      require(taken == piece.size(), "bytes are left, and more are wanted");
      continue;
    }
    const Request& request = reader.request();
    size_t size = request.path.size();
    read += std::to_string(static_cast<int>(request.method)) + " " + request.path + " " + request.host + " ";
    for (const auto& [name, value] : request.parameters) {
      size += name.size() + value.size();
      read += name + "=" + value + "&";
    }
    read += request.authorization.value_or("-") + (request.has_origin ? "o" : "") + (request.keep_alive ? "k" : "");
    read += "\n";
    require(request.path.starts_with('/'), "a path that is none");
    require(size <= onehop::admin::kTargetBytesMax, "a target beyond its bound");
    require(size + request.host.size() <= onehop::admin::kHeadBytesMax, "a head beyond its bound");
    reader.next();
    require(!reader.begun(), "a new request has bytes");
  }
  return read;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::string whole = read_all(all, size);
  for (const unsigned piece_size : {1u, 2u, 3u, 7u, 64u, 1'000u}) {
    require(read_all(all, piece_size) == whole, "cut otherwise, it is something else");
  }
  return 0;
}
