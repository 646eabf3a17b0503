// See the header. With libcurl.
#include "cli/admin/port.h"

#include <curl/curl.h>

#include <cstdlib>

#include "cli/admin/answers.h"
#include "cli/format.h"
#include "reactor/fd.h"
#include "reactor/server_address.h"

namespace onehop::cli {
namespace {

// A thousand clients take less than one; whatever sends more is not an admin port.
constexpr size_t kBodyBytesMax = 64 << 20;
constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";

bool is_url(const std::string& text) {
  return text.starts_with(kHttp) || text.starts_with(kHttps);
}

// Where a listener on all addresses is reached from here.
std::string host_to_ask(const reactor::Address& address) {
  if (address.host() == "0.0.0.0") return "127.0.0.1";
  if (address.host() == "::") return "[::1]";
  return address.host().find(':') == std::string::npos ? address.host() : "[" + address.host() + "]";
}

// The beginning of every URL; `socket_path` is where to connect if not to the host in it.
std::string base_url(const std::string& text, std::string& socket_path) {
  if (is_url(text)) return text.substr(0, text.find_last_not_of('/') + 1);
  std::string error;
  const auto address = reactor::Address::parse_or_tls(text, error);
  if (!address) return {};
  if (address->is_unix()) {
    socket_path = address->path();
    return "http://localhost";
  }
  return std::string(address->is_tls() ? kHttps : kHttp) + host_to_ask(*address) + ":" +
         std::to_string(address->port());
}

size_t take_body(char* data, size_t size, size_t count, void* to) {
  std::string& body = *static_cast<std::string*>(to);
  if (body.size() + size * count > kBodyBytesMax) return 0;
  body.append(data, size * count);
  return size * count;
}

int on_progress(void* port, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto& gives_up = static_cast<AdminPort*>(port)->gives_up;
  return gives_up && gives_up() ? 1 : 0;
}

AdminAnswer::Failure failure_of(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
      return AdminAnswer::Failure::kNotReached;
    case CURLE_ABORTED_BY_CALLBACK:
      return AdminAnswer::Failure::kGivenUp;
    default:
      return AdminAnswer::Failure::kNoAnswer;
  }
}

}  // namespace

struct AdminPort::Curl {
  ~Curl() {
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
  }

  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  std::string base;
  std::string body;
};

std::string what_is_wrong_with_admin_address(const std::string& address) {
  if (address == "none") return "the admin port is switched off: say where it is (--admin)";
  if (is_url(address)) {
    const size_t scheme = address.find("//") + 2;
    const bool whole = address.size() > scheme && address[scheme] != '/';
    const bool plain = printable(address) == address && address.find_first_of(" ?#") == std::string::npos;
    return whole && plain ? "" : "'" + printable(address) + "' is not http://host:port";
  }
  std::string error;
  reactor::parse_server_address_or_tls(address, error);
  return error;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (kPlain.find(c) != kPlain.npos) {
      out += c;
      continue;
    }
    out += '%';
    out += kDigits[static_cast<uint8_t>(c) >> 4];
    out += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return out;
}

AdminPort::AdminPort(std::string address, std::string_view token, const AdminTls& tls,
                     std::chrono::milliseconds deadline)
    : address_(std::move(address)), deadline_(deadline), curl_(std::make_unique<Curl>()) {
  CURL* easy = curl_->easy = curl_easy_init();
  if (easy == nullptr) std::abort();
  std::string socket_path;
  curl_->base = base_url(address_, socket_path);
  if (!socket_path.empty()) curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, socket_path.c_str());
  // A proxy that the environment names is not meant for the broker.
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  if (!tls.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, tls.ca_file.c_str());
  if (tls.insecure) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(deadline.count()));
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &curl_->body);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, this);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "onehop-cli/" ONEHOP_VERSION);
  if (!token.empty()) {
    const std::string header = "Authorization: Bearer " + std::string(token);
    curl_->headers = curl_slist_append(nullptr, header.c_str());
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, curl_->headers);
  }
}

AdminPort::~AdminPort() = default;

AdminAnswer AdminPort::get(const std::string& path) {
  curl_easy_setopt(curl_->easy, CURLOPT_HTTPGET, 1L);
  return perform(path);
}

AdminAnswer AdminPort::post(const std::string& path) {
  curl_easy_setopt(curl_->easy, CURLOPT_POST, 1L);
  curl_easy_setopt(curl_->easy, CURLOPT_POSTFIELDS, "");
  curl_easy_setopt(curl_->easy, CURLOPT_POSTFIELDSIZE, 0L);
  return perform(path);
}

AdminAnswer AdminPort::perform(const std::string& path) {
  CURL* easy = curl_->easy;
  const std::string url = curl_->base + path;
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_->body.clear();
  const CURLcode code = curl_easy_perform(easy);
  AdminAnswer answer;
  if (code == CURLE_OK) {
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer.status);
    answer.body = std::move(curl_->body);
    return answer;
  }
  answer.failure = failure_of(code);
  long error = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &error);
  if (code == CURLE_OPERATION_TIMEDOUT) {
    answer.why = "it does not answer within " + std::to_string(deadline_.count()) + " ms";
  } else {
    answer.why = code == CURLE_COULDNT_CONNECT && error != 0 ? reactor::error_text(static_cast<int>(error))
                                                             : curl_easy_strerror(code);
  }
  return answer;
}

std::string describe(const AdminAnswer& answer, const AdminPort& port) {
  switch (answer.failure) {
    case AdminAnswer::Failure::kNone:
      break;
    case AdminAnswer::Failure::kNotReached:
      return "cannot reach the admin port at " + port.address() + ": " + answer.why + "; is --admin on?";
    case AdminAnswer::Failure::kNoAnswer:
    case AdminAnswer::Failure::kGivenUp:
      return "no answer of the admin port at " + port.address() + ": " + answer.why;
  }
  if (answer.status == 401) return "the admin port wants its token, or another one: --token-file";
  const std::string error = error_in(answer.body);
  if (!error.empty()) return "the admin port refused: " + error;
  return "what answers at " + port.address() + " is not onehopd's admin port: it said " + std::to_string(answer.status);
}

ExitCode exit_code_of(const AdminAnswer& answer) {
  return answer.failure == AdminAnswer::Failure::kNone ? kNotDone : kCannotConnect;
}

std::string describe_unreadable(const AdminPort& port) {
  return "what answers at " + port.address() + " is not onehopd's admin port: it said something else";
}

}  // namespace onehop::cli
