// What is answered to a request, and how it is written.
#pragma once

#include <string>
#include <string_view>

#include "admin/http_request.h"

namespace onehop::admin {

struct Answer {
  static constexpr std::string_view kText = "text/plain; charset=utf-8";
  static constexpr std::string_view kJson = "application/json";

  unsigned status = 200;
  std::string_view type = kText;
  std::string body;
  std::string_view allow;  // For 405: the methods there are.
};

// With the body {"error": why}. JSON, so that whatever a request brought may be in it.
Answer error_answer(unsigned status, std::string_view why);

// The bytes of an answer. `with_body`: not to HEAD, which is told how long the body would have been.
std::string written(const Answer& answer, bool with_body, bool keep_alive);

}  // namespace onehop::admin
