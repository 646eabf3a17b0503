// Requests out of a stream of bytes, with llhttp. Pure: no socket, no clock. A request is bounded before it is whole:
// 16 KiB of head, 8 KiB of target in it, and a body, which no request here needs, of 4 KiB, which is skipped.
#pragma once

#include <llhttp.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace onehop::admin {

constexpr size_t kHeadBytesMax = 16 << 10;
constexpr size_t kTargetBytesMax = 8 << 10;
constexpr size_t kRequestBodyBytesMax = 4 << 10;

struct Request {
  enum class Method : uint8_t { kGet, kHead, kPost, kOther };
  Method method = Method::kOther;
  std::string path;                                             // Not decoded: no path here has anything to decode.
  std::vector<std::pair<std::string, std::string>> parameters;  // Of the query, decoded, in their order.
  std::string host;                                             // Of the header; empty only in HTTP/1.0.
  std::optional<std::string> authorization;
  bool has_origin = false;  // A page in a browser sent it.
  bool keep_alive = false;  // Whether another request may follow on the connection.
  std::string query;        // As it was written.
};

// The query of a target, `a=b&c=d`: %XX and + decoded. False: a % without two hexadecimal digits.
bool read_query(std::string_view query, std::vector<std::pair<std::string, std::string>>& parameters);

class RequestReader {
 public:
  enum class State : uint8_t {
    kNeedMore,
    kRequest,  // request() is whole; next() goes on.
    kRefused,  // status() and why() say how to answer; nothing more can be read.
  };

  RequestReader();
  // llhttp keeps a pointer to it.
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  // Reads on. `taken` is how many of the bytes are used up: all of them unless a request ends before.
  State read(std::string_view bytes, size_t& taken);
  void next();

  const Request& request() const { return request_; }
  unsigned status() const { return status_; }
  const std::string& why() const { return why_; }
  // Whether bytes of the request that comes have been read.
  bool begun() const { return head_bytes_ != 0; }

 private:
  friend struct RequestParts;

  State read_head(std::string_view bytes, size_t& taken);
  State refuse(unsigned status, std::string why);
  State end_head();
  bool read_target();
  void end_header();

  llhttp_t parser_{};
  State state_ = State::kNeedMore;
  bool in_body_ = false;
  size_t head_bytes_ = 0;
  uint64_t body_bytes_left_ = 0;
  std::string target_;
  std::string header_name_;  // In lower case.
  std::string header_value_;
  unsigned hosts_ = 0;
  unsigned authorizations_ = 0;
  Request request_;
  unsigned status_ = 0;
  std::string why_;
};

}  // namespace onehop::admin
