// The broker's admin port, as a client of its HTTP API sees it; and how what it says goes wrong is told.
//
// Requests are made one at a time, over one connection that is kept. Whatever answers there is bounded: in time by the
// deadline of each request, in size by what a page of a thousand clients may take.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cli/admin/options.h"
#include "cli/options.h"

namespace onehop::cli {

// Empty: nothing.
std::string what_is_wrong_with_admin_address(const std::string& address);

// A value for a query: what is not plain as %XX.
std::string percent_encoded(std::string_view text);

struct AdminAnswer {
  enum class Failure : uint8_t {
    kNone,        // `status` and `body` are the answer.
    kNotReached,  // Nobody listens there.
    kNoAnswer,    // Somebody does, and does not answer in time, or not in HTTP.
    kGivenUp,     // As AdminPort::gives_up said.
  };
  Failure failure = Failure::kNone;
  std::string why;  // Of a failure.
  long status = 0;
  std::string body;

  bool is_fine() const { return failure == Failure::kNone && status >= 200 && status < 300; }
};

class AdminPort {
 public:
  // `token`: empty, none.
  AdminPort(std::string address, std::string_view token, const AdminTls& tls, std::chrono::milliseconds deadline);
  ~AdminPort();
  AdminPort(const AdminPort&) = delete;
  AdminPort& operator=(const AdminPort&) = delete;

  // `path` with its query.
  AdminAnswer get(const std::string& path);
  AdminAnswer post(const std::string& path);

  const std::string& address() const { return address_; }

  // Asked now and then while a request runs: whether it is of no use any more. May be empty.
  std::function<bool()> gives_up;

 private:
  struct Curl;

  AdminAnswer perform(const std::string& path);

  const std::string address_;
  const std::chrono::milliseconds deadline_;
  std::unique_ptr<Curl> curl_;
};

// For an answer that is not fine: one line for people, with what to do about it; and the exit code.
std::string describe(const AdminAnswer& answer, const AdminPort& port);
ExitCode exit_code_of(const AdminAnswer& answer);
// For one that is fine and cannot be read.
std::string describe_unreadable(const AdminPort& port);

}  // namespace onehop::cli
