// RequestReader: see the header. llhttp is stopped where the head ends, so the body is counted here and a next request
// begins with a parser that knows nothing of the last.
#include "admin/http_request.h"

#include <algorithm>

namespace onehop::admin {

// What llhttp calls back, with the reader in `data`.
struct RequestParts {
  static RequestReader& reader(llhttp_t* parser) { return *static_cast<RequestReader*>(parser->data); }

  static int on_url(llhttp_t* parser, const char* at, size_t size) {
    reader(parser).target_.append(at, size);
    return 0;
  }
  static int on_header_field(llhttp_t* parser, const char* at, size_t size) {
    for (const char c : std::string_view(at, size)) {
      reader(parser).header_name_ += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    return 0;
  }
  static int on_header_value(llhttp_t* parser, const char* at, size_t size) {
    reader(parser).header_value_.append(at, size);
    return 0;
  }
  static int on_header_value_complete(llhttp_t* parser) {
    reader(parser).end_header();
    return 0;
  }
  static int on_headers_complete(llhttp_t*) { return HPE_PAUSED; }

  static const llhttp_settings_t& settings() {
    static const llhttp_settings_t settings = [] {
      llhttp_settings_t made;
      llhttp_settings_init(&made);
      made.on_url = on_url;
      made.on_header_field = on_header_field;
      made.on_header_value = on_header_value;
      made.on_header_value_complete = on_header_value_complete;
      made.on_headers_complete = on_headers_complete;
      return made;
    }();
    return settings;
  }
};

namespace {

int hexadecimal(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool decode(std::string_view text, std::string& to) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      to += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    if (text.size() - i < 3) return false;
    const int high = hexadecimal(text[i + 1]);
    const int low = hexadecimal(text[i + 2]);
    if (high < 0 || low < 0) return false;
    to += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return true;
}

Request::Method method_of(uint8_t method) {
  switch (method) {
    case HTTP_GET:
      return Request::Method::kGet;
    case HTTP_HEAD:
      return Request::Method::kHead;
    case HTTP_POST:
      return Request::Method::kPost;
    default:
      return Request::Method::kOther;
  }
}

}  // namespace

bool read_query(std::string_view query, std::vector<std::pair<std::string, std::string>>& parameters) {
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), one.size() + 1));
    if (one.empty()) continue;
    const size_t equals = std::min(one.find('='), one.size());
    auto& [name, value] = parameters.emplace_back();
    if (!decode(one.substr(0, equals), name)) return false;
    if (equals < one.size() && !decode(one.substr(equals + 1), value)) return false;
  }
  return true;
}

RequestReader::RequestReader() {
  next();
}

void RequestReader::next() {
  llhttp_init(&parser_, HTTP_REQUEST, &RequestParts::settings());
  parser_.data = this;
  state_ = State::kNeedMore;
  in_body_ = false;
  head_bytes_ = 0;
  body_bytes_left_ = 0;
  target_.clear();
  header_name_.clear();
  header_value_.clear();
  hosts_ = authorizations_ = 0;
  request_ = {};
}

RequestReader::State RequestReader::refuse(unsigned status, std::string why) {
  status_ = status;
  why_ = std::move(why);
  return state_ = State::kRefused;
}

RequestReader::State RequestReader::read(std::string_view bytes, size_t& taken) {
  taken = 0;
  if (state_ != State::kNeedMore) return state_;
  if (!in_body_ && read_head(bytes, taken) != State::kNeedMore) return state_;
  if (!in_body_) return state_;
  const size_t of_body = static_cast<size_t>(std::min<uint64_t>(body_bytes_left_, bytes.size() - taken));
  taken += of_body;
  body_bytes_left_ -= of_body;
  if (body_bytes_left_ == 0) state_ = State::kRequest;
  return state_;
}

RequestReader::State RequestReader::read_head(std::string_view bytes, size_t& taken) {
  const size_t offered = std::min(bytes.size(), kHeadBytesMax - head_bytes_);
  if (offered == 0) return state_;
  const llhttp_errno_t result = llhttp_execute(&parser_, bytes.data(), offered);
  if (result == HPE_PAUSED) {
    taken = static_cast<size_t>(llhttp_get_error_pos(&parser_) - bytes.data());
    head_bytes_ += taken;
    return end_head();
  }
  taken = offered;
  head_bytes_ += offered;
  if (target_.size() > kTargetBytesMax) return refuse(414, "the target is longer than 8 KiB");
  if (result == HPE_INVALID_VERSION) return refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  if (result != HPE_OK) return refuse(400, "this is not an HTTP request");
  if (head_bytes_ == kHeadBytesMax) return refuse(431, "the head of the request is longer than 16 KiB");
  return state_;
}

void RequestReader::end_header() {
  if (header_name_ == "host") {
    ++hosts_;
    request_.host = header_value_;
  } else if (header_name_ == "authorization") {
    ++authorizations_;
    request_.authorization = header_value_;
  } else if (header_name_ == "origin") {
    request_.has_origin = true;
  }
  header_name_.clear();
  header_value_.clear();
}

RequestReader::State RequestReader::end_head() {
  if (target_.size() > kTargetBytesMax) return refuse(414, "the target is longer than 8 KiB");
  if (parser_.http_major != 1) return refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  if (hosts_ > 1 || (hosts_ == 0 && parser_.http_minor != 0)) return refuse(400, "there must be one Host header");
  if (authorizations_ > 1) return refuse(400, "there is more than one Authorization header");
  if ((parser_.flags & (F_TRANSFER_ENCODING | F_CHUNKED)) != 0) {
    return refuse(411, "a body, which nothing here needs, must have its Content-Length");
  }
  if (parser_.content_length > kRequestBodyBytesMax) return refuse(413, "the body is longer than 4 KiB");
  if (!read_target()) return state_;
  request_.method = method_of(parser_.method);
  // After a request to speak something else, nobody knows what follows.
  request_.keep_alive = llhttp_should_keep_alive(&parser_) != 0 && parser_.upgrade == 0;
  in_body_ = true;
  body_bytes_left_ = parser_.content_length;
  return state_;
}

bool RequestReader::read_target() {
  const std::string_view target = target_;
  if (!target.starts_with('/') || target.find('#') != target.npos) {
    refuse(400, "the target must be a path");
    return false;
  }
  const size_t question = std::min(target.find('?'), target.size());
  request_.path = target.substr(0, question);
  if (question < target.size()) request_.query = target.substr(question + 1);
  if (!read_query(request_.query, request_.parameters)) {
    refuse(400, "in the query, a % without two hexadecimal digits");
    return false;
  }
  return true;
}

}  // namespace onehop::admin
